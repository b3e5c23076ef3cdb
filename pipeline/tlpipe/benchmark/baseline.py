"""A benchmark against a stored one of the same device and model: what got worse."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tlpipe_edge.bench.run import SCHEMA
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable
from tlpipe_edge.machine import device

_ADVICE = "Store one with tlpipe bench --out FILE, measured when the machine is calm."


@dataclass(frozen=True)
class Limits:
    """How many times as slow, and by how much less accurate (a share) a result may be than the stored one."""

    max_slowdown: float = 1.10
    max_drop: float = 0.01


@dataclass(frozen=True)
class ComparedDevice:
    """What makes two devices the same kind; the address is not part of it."""

    board: str
    cpu: str
    address: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return " with ".join(dict.fromkeys((self.board, self.cpu)))


@dataclass(frozen=True)
class ComparedModel:
    """What makes two models the same work."""

    name: str


@dataclass(frozen=True)
class ComparedImages:
    """One sum of all images and labels."""

    sha256: str


@dataclass(frozen=True)
class ComparedFigures:
    """Of a latency in milliseconds, what is compared."""

    p50: float


@dataclass(frozen=True)
class ComparedResult:
    """Of a result, what is compared; the other keys of the document are not looked at."""

    recipe: str
    runtime: str
    threads: int
    valid: bool
    invalid_reasons: tuple[str, ...]
    invoke_ms: ComparedFigures | None
    end_to_end_ms: ComparedFigures | None
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
class ComparedSkip:
    """A recipe that the runtime there cannot run."""

    recipe: str
    reason: str


@dataclass(frozen=True)
class ComparedReport:
    """Of the document of one device, what is compared."""

    device: ComparedDevice
    model: ComparedModel
    images: ComparedImages
    results: tuple[ComparedResult, ...]
    skipped: tuple[ComparedSkip, ...] = ()

    def __str__(self) -> str:
        return f"{self.model.name} on {self.device}"


@dataclass(frozen=True)
class Baseline:
    """What a file holds: the report of one device, or of several."""

    file: Path
    reports: tuple[ComparedReport, ...]


def read_baseline(file: Path) -> Baseline:
    """Read it. Raises MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput(f"{file}: no such baseline", _ADVICE)
    try:
        document = load_json(file)
    except BadData as error:
        raise BadData(f"{error.what}: not a report of tlpipe bench", _ADVICE) from None
    if not isinstance(document, dict) or "schema" not in document:
        raise BadData(f"{file}: not a report of tlpipe bench", _ADVICE)
    if document["schema"] != SCHEMA:
        raise BadData(f"{file}: schema {document['schema']}, this program reads {SCHEMA}", _ADVICE)
    return Baseline(file, _reports(document.get("benches", [document]), str(file)))


def check_comparable(
    stored: Baseline, model: str, *, recipes: Collection[str], threads: Collection[int], elsewhere: bool = False
) -> None:
    """Raise BadData where nothing that is to be measured can be compared with what is stored.

    ``elsewhere``: devices are measured, too, of which it is not known yet what they are; otherwise the report has to be
    of this machine.
    """
    machine = device.read()
    here = ComparedDevice(machine.board, machine.cpu)
    same = [
        each for each in stored.reports if each.model == ComparedModel(model) and (elsewhere or each.device == here)
    ]
    if not same:
        raise _of_another(stored, model if elsewhere else f"{model} on {here}")
    results = [result for each in same for result in each.results]
    wanted = [result for result in results if result.recipe in recipes and result.threads in threads]
    if not wanted:
        raise _nothing_in_common(stored, results)
    if not any(result.timed for result in wanted):
        raise _no_baseline(stored, wanted[0])


def check_not_worse(documents: Sequence[dict[str, Any]], stored: Baseline, limits: Limits) -> None:
    """Compare each of ``documents``, one for a device, with the stored one of its device and model.

    Raises GateNotMet with what got worse on any of them; BadData where nothing can be compared; Unavailable where a new
    measurement is not valid, and so proves nothing. What cannot be compared beside what can is a warning.
    """
    worse: list[str] = []
    unsure: list[str] = []
    incomparable: list[BadData] = []
    compared = 0
    for report in _reports(list(documents), "this report"):
        try:
            before = _before(stored, report)
            pairs = _pairs(stored, before, report)
        except BadData as error:
            incomparable.append(error)
            continue
        same_images = before.images == report.images
        if not same_images:
            progress.warn(f"{stored.file} is of other photographs: the network's time is compared, accuracy is not")
        worse += _lost(before, report)
        for old, new in pairs:
            compared += 1
            worse += _worse(old, new, limits, same_images=same_images)
            if old.timed:
                unsure += [f"{new}: {why}" for why in new.invalid_reasons]
                unsure += [f"{new}: no latency under emulation"] * (new.invoke_ms is None)
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


def _reports(documents: Any, where: str) -> tuple[ComparedReport, ...]:
    try:
        reports: tuple[ComparedReport, ...] = codec.read(tuple[ComparedReport, ...], documents, where)
    except BadData as error:
        raise BadData(f"{error.what}: not a report of tlpipe bench", _ADVICE) from None
    for result in (result for report in reports for result in report.results):
        for figures in (result.invoke_ms, result.end_to_end_ms):
            if figures is not None and figures.p50 <= 0:
                raise BadData(f"{where}: {result} took {figures.p50:g} ms: not a report of tlpipe bench", _ADVICE)
    return reports


def _before(stored: Baseline, report: ComparedReport) -> ComparedReport:
    """The stored one of the same device and model; of several equal devices the one at the same address."""
    same = [each for each in stored.reports if (each.device, each.model) == (report.device, report.model)]
    if not same:
        raise _of_another(stored, str(report))
    return next((each for each in same if each.device.address == report.device.address), same[0])


def _pairs(
    stored: Baseline, before: ComparedReport, after: ComparedReport
) -> list[tuple[ComparedResult, ComparedResult]]:
    """The stored and the new result of the same recipe, runtime and threads.

    Raises BadData where there are none, or none of the stored ones has a valid latency.
    """
    known = {result.same: result for result in before.results}
    found = [(known[result.same], result) for result in after.results if result.same in known]
    if not found:
        raise _nothing_in_common(stored, before.results)
    unfit = [_no_baseline(stored, old) for old, _ in found if not old.timed]
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
    return BadData(
        f"{stored.file}: no report of {wanted} (it has {'; '.join(map(str, stored.reports))})",
        "Compare with a report of the same device and model name.",
    )


def _nothing_in_common(stored: Baseline, results: Sequence[ComparedResult]) -> BadData:
    return BadData(
        f"{stored.file}: none of the same recipe, runtime and threads (it has {'; '.join(map(str, results))})",
        "Measure what the baseline has.",
    )


def _no_baseline(stored: Baseline, result: ComparedResult) -> BadData:
    why = "; ".join(result.invalid_reasons) or "it has no latency"
    return BadData(f"{stored.file}: {result} is no baseline: {why}", _ADVICE)


def _lost(before: ComparedReport, after: ComparedReport) -> Iterator[str]:
    """What the device could run, and now cannot."""
    could = {result.recipe for result in before.results}
    yield from (f"{each.recipe} does not run any more: {each.reason}" for each in after.skipped if each.recipe in could)


def _worse(old: ComparedResult, new: ComparedResult, limits: Limits, *, same_images: bool) -> Iterator[str]:
    if new.valid and old.timed:
        yield from _slower("the network alone", old.invoke_ms, new.invoke_ms, new, limits)
        if same_images:
            yield from _slower("from file to label", old.end_to_end_ms, new.end_to_end_ms, new, limits)
    if same_images and old.top1 is not None and new.top1 is not None:
        drop = old.top1 - new.top1
        if drop > limits.max_drop + 1e-12:  # the rates are quotients of whole numbers: only rounding
            yield f"{new}: top-1 {new.top1:.4f}, was {old.top1:.4f}"


def _slower(
    words: str, old: ComparedFigures | None, new: ComparedFigures | None, result: ComparedResult, limits: Limits
) -> Iterator[str]:
    if old is not None and new is not None and new.p50 > limits.max_slowdown * old.p50:
        yield f"{result}: {words} {new.p50:.2f} ms, was {old.p50:.2f} ms ({new.p50 / old.p50:.2f} times)"
