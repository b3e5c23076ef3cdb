"""A benchmark against a stored one of the same device and model: what got worse."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Bench, BenchResult, benches
from tlpipe_edge.contract.conditions import DeviceDescription
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.contract.latency import LatencyFigures
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable
from tlpipe_edge.machine import device

_ADVICE = "Store one with tlpipe bench --out FILE, measured when the machine is calm."


@dataclass(frozen=True)
class Limits:
    """How many times as slow, and by how much less accurate (a share) a result may be than the stored one."""

    max_slowdown: float = 1.10
    max_drop: float = 0.01


@dataclass(frozen=True)
class Baseline:
    """What a file holds: the benchmark of one device, or of several."""

    file: Path
    benches: tuple[Bench, ...]


def read_baseline(file: Path) -> Baseline:
    """Read it. Raises MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput("no such baseline", _ADVICE, where=file)
    return Baseline(file, benches(load_json(file), str(file), _ADVICE))


def check_comparable(
    stored: Baseline, model: str, *, recipes: Collection[str], threads: Collection[int], elsewhere: bool = False
) -> None:
    """Raise BadData where nothing that is to be measured can be compared with what is stored.

    ``elsewhere``: devices are measured, too, of which it is not known yet what they are; otherwise the report has to be
    of this machine.
    """
    machine = device.read()
    here = machine.board, machine.cpu
    same = [each for each in stored.benches if each.model.name == model and (elsewhere or _kind(each.device) == here)]
    if not same:
        raise _of_another(stored, model if elsewhere else _work(model, here))
    results = [result for each in same for result in each.results]
    wanted = [result for result in results if result.recipe in recipes and result.threads in threads]
    if not wanted:
        raise _nothing_in_common(stored, results)
    if not any(map(_is_timed, wanted)):
        raise _no_baseline(stored, wanted[0])


def check_not_worse(measured: Sequence[Bench], stored: Baseline, limits: Limits) -> None:
    """Compare each of ``measured``, one for a device, with the stored one of its device and model.

    Raises GateNotMet with what got worse on any of them; BadData where nothing can be compared; Unavailable where a new
    measurement is not valid, and so proves nothing. What cannot be compared beside what can is a warning.
    """
    worse: list[str] = []
    unsure: list[str] = []
    incomparable: list[BadData] = []
    compared = 0
    for bench in measured:
        try:
            before = _before(stored, bench)
            pairs = _pairs(stored, before, bench)
        except BadData as error:
            incomparable.append(error)
            continue
        same_images = _images(before) is not None and _images(before) == _images(bench)
        if not same_images:
            progress.warn(f"{stored.file} is of other photographs: the network's time is compared, accuracy is not")
        worse += _lost(before, bench)
        for old, new in pairs:
            compared += 1
            worse += _worse(old, new, limits, same_images=same_images)
            if _is_timed(old):
                unsure += [f"{_name(new)}: {why}" for why in new.why()]
                unsure += [f"{_name(new)}: no latency under emulation"] * (new.invoke_ms is None)
    if worse:
        raise GateNotMet(f"worse than {stored.file}: {'; '.join(worse)}")
    if not compared:
        raise incomparable[0]
    if unsure:
        progress.say(f"no worse than {stored.file} in all that is valid")
        raise Unavailable(
            f"not comparable with {stored.file}: this measurement is invalid ({'; '.join(unsure)})",
            "Run it again when the machine is calm.",
        )
    for each in incomparable:
        progress.warn(each.what)
    progress.say(f"no worse than {stored.file}, in {compared} measurements")


def _kind(device: DeviceDescription) -> tuple[str, str]:
    """What makes two devices the same kind; the address is not part of it."""
    return device.board, device.cpu


def _work(model: str, kind: tuple[str, str]) -> str:
    return f"{model} on {' with '.join(dict.fromkeys(kind))}"


def _images(bench: Bench) -> str | None:
    """One sum of all images and labels."""
    return bench.images.sha256 if bench.images else None


def _setting(result: BenchResult) -> tuple[str, str | None, int | None]:
    """What two results have in common that can be compared."""
    return result.recipe, result.runtime, result.threads


def _is_timed(result: BenchResult) -> bool:
    """Whether it has a latency to compare with."""
    return result.valid and result.invoke_ms is not None


def _name(result: BenchResult) -> str:
    return f"{result.recipe}, {result.threads} thread{'s' * (result.threads != 1)}"


def _before(stored: Baseline, bench: Bench) -> Bench:
    """The stored one of the same device and model; of several equal devices the one at the same address."""
    wanted = _kind(bench.device), bench.model.name
    same = [each for each in stored.benches if (_kind(each.device), each.model.name) == wanted]
    if not same:
        raise _of_another(stored, _work(bench.model.name, _kind(bench.device)))
    return next((each for each in same if each.device.address == bench.device.address), same[0])


def _pairs(stored: Baseline, before: Bench, after: Bench) -> list[tuple[BenchResult, BenchResult]]:
    """The stored and the new result of the same recipe, runtime and threads.

    Raises BadData where there are none, or none of the stored ones has a valid latency.
    """
    known = {_setting(result): result for result in before.results}
    found = [(known[_setting(result)], result) for result in after.results if _setting(result) in known]
    if not found:
        raise _nothing_in_common(stored, before.results)
    unfit = [_no_baseline(stored, old) for old, _ in found if not _is_timed(old)]
    if len(unfit) == len(found):
        raise unfit[0]
    for each in unfit:
        progress.warn(each.what)
    if left := len(after.results) - len(found):
        progress.warn(f"{left} of {len(after.results)} results have none to be compared with in {stored.file}")
    if left := len(before.results) - len(found):
        progress.warn(f"{left} of the {len(before.results)} results in {stored.file} were not measured now")
    return found


def _of_another(stored: Baseline, wanted: str) -> BadData:
    there = [_work(each.model.name, _kind(each.device)) for each in stored.benches]
    return BadData(
        f"no report of {wanted} (it has {'; '.join(there)})",
        "Compare with a report of the same device and model name.",
        where=stored.file,
    )


def _nothing_in_common(stored: Baseline, results: Sequence[BenchResult]) -> BadData:
    return BadData(
        f"none of the same recipe, runtime and threads (it has {'; '.join(map(_name, results))})",
        "Measure what the baseline has.",
        where=stored.file,
    )


def _no_baseline(stored: Baseline, result: BenchResult) -> BadData:
    why = "; ".join(result.invalid_reasons) or "it has no latency"
    return BadData(f"{_name(result)} is no baseline: {why}", _ADVICE, where=stored.file)


def _lost(before: Bench, after: Bench) -> Iterator[str]:
    """What the device could run, and now cannot."""
    could = {result.recipe for result in before.results}
    yield from (f"{each.recipe} does not run any more: {each.reason}" for each in after.skipped if each.recipe in could)


def _worse(old: BenchResult, new: BenchResult, limits: Limits, *, same_images: bool) -> Iterator[str]:
    if new.valid and _is_timed(old):
        yield from _slower("the network alone", old.invoke_ms, new.invoke_ms, new, limits)
        if same_images:
            yield from _slower("from file to label", old.end_to_end_ms, new.end_to_end_ms, new, limits)
    if same_images and old.top1 is not None and new.top1 is not None:
        drop = old.top1 - new.top1
        if drop > limits.max_drop + 1e-12:  # the rates are quotients of whole numbers: only rounding
            yield f"{_name(new)}: top-1 {new.top1:.4f}, was {old.top1:.4f}"


def _slower(
    words: str, old: LatencyFigures | None, new: LatencyFigures | None, result: BenchResult, limits: Limits
) -> Iterator[str]:
    if old is not None and new is not None and new.p50 > limits.max_slowdown * old.p50:
        yield f"{_name(result)}: {words} {new.p50:.2f} ms, was {old.p50:.2f} ms ({new.p50 / old.p50:.2f} times)"
