"""A benchmark against a stored one of the same device and model: what got worse."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlpipe import progress
from tlpipe.report import measured
from tlpipe_edge import device, typed
from tlpipe_edge.bench import SCHEMA
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable

_ADVICE = "Store one with tlpipe bench --out FILE, measured when the machine is calm."


@dataclass(frozen=True)
class Limits:
    """How many times as slow, and by how much less accurate (a share) a result may be than the stored one."""

    max_slowdown: float = 1.10
    max_drop: float = 0.01


@dataclass(frozen=True)
class Device:
    """What makes two devices the same kind; the address is not part of it."""

    board: str
    cpu: str
    address: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return " with ".join(dict.fromkeys((self.board, self.cpu)))


@dataclass(frozen=True)
class Model:
    """What makes two models the same work."""

    name: str


@dataclass(frozen=True)
class Images:
    """One sum of all images and labels."""

    sha256: str


@dataclass(frozen=True)
class Figures:
    """Of a latency in milliseconds, what is compared."""

    p50: float


@dataclass(frozen=True)
class Result:
    """Of a result, what is compared; the other keys of the document are not looked at."""

    recipe: str
    runtime: str
    threads: int
    valid: bool
    invalid_reasons: tuple[str, ...]
    invoke_ms: Figures | None
    end_to_end_ms: Figures | None
    top1: float | None

    @property
    def same(self) -> tuple[str, str, int]:
        """What two results have in common that can be compared."""
        return self.recipe, self.runtime, self.threads

    @property
    def timed(self) -> bool:
        """Whether it has a latency to compare with."""
        return self.valid and self.invoke_ms is not None

    def __str__(self) -> str:
        return f"{self.recipe}, {self.threads} thread{'s' * (self.threads > 1)}"


@dataclass(frozen=True)
class Skipped:
    """A recipe that the runtime there cannot run."""

    recipe: str
    reason: str


@dataclass(frozen=True)
class Report:
    """Of the document of one device, what is compared."""

    device: Device
    model: Model
    images: Images
    results: tuple[Result, ...]
    skipped: tuple[Skipped, ...] = ()

    def __str__(self) -> str:
        return f"{self.model.name} on {self.device}"


def read(file: Path) -> tuple[Report, ...]:
    """The benchmarks in a file: one, or those of several devices. Raises MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput(f"{file}: no such baseline", _ADVICE)
    try:
        document = measured.load(file)
    except BadData as error:
        raise BadData(f"{error.what}: not a report of tlpipe bench", _ADVICE) from None
    if not isinstance(document, dict) or "schema" not in document:
        raise BadData(f"{file}: not a report of tlpipe bench", _ADVICE)
    if document["schema"] != SCHEMA:
        raise BadData(f"{file}: schema {document['schema']}, this program reads {SCHEMA}", _ADVICE)
    return _reports(document.get("benches", [document]), str(file))


def foresee(
    file: Path, model: str, *, recipes: Collection[str], threads: Collection[int], elsewhere: bool = False
) -> None:
    """See, before minutes are spent, whether what is to be measured can be compared with a result in ``file``.

    ``elsewhere``: devices are measured, too, of which it is not known yet what they are; otherwise the report has to be
    of this machine. Raises MissingInput or BadData.
    """
    machine = device.read()
    here = Device(machine.board, machine.cpu)
    stored = read(file)
    same = [each for each in stored if each.model == Model(model) and (elsewhere or each.device == here)]
    if not same:
        raise _of_another(file, model if elsewhere else f"{model} on {here}", stored)
    results = [result for each in same for result in each.results]
    wanted = [result for result in results if result.recipe in recipes and result.threads in threads]
    if not wanted:
        raise _nothing_in_common(file, results)
    if not any(result.timed for result in wanted):
        raise _no_baseline(file, wanted[0])


def check(documents: Sequence[dict[str, Any]], file: Path, limits: Limits) -> None:
    """Compare each of ``documents``, one for a device, with the one of its device and model in ``file``.

    Raises GateNotMet with what got worse on any of them; BadData where nothing can be compared; Unavailable where a new
    measurement is not valid, and so proves nothing. What cannot be compared beside what can is a warning.
    """
    stored = read(file)
    worse: list[str] = []
    unsure: list[str] = []
    incomparable: list[BadData] = []
    compared = 0
    for report in _reports(list(documents), "this report"):
        try:
            before = _before(stored, report, file)
            pairs = _pairs(before, report, file)
        except BadData as error:
            incomparable.append(error)
            continue
        same_images = before.images == report.images
        if not same_images:
            progress.warn(f"{file} is of other photographs: the network's time is compared, accuracy is not")
        worse += _lost(before, report)
        for old, new in pairs:
            compared += 1
            worse += _worse(old, new, limits, same_images=same_images)
            unsure += [f"{new}: {why}" for why in new.invalid_reasons]
            unsure += [f"{new}: no latency under emulation"] * (new.invoke_ms is None)
    if worse:
        raise GateNotMet(f"worse than {file}: {'; '.join(worse)}")
    if not compared:
        raise incomparable[0]
    if unsure:
        raise Unavailable(
            f"not comparable with {file}: this measurement is invalid ({'; '.join(unsure)})",
            "Run it again when the machine is calm.",
        )
    for each in incomparable:
        progress.warn(each.what)
    progress.say(f"no worse than {file}, in {compared} measurements")


def _reports(documents: Any, where: str) -> tuple[Report, ...]:
    try:
        reports: tuple[Report, ...] = typed.read(tuple[Report, ...], documents, where)
    except BadData as error:
        raise BadData(f"{error.what}: not a report of tlpipe bench", _ADVICE) from None
    return reports


def _before(stored: Sequence[Report], report: Report, file: Path) -> Report:
    """The stored one of the same device and model; of several equal devices the one at the same address."""
    same = [each for each in stored if (each.device, each.model) == (report.device, report.model)]
    if not same:
        raise _of_another(file, str(report), stored)
    return next((each for each in same if each.device.address == report.device.address), same[0])


def _pairs(before: Report, after: Report, file: Path) -> list[tuple[Result, Result]]:
    """The stored and the new result of the same recipe, runtime and threads. Raises BadData where there are none."""
    stored = {result.same: result for result in before.results}
    found = [(stored[result.same], result) for result in after.results if result.same in stored]
    if not found:
        raise _nothing_in_common(file, before.results)
    for old, _ in found:
        if not old.timed:
            raise _no_baseline(file, old)
    if left := len(after.results) - len(found):
        progress.warn(f"{left} of {len(after.results)} results have none to be compared with in {file}")
    if left := len(before.results) - len(found):
        progress.warn(f"{left} of the {len(before.results)} results in {file} were not measured now")
    return found


def _of_another(file: Path, wanted: str, stored: Sequence[Report]) -> BadData:
    return BadData(
        f"{file}: no report of {wanted} (it has {'; '.join(map(str, stored))})",
        "Compare with a report of the same device and model name.",
    )


def _nothing_in_common(file: Path, results: Sequence[Result]) -> BadData:
    return BadData(
        f"{file}: none of the same recipe, runtime and threads (it has {'; '.join(map(str, results))})",
        "Measure what the baseline has.",
    )


def _no_baseline(file: Path, result: Result) -> BadData:
    why = "; ".join(result.invalid_reasons) or "it has no latency"
    return BadData(f"{file}: {result} is no baseline: {why}", _ADVICE)


def _lost(before: Report, after: Report) -> Iterator[str]:
    """What the device could run, and now cannot."""
    could = {result.recipe for result in before.results}
    yield from (f"{each.recipe} does not run any more: {each.reason}" for each in after.skipped if each.recipe in could)


def _worse(old: Result, new: Result, limits: Limits, *, same_images: bool) -> Iterator[str]:
    if new.valid:
        yield from _slower("the network alone", old.invoke_ms, new.invoke_ms, new, limits)
        if same_images:
            yield from _slower("from file to label", old.end_to_end_ms, new.end_to_end_ms, new, limits)
    if same_images and old.top1 is not None and new.top1 is not None:
        drop = old.top1 - new.top1
        if drop > limits.max_drop + 1e-12:  # the rates are quotients of whole numbers: only rounding
            yield f"{new}: top-1 {new.top1:.4f}, was {old.top1:.4f}"


def _slower(words: str, old: Figures | None, new: Figures | None, result: Result, limits: Limits) -> Iterator[str]:
    if old is not None and new is not None and new.p50 > limits.max_slowdown * old.p50:
        yield f"{result}: {words} {new.p50:.2f} ms, was {old.p50:.2f} ms ({new.p50 / old.p50:.2f} times)"
