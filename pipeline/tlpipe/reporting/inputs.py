"""The sources of a report: a bundle, with its evaluation and training histories, and benchmarks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe.evaluation import per_image
from tlpipe.evaluation.per_image import Predictions
from tlpipe.runs import places
from tlpipe.runs.history import History
from tlpipe.runs.metrics import Metrics
from tlpipe.storage import leftovers
from tlpipe_edge.contract import benchmark, evaluation, explanation, kinds
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import EVALUATION, EXPLANATION, TRAINING, Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.explanation import Explanation
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage


@dataclass(frozen=True)
class BenchSource:
    """A benchmark, and the file or the command that it comes from."""

    name: str
    bench: Bench


@dataclass(frozen=True)
class Sources:
    """All sources of a report, checked to be of one model; ``metrics`` are those of the exported stage.

    ``predictions`` are those of the evaluation, image by image; a bundle of an earlier version has none.
    ``exported`` are those of Keras from the export, with their scores, if the evaluation has no scores.
    ``explanation`` is that in the bundle, of whichever int8 file.
    """

    bundle: Bundle | None
    evaluation: Evaluation | None
    predictions: Predictions | None
    histories: tuple[History, ...]
    metrics: Metrics | None
    benches: tuple[BenchSource, ...]
    explanation: Explanation | None = None
    exported: Predictions | None = None


def without_file(benches: Iterable[Bench]) -> list[BenchSource]:
    """Benchmarks that are in no file: their source is the command that made them."""
    return [BenchSource(bench.conditions.command or "tlpipe bench", bench) for bench in benches]


def read(paths: Iterable[Path], benches: Iterable[Bench] = ()) -> Sources:
    """Read a bundle (a folder) and documents of ``bench`` (files), and add ``benches``.

    Raise MissingInput if a path does not exist, WrongUsage if there are two bundles, and BadData if a file is damaged,
    of another kind, or of another model than the rest.
    """
    bundle = None
    found = without_file(benches)
    for path in paths:
        leftovers.repair(path.parent)
        _check_kind(path)
        if not path.is_dir():
            found += [BenchSource(str(path), bench) for bench in benchmark.benches(load_json(path), str(path))]
        elif bundle is None:
            bundle = places.bundle(path)
        else:
            raise WrongUsage(
                "more than one bundle was named",
                "A report is about one bundle, and any number of benchmarks.",
                where=path,
            )
    return gather(bundle, found)


def _check_kind(path: Path) -> None:
    """Raise MissingInput if there is nothing, BadData for a file that by its name is of another kind."""
    if not path.exists():
        raise kinds.missing(
            path, "file or bundle", _can_be_source, among=(kinds.BUNDLE.parent,), advice="Check the path."
        )
    what = kinds.found(path)
    if path.is_file() and what not in (None, kinds.JSON_FILE):
        raise BadData(f"this is {what}, not a bundle or a benchmark", kinds.advice_for(kinds.BUNDLE, path), where=path)


def _can_be_source(path: Path) -> bool:
    return path.suffix.lower() == ".json" or kinds.BUNDLE.is_at(path)


def gather(bundle: Bundle | None, benches: Sequence[BenchSource]) -> Sources:
    """The sources from an opened bundle and benchmarks."""
    found: list[BenchSource] = []
    for source in benches:
        if source.bench not in [each.bench for each in found]:  # a file that was named twice
            found.append(source)
    if bundle is None and not found:
        raise WrongUsage("nothing to report on", "Name a bundle, or a file that tlpipe bench --out wrote.")
    _check_model(bundle, found)
    if bundle is None:
        return Sources(None, None, None, (), None, tuple(found))
    scores = _evaluation(bundle)
    predictions = _predictions(bundle) if scores else None
    exported = None if predictions and predictions.scores else _exported(bundle)
    history, metrics, explained = _histories(bundle), _metrics(bundle), _explanation(bundle)
    return Sources(bundle, scores, predictions, history, metrics, tuple(found), explained, exported)


def _check_model(bundle: Bundle | None, benches: Sequence[BenchSource]) -> None:
    """Raise BadData if the sources differ in labels or in the Keras model."""
    first = f"the bundle {bundle.path}" if bundle else benches[0].name
    labels = bundle.manifest.labels if bundle else benches[0].bench.model.labels
    originals = {bundle.manifest.provenance.keras_sha256} if bundle else set()
    for source in benches:
        if source.bench.model.keras_sha256 is not None:
            originals.add(source.bench.model.keras_sha256)
        if source.bench.model.labels != labels or len(originals) > 1:
            raise BadData(f"of another model than {first}", "Make a report for each model.", where=source.name)


def _evaluation(bundle: Bundle) -> Evaluation | None:
    """The evaluation in the bundle; None if there is none, or if it is of other files than those of the bundle."""
    file = bundle.path / EVALUATION
    if not file.exists():
        return None
    found = evaluation.evaluation(load_json(file), bundle.manifest.labels, str(file))
    there = {artifact.sha256 for artifact in bundle.manifest.artifacts}
    return found if {scores.sha256 for scores in found.artifacts} <= there else None


def _explanation(bundle: Bundle) -> Explanation | None:
    file = bundle.path / EXPLANATION
    return explanation.explanation(load_json(file), str(file)) if file.exists() else None


def _predictions(bundle: Bundle) -> Predictions | None:
    try:
        return per_image.read(bundle)
    except MissingInput:
        return None


def _exported(bundle: Bundle) -> Predictions | None:
    try:
        return per_image.of_export(bundle)
    except MissingInput:
        return None


def _histories(bundle: Bundle) -> tuple[History, ...]:
    return tuple(map(History.read, bundle.checked_in(TRAINING, "[!.]*-history.jsonl")))


def _metrics(bundle: Bundle) -> Metrics | None:
    file = bundle.checked(f"{TRAINING}/{bundle.manifest.provenance.stage}-metrics.json")
    return Metrics.read(file) if file.exists() else None
