"""Compares the latencies of the files of two sides: on the same device, with the same runtime and number of threads."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tlpipe.reporting.comparison import LatencyChange
from tlpipe.reporting.sentences import Sentence, name, quoted, sentence
from tlpipe.reporting.side import Side, SideGroup, SideRow
from tlpipe_edge.contract.conditions import UNKNOWN, DeviceDescription

File = tuple[str, str | None]
"""The number format of a file, and its sha256 (Keras has none)."""
Pair = tuple[File, File]
"""A file of OLD and one of NEW."""


@dataclass(frozen=True)
class _Match:
    """A row of a device of NEW, and the one of OLD with the same setting."""

    after: SideGroup
    row: SideRow
    before: SideGroup
    was: SideRow


def of_pair(new: Side, old: Side, pair: Pair, *, recommended: bool) -> Iterator[LatencyChange]:
    """The latencies of a pair of files on each device of both sides."""
    for match in _matches(new, old, pair):
        row, was = match.row, match.was
        assert row.invoke_ms and was.invoke_ms
        reasons = [f"{word}: {reason}" for word, of in (("OLD", was), ("NEW", row)) for reason in of.why()]
        yield LatencyChange(
            device=match.after.name,
            old_recipe=was.recipe,
            new_recipe=row.recipe,
            recommended=recommended,
            threads=row.threads,
            runtime=" ".join(filter(None, (row.runtime, row.runtime_version, row.delegate))),
            old_p50_ms=was.invoke_ms.p50,
            new_p50_ms=row.invoke_ms.p50,
            ratio=None if reasons else row.invoke_ms.p50 / was.invoke_ms.p50,
            reasons=tuple(map(str, reasons)),
        )


def fastest(latencies: Iterable[LatencyChange]) -> tuple[LatencyChange, ...]:
    """The valid latency of the recommended files on each device: that with the threads with which NEW is fastest."""
    found: dict[str, LatencyChange] = {}
    for each in sorted(latencies, key=lambda each: each.new_p50_ms):
        if each.recommended and each.ratio is not None:
            found.setdefault(each.device, each)
    return tuple(found.values())


def left_out(new: Side, old: Side, pairs: Sequence[Pair]) -> Iterator[Sentence]:
    """Latencies of other files than those compared, and devices without a comparison, each with the reason."""
    yield from _of_other_files("OLD", old, dict(first for first, _ in pairs))
    yield from _of_other_files("NEW", new, dict(second for _, second in pairs))
    matches = [match for pair in pairs for match in _matches(new, old, pair)]
    compared, used = {match.after.name for match in matches}, {match.before.name for match in matches}
    for group in _timed(new):
        if group.name not in compared:
            yield _not_compared(group, _why(group, old, pairs))
    for group in _timed(old):
        same = _like(group, new)
        if not same:
            yield _not_compared(group, _alone(group, "OLD"))
        elif group.name not in used and any(each.name in compared for each in same):
            yield _not_compared(group, "NEW is compared with another device of this kind")


def _of_other_files(word: str, side: Side, compared: dict[str, str | None]) -> Iterator[Sentence]:
    """``compared`` has the sha256 of the file of each number format: a benchmark may be of an earlier one."""
    for group in _timed(side):
        others = [row.recipe for row in group.rows if row.invoke_ms and compared.get(row.recipe) != row.sha256]
        if recipes := [recipe for recipe in dict.fromkeys(others) if recipe in compared]:
            begin = (f"{word} was timed on ", name(group.name), " with other files of ", quoted(", ".join(recipes)))
            yield sentence(*begin, " than those that are compared: these latencies are left out (run tlpipe bench)")


def _not_compared(group: SideGroup, why: str) -> Sentence:
    return sentence("The latency on ", name(group.name), f" is not compared: {why}")


def _alone(group: SideGroup, word: str) -> str:
    return f"only {word} was timed there" if _kind(group.device) else "its browser does not say which device it is"


def _why(group: SideGroup, old: Side, pairs: Sequence[Pair]) -> str:
    same = _like(group, old)
    if not same:
        return _alone(group, "NEW")
    if any(_rows(group, second) and _rows(each, first) for each in same for first, second in pairs):
        return "the runtime, its version, the delegate or the number of threads is another one"
    return "no number format was timed on both sides with the files that are compared"


def _matches(new: Side, old: Side, pair: Pair) -> Iterator[_Match]:
    """Each timed row of NEW with the first one of OLD: of a device of the same kind, if possible the same address."""
    for after in _timed(new):
        stored: dict[tuple[object, ...], tuple[SideGroup, SideRow]] = {}
        for before in _like(after, old):
            for was in _rows(before, pair[0]):
                stored.setdefault(_setting(was), (before, was))
        for row in _rows(after, pair[1]):
            if _setting(row) in stored:
                yield _Match(after, row, *stored[_setting(row)])


def _rows(group: SideGroup, file: File) -> list[SideRow]:
    return [row for row in group.rows if row.invoke_ms and (row.recipe, row.sha256) == file]


def _setting(row: SideRow) -> tuple[object, ...]:
    """The conditions that must be the same, beside the device."""
    return row.runtime, row.runtime_version, row.delegate, row.threads


def _timed(side: Side) -> list[SideGroup]:
    return [group for group in side.summary.groups if group.device and any(row.invoke_ms for row in group.rows)]


def _like(group: SideGroup, side: Side) -> list[SideGroup]:
    """The timed devices of a side of the same kind, those of the same address first."""
    kind = _kind(group.device)
    same = (each for each in _timed(side) if kind and _kind(each.device) == kind)
    return sorted(same, key=lambda each: _address(each.device) != _address(group.device))


_ANY_MODEL = ("", UNKNOWN, "iPhone", "iPad")
"""What a browser calls a device if it does not name its model."""


def _kind(device: DeviceDescription | None) -> tuple[str, ...]:
    """Board, CPU, machine, and the browser with its system. Empty if unknown, as two phones may then look the same."""
    if device is None:
        return ()
    kind = (device.board, device.cpu, device.machine)
    if device.browser is None:
        return kind
    if device.board in _ANY_MODEL and device.cpu in _ANY_MODEL:
        return ()
    return (*kind, device.browser.name, device.os.partition(" ")[0])


def _address(device: DeviceDescription | None) -> str | None:
    return device.address if device else None
