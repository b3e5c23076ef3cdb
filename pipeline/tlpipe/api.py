"""The commands as functions, for a script or a notebook: what they print, these return as frozen values.

>>> import tlpipe
>>> done = tlpipe.run("photos", tlpipe.Training(image_size=224))
>>> done.report.verdict.text

Importing this loads no TensorFlow: a function does when it needs it. Errors are those of ``tlpipe_edge.errors``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.runs.config import Finetuning, Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract import benchmark
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    import keras

    from tlpipe.reporting.document import Report
    from tlpipe.workflow import Reported, TrainingJob

Place = Path | str
Callbacks = Sequence["keras.callbacks.Callback"]


def run(
    data: Place,
    training: Training = Training(),  # noqa: B008 (frozen)
    *,
    out: Place | None = None,
    overwrite: bool = False,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    strict: bool = False,
    callbacks: Callbacks = (),
) -> "Reported":
    """Train, fine-tune, export in every number format, evaluate, measure and report.

    ``data`` is a folder per class, or what else ``tlpipe run`` takes. ``out`` is the run folder, runs/DATA if left out.
    The fractions (0..1) are cut from the training images for splits that ``data`` does not have. With ``strict`` an
    unreadable image ends the training. ``callbacks`` are those of Keras, in both stages; the model that they see is the
    suffix: it takes features, not images, and shares its layers with the whole model.
    """
    from tlpipe import workflow

    job = _job(data, training, out, validation_fraction, test_fraction, overwrite=overwrite, strict=strict)
    return workflow.run(job, command=f"tlpipe.run({str(data)!r})", callbacks=callbacks)


def train(
    data: Place,
    training: Training = Training(),  # noqa: B008 (frozen)
    *,
    out: Place | None = None,
    overwrite: bool = False,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    strict: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Train a new head on the frozen backbone; as ``run`` for what it takes."""
    from tlpipe import workflow

    job = _job(data, training, out, validation_fraction, test_fraction, overwrite=overwrite, strict=strict)
    return workflow.train(job, callbacks=callbacks)


def finetune(
    run: Run | Place,
    finetuning: Finetuning | None = None,
    *,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Train the backbone's top layers, too; what is worse on validation is not kept.

    ``finetuning`` is that of the recipe of the run if left out, ``callbacks`` are as in ``run``.
    """
    opened = _run(run)
    from tlpipe.training import stages

    return stages.finetune(opened, finetuning, overwrite=overwrite, callbacks=callbacks)


def export(
    run: Run | Place, formats: Sequence[str] = ("int8",), *, out: Place | None = None, overwrite: bool = False
) -> Bundle:
    """Write a bundle of these number formats; ``out`` is exported/RUN if left out."""
    names = _names("formats", formats)
    from tlpipe import workflow

    return workflow.export(_run(run), names, out=None if out is None else Path(out), overwrite=overwrite)


def evaluate(
    bundle: Bundle | Place, *, data: Place | None = None, keras: Place | None = None, max_drop: float | None = None
) -> Evaluation:
    """Score the Keras original and every file of the bundle on the same images: ``data``, or the run's test split.

    ``keras`` is the original, if it has moved. ``max_drop`` (0..1) sets ``gate`` of the result; nothing is raised if it
    is not met.
    """
    opened = _bundle(bundle)
    from tlpipe.evaluation import evaluate

    return evaluate.evaluate(opened, data=_path(data), keras_file=_path(keras), max_drop=max_drop)


def bench(
    bundle: Bundle | Place,
    *,
    device: str | None = None,
    data: Place | None = None,
    keras: Place | None = None,
    recipes: Sequence[str] = (),
    threads: int | Sequence[int] = 1,
    runtime: str = "auto",
    wheelhouse: Place | None = None,
) -> Bench:
    """Measure the bundle here, with the Keras original beside it, or on a ``device`` ("ssh://user@host").

    ``recipes`` are all if left out; ``data`` and ``keras`` as in ``evaluate``. ``runtime`` is auto, ai-edge-litert or
    tflite-runtime; ``wheelhouse`` a folder of wheels for a device without a package index.
    """
    from tlpipe.remote.address import Address
    from tlpipe_edge.bench.target import BenchOptions
    from tlpipe_edge.tflite import interpreter

    address = None if device is None else Address.parse(device)
    counts = (threads,) if isinstance(threads, int) else tuple(threads)
    opened, options = _bundle(bundle), BenchOptions(_names("recipes", recipes), counts, runtime)
    interpreter.check_name(runtime)
    for recipe in options.recipes:
        opened.artifact(recipe)
    from tlpipe.benchmark import measure

    images, original = _path(data), _path(keras)
    if address is not None:
        wheels = _path(wheelhouse)
        return measure.elsewhere(address, opened, options, data=images, keras_file=original, wheelhouse=wheels)
    command = f"tlpipe.bench({str(opened.path)!r})"
    return measure.bench(opened, options, command=command, data=images, keras_file=original)


def report(
    bundle: Bundle | Place,
    benches: Bench | Place | Sequence[Bench | Place] = (),
    *,
    out: Place,
    overwrite: bool = False,
) -> "Report":
    """Write a page, Markdown, JSON and CSV into the folder ``out``: which file to take on which device.

    ``benches`` are what ``bench`` gave, or files that ``tlpipe bench --out`` wrote.
    """
    from tlpipe.reporting import publish

    several = (benches,) if isinstance(benches, Bench | Path | str) else benches
    measured = [bench for each in several for bench in _benches(each)]
    return publish.of_run(_bundle(bundle), measured, Path(out), overwrite=overwrite)


def _benches(source: Bench | Place) -> tuple[Bench, ...]:
    return (source,) if isinstance(source, Bench) else benchmark.benches(load_json(Path(source)), str(source))


def _job(
    data: Place,
    training: Training,
    out: Place | None,
    validation_fraction: float,
    test_fraction: float,
    *,
    overwrite: bool,
    strict: bool,
) -> "TrainingJob":
    if not isinstance(training, Training):
        raise WrongUsage(f"training={training!r}: not a recipe", "Pass tlpipe.Training(...).")
    from tlpipe import workflow

    return workflow.TrainingJob(
        Path(data),
        training,
        _path(out),
        overwrite=overwrite,
        strict=strict,
        validation_fraction=validation_fraction,
        test_fraction=test_fraction,
    )


def _names(parameter: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of number formats; a text alone, whose characters would be taken for names, is refused."""
    if isinstance(names, str):
        raise WrongUsage(f"{parameter}={names!r}: a text where a list belongs", f"Pass [{names!r}].")
    return tuple(names)


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)


def _run(run: Run | Place) -> Run:
    """The run as it is now: a value from before ``finetune`` does not know the stage that came since."""
    _require(run, Run)
    return Run.open(run.path if isinstance(run, Run) else run)


def _bundle(bundle: Bundle | Place) -> Bundle:
    _require(bundle, Bundle)
    return bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)


def _require(value: object, kind: type) -> None:
    if not isinstance(value, kind | Path | str):
        raise WrongUsage(f"{type(value).__name__}: not a {kind.__name__}", f"Pass a {kind.__name__}, or its folder.")
