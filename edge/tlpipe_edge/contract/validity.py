"""Whether latencies are valid, and the reasons if not."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlpipe_edge.contract.codec import Misfit


@dataclass(frozen=True)
class Reason:
    """Why a latency is invalid: a ``kind`` of reason ("throttled"), and the ``detail`` of this case, or "".

    ``scope`` names the result it is about ("int8, 2 threads", "Keras"). It is None in a result, which is meant itself,
    and in a benchmark if all latencies are meant.
    """

    kind: str
    detail: str = ""
    scope: str | None = None

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.scope, self.kind, self.detail)))


NOT_GIVEN = Reason("no reason is given")


@dataclass(frozen=True, kw_only=True)
class Validity:
    """Whether latencies are ``valid``, and the ``reasons`` if not; ``invalid_reasons`` are the same as text."""

    valid: bool
    invalid_reasons: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()

    def check_reasons(self) -> None:
        """Raise Misfit if there is a reason although it is valid."""
        if self.valid and (self.invalid_reasons or self.reasons):
            raise Misfit("there are reasons although it is valid", ".invalid_reasons")

    def why(self) -> tuple[Reason, ...]:
        """The reasons: empty if valid, otherwise at least one."""
        return () if self.valid else self.reasons or (NOT_GIVEN,)


def judged(reasons: Iterable[Reason]) -> Validity:
    """The validity with these reasons: valid if there are none."""
    reasons = tuple(reasons)
    return Validity(valid=not reasons, invalid_reasons=tuple(map(str, reasons)), reasons=reasons)
