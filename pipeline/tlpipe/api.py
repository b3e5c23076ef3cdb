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
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation
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
    callbacks: Callbacks = (),
) -> "Reported":
    """Train, fine-tune, export in every number format, evaluate, measure and report.

    ``data`` is a folder per class, or what else ``tlpipe run`` takes. ``out`` is the run folder, runs/DATA if left out.
    Keras's ``callbacks`` see both stages.
    """
    from tlpipe import workflow

    job = _job(data, training, out, overwrite=overwrite)
    return workflow.run(job, command=f"tlpipe.run({str(data)!r})", callbacks=callbacks)


def train(
    data: Place,
    training: Training = Training(),  # noqa: B008 (frozen)
    *,
    out: Place | None = None,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Train a new head on the frozen backbone; as ``run`` for what it takes."""
    from tlpipe import workflow

    return workflow.train(_job(data, training, out, overwrite=overwrite), callbacks=callbacks)


def finetune(
    run: Run | Place,
    finetuning: Finetuning = Finetuning(),  # noqa: B008 (frozen)
    *,
    overwrite: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Train the backbone's top layers, too; what is worse on validation is not kept."""
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
) -> Bench:
    """Measure the bundle here, with the Keras original beside it, or on a ``device`` ("ssh://user@host").

    ``recipes`` are all if left out; ``data`` and ``keras`` as in ``evaluate``.
    """
    from tlpipe.remote.address import Address
    from tlpipe_edge.bench.target import BenchOptions

    address = None if device is None else Address.parse(device)
    opened, options = (
        _bundle(bundle),
        BenchOptions(_names("recipes", recipes), (threads,) if isinstance(threads, int) else tuple(threads)),
    )
    for recipe in options.recipes:
        opened.artifact(recipe)
    from tlpipe.benchmark import measure

    if address is not None:
        return measure.elsewhere(address, opened, options, data=_path(data), keras_file=_path(keras))
    command = f"tlpipe.bench({str(opened.path)!r})"
    return measure.bench(opened, options, command=command, data=_path(data), keras_file=_path(keras))


def report(
    bundle: Bundle | Place, benches: Bench | Sequence[Bench] = (), *, out: Place, overwrite: bool = False
) -> "Report":
    """Write a page, Markdown, JSON and CSV into the folder ``out``: which file to take on which device."""
    from tlpipe.reporting import publish

    measured = (benches,) if isinstance(benches, Bench) else benches
    return publish.of_run(_bundle(bundle), measured, Path(out), overwrite=overwrite)


def _job(data: Place, training: Training, out: Place | None, *, overwrite: bool) -> "TrainingJob":
    from tlpipe import workflow

    return workflow.TrainingJob(Path(data), training, _path(out), overwrite=overwrite)


def _names(parameter: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of number formats; a text alone, whose characters would be taken for names, is refused."""
    if isinstance(names, str):
        raise WrongUsage(f"{parameter}={names!r}: a text where a list belongs", f"Pass [{names!r}].")
    return tuple(names)


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)


def _run(run: Run | Place) -> Run:
    return run if isinstance(run, Run) else Run.open(run)


def _bundle(bundle: Bundle | Place) -> Bundle:
    return bundle if isinstance(bundle, Bundle) else Bundle.open(bundle)
