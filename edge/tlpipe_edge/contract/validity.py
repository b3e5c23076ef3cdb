"""Whether latencies are valid, the reasons if not, and the same reasons grouped by their kind."""

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


@dataclass(frozen=True, kw_only=True)
class Repeatable(Validity):
    """The validity of a measurement that may have been repeated.

    ``discarded`` has the reasons against the other measurement if there were two; it is empty if there was one.
    """

    discarded: tuple[Reason, ...] = ()


def judged(reasons: Iterable[Reason]) -> Validity:
    """The validity with these reasons: valid if there are none."""
    reasons = tuple(reasons)
    return Validity(valid=not reasons, invalid_reasons=tuple(map(str, reasons)), reasons=reasons)


@dataclass(frozen=True)
class Case:
    """What happened ("" if the kind says it all), and the ``names`` of the parts it concerns.

    ``everywhere``: these are all parts, and more than one.
    """

    detail: str
    names: tuple[str, ...]
    everywhere: bool


@dataclass(frozen=True)
class Cause:
    """A kind of reason, with its scope, and its cases."""

    kind: str
    cases: tuple[Case, ...]

    def __str__(self) -> str:
        cases = (
            f"{each.detail} ({'all of them' if each.everywhere else '; '.join(each.names)})".lstrip()
            for each in self.cases
        )
        return f"{self.kind}{': ' if self.cases[0].detail else ' '}{'; '.join(cases)}"


def kinds(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """The kinds of reasons, each once, with their scope."""
    return tuple(dict.fromkeys(": ".join(filter(None, (reason.scope, reason.kind))) for reason in reasons))


def causes(parts: Iterable[tuple[str, Iterable[Reason]]]) -> tuple[Cause, ...]:
    """Each kind once, and each of its details once, of the reasons of named parts."""
    parts = tuple(parts)
    found: dict[str, dict[str, list[str]]] = {}
    for name, reasons in parts:
        for reason in dict.fromkeys(reasons):
            (kind,) = kinds([reason])
            found.setdefault(kind, {}).setdefault(reason.detail, []).append(name)
    return tuple(
        Cause(kind, tuple(Case(detail, tuple(names), 1 < len(names) == len(parts)) for detail, names in cases.items()))
        for kind, cases in found.items()
    )
