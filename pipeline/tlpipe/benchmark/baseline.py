"""Compares a benchmark with a stored one of the same device and model: what is worse now."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.benchmark import Bench, BenchResult, benches
from tlpipe_edge.contract.conditions import DeviceDescription
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.contract.latency import LatencyFigures
from tlpipe_edge.contract.validity import Reason, causes
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable
from tlpipe_edge.machine import device

_ADVICE = "Store one with tlpipe bench --out FILE, when the machine is idle."


@dataclass(frozen=True)
class Limits:
    """Maximum ratio of the latency to the stored one, and maximum drop of top-1 (a share)."""

    max_slowdown: float = 1.10
    max_drop: float = 0.01


@dataclass(frozen=True)
class Baseline:
    """The benchmarks in a file, of one device or of several."""

    file: Path
    benches: tuple[Bench, ...]


def read_baseline(file: Path) -> Baseline:
    """Read a stored benchmark. Raise MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput("no such baseline", _ADVICE, where=file)
    return Baseline(file, benches(load_json(file), str(file), _ADVICE))


def check_comparable(
    stored: Baseline, model: str, *, recipes: Collection[str], threads: Collection[int], elsewhere: bool = False
) -> None:
    """Raise BadData if none of the planned measurements has a counterpart in the stored benchmark.

    ``elsewhere``: other devices are measured, too, whose board and CPU are still unknown. Otherwise the stored
    benchmark must be of this machine.
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
    """Compare each of ``measured``, one per device, with the stored benchmark of its device and model.

    Raise GateNotMet if any result is worse, BadData if nothing can be compared, Unavailable if a new measurement is
    invalid. If only some results can be compared, warn of the others.
    """
    worse: list[str] = []
    compared: list[tuple[str, tuple[Reason, ...]]] = []
    incomparable: list[BadData] = []
    for bench in measured:
        try:
            before = _before(stored, bench)
            pairs = _pairs(stored, before, bench)
        except BadData as error:
            incomparable.append(error)
            continue
        same_images = _images(before) is not None and _images(before) == _images(bench)
        if not same_images:
            progress.warn(f"{stored.file} was measured on other images: only the latency of the network is compared")
        worse += _lost(before, bench)
        for old, new in pairs:
            worse += _worse(old, new, limits, same_images=same_images)
            untimed = (Reason("no latency under emulation"),) * (new.invoke_ms is None)
            compared.append((_name(new), (*new.why(), *untimed) if _is_timed(old) else ()))
    if worse:
        raise GateNotMet(f"worse than {stored.file}: {'; '.join(worse)}")
    if not compared:
        raise incomparable[0]
    if unsure := causes(compared):
        raise Unavailable(
            f"no valid result is worse than {stored.file}, but some latencies are invalid, so they were not compared: "
            f"{'; '.join(map(str, unsure))}",
            "Run it again when the machine is idle.",
        )
    for each in incomparable:
        progress.warn(each.what)
    progress.say(f"not worse than {stored.file}, in {len(compared)} measurements")


def _kind(device: DeviceDescription) -> tuple[str, str]:
    """The kind of a device: board and CPU, without the address."""
    return device.board, device.cpu


def _work(model: str, kind: tuple[str, str]) -> str:
    return f"{model} on {' with '.join(dict.fromkeys(kind))}"


def _images(bench: Bench) -> str | None:
    """The hash of all images and labels."""
    return bench.images.sha256 if bench.images else None


def _setting(result: BenchResult) -> tuple[str, str | None, int | None]:
    """The settings that two comparable results share."""
    return result.recipe, result.runtime, result.threads


def _is_timed(result: BenchResult) -> bool:
    """Whether it has a valid latency."""
    return result.valid and result.invoke_ms is not None


def _name(result: BenchResult) -> str:
    return f"{result.recipe}, {result.threads} thread{'s' * (result.threads != 1)}"


def _before(stored: Baseline, bench: Bench) -> Bench:
    """The stored benchmark of the same device and model; if there are several, that of the same address."""
    wanted = _kind(bench.device), bench.model.name
    same = [each for each in stored.benches if (_kind(each.device), each.model.name) == wanted]
    if not same:
        raise _of_another(stored, _work(bench.model.name, _kind(bench.device)))
    return next((each for each in same if each.device.address == bench.device.address), same[0])


def _pairs(stored: Baseline, before: Bench, after: Bench) -> list[tuple[BenchResult, BenchResult]]:
    """Pairs of a stored and a new result of the same recipe, runtime and threads.

    Raise BadData if there are none, or if no stored one has a valid latency.
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
        progress.warn(f"{left} of {len(after.results)} results have no counterpart in {stored.file}")
    if left := len(before.results) - len(found):
        progress.warn(f"{left} of the {len(before.results)} results in {stored.file} were not measured now")
    return found


def _of_another(stored: Baseline, wanted: str) -> BadData:
    there = [_work(each.model.name, _kind(each.device)) for each in stored.benches]
    return BadData(
        f"no benchmark of {wanted} (it has {'; '.join(there)})",
        "Compare with a benchmark of the same device and model name.",
        where=stored.file,
    )


def _nothing_in_common(stored: Baseline, results: Sequence[BenchResult]) -> BadData:
    return BadData(
        f"no result of the same format, runtime and threads (it has {'; '.join(map(_name, results))})",
        "Measure what the baseline has.",
        where=stored.file,
    )


def _no_baseline(stored: Baseline, result: BenchResult) -> BadData:
    why = "; ".join(result.invalid_reasons) or "it has no latency"
    return BadData(f"{_name(result)} cannot be a baseline: {why}", _ADVICE, where=stored.file)


def _lost(before: Bench, after: Bench) -> Iterator[str]:
    """The recipes that the device could run and now cannot."""
    could = {result.recipe for result in before.results}
    yield from (f"{each.recipe} no longer runs: {each.reason}" for each in after.skipped if each.recipe in could)


def _worse(old: BenchResult, new: BenchResult, limits: Limits, *, same_images: bool) -> Iterator[str]:
    if new.valid and _is_timed(old):
        yield from _slower("the network alone", old.invoke_ms, new.invoke_ms, new, limits)
        if same_images:
            yield from _slower("from file to label", old.end_to_end_ms, new.end_to_end_ms, new, limits)
    if same_images and old.top1 is not None and new.top1 is not None:
        drop = old.top1 - new.top1
        if drop > limits.max_drop + 1e-12:  # tolerance for rounding: the rates are quotients of integers
            yield f"{_name(new)}: top-1 {percent(new.top1)}, was {percent(old.top1)} ({100 * drop:.2f} points)"


def _slower(
    words: str, old: LatencyFigures | None, new: LatencyFigures | None, result: BenchResult, limits: Limits
) -> Iterator[str]:
    if old is not None and new is not None and new.p50 > limits.max_slowdown * old.p50:
        yield f"{_name(result)}: {words} {new.p50:.2f} ms, was {old.p50:.2f} ms ({new.p50 / old.p50:.2f} times)"
