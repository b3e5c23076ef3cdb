"""The reasons why the latencies of a group are invalid: their kinds in short, and each one in full, by kind."""

from collections.abc import Iterator

from tlpipe.reporting.document import Group, KerasRow, Row
from tlpipe_edge.contract import validity
from tlpipe_edge.contract.validity import Cause

Timed = Row | KerasRow


def of_group(group: Group) -> tuple[str, ...]:
    """The kinds of reasons of all latencies of a group."""
    return validity.kinds(reason for _, timed in _timed(group) for reason in timed.reasons)


def causes(group: Group) -> tuple[Cause, ...]:
    """Each reason once."""
    return validity.causes((name, timed.reasons) for name, timed in _timed(group))


def _timed(group: Group) -> Iterator[tuple[str, Timed]]:
    yield from ((row.label, row) for row in group.rows if row.invoke_ms)
    if group.keras and (group.keras.compiled_ms or group.keras.predict_ms):
        yield "Keras", group.keras
