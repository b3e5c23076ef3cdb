"""Whether what was timed is to be believed, and why not."""

from collections.abc import Iterable
from dataclasses import dataclass

from tlpipe_edge.contract.codec import Misfit


@dataclass(frozen=True)
class Reason:
    """Why a latency is invalid: its ``kind`` ("throttled"), and the ``detail`` of this one, "" for none.

    ``scope`` names the result that it is about ("int8, 2 threads", "Keras"); None for the one that states it, or, of a
    benchmark, for all that was timed.
    """

    kind: str
    detail: str = ""
    scope: str | None = None

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.scope, self.kind, self.detail)))


NOT_GIVEN = Reason("no reason is given")


@dataclass(frozen=True, kw_only=True)
class Validity:
    """``reasons`` why what was timed is not ``valid``; ``invalid_reasons`` are the same as text."""

    valid: bool
    invalid_reasons: tuple[str, ...]
    reasons: tuple[Reason, ...] = ()

    def check_reasons(self) -> None:
        """Raise Misfit for what is valid in spite of a reason."""
        if self.valid and (self.invalid_reasons or self.reasons):
            raise Misfit("reasons why it is invalid, and it is valid", ".invalid_reasons")

    def why(self) -> tuple[Reason, ...]:
        """The reasons: none of what is valid, and never none of what is not."""
        return () if self.valid else self.reasons or (NOT_GIVEN,)


def judged(reasons: Iterable[Reason]) -> Validity:
    """Valid without any reason."""
    reasons = tuple(reasons)
    return Validity(valid=not reasons, invalid_reasons=tuple(map(str, reasons)), reasons=reasons)
