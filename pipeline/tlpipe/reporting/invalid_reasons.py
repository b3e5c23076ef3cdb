"""The reasons why latencies are invalid: their kinds for each latency, and the full reasons once for a group."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tlpipe.reporting.document import Group, KerasRow, Row
from tlpipe_edge.contract.validity import Reason

Timed = Row | KerasRow


@dataclass(frozen=True)
class Cause:
    """A reason, and the names of the invalid latencies; ``everywhere``: it applies to all latencies of the group."""

    reason: str
    names: tuple[str, ...]
    everywhere: bool


def kinds(reasons: Iterable[Reason]) -> tuple[str, ...]:
    """The kinds of reasons, each once, with their scope."""
    return tuple(dict.fromkeys(": ".join(filter(None, (reason.scope, reason.kind))) for reason in reasons))


def of_group(group: Group) -> tuple[str, ...]:
    """The kinds of reasons of all latencies of a group."""
    return kinds(reason for _, timed in _timed(group) for reason in timed.reasons)


def causes(group: Group) -> tuple[Cause, ...]:
    """Each reason once."""
    timed = tuple(_timed(group))
    names: dict[str, list[str]] = {}
    for name, each in timed:
        for reason in dict.fromkeys(each.invalid_reasons):
            names.setdefault(reason, []).append(name)
    return tuple(Cause(reason, tuple(whose), len(whose) == len(timed)) for reason, whose in names.items())


def _timed(group: Group) -> Iterator[tuple[str, Timed]]:
    yield from ((row.label, row) for row in group.rows if row.invoke_ms)
    if group.keras and (group.keras.compiled_ms or group.keras.predict_ms):
        yield "Keras", group.keras
