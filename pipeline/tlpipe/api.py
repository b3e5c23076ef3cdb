"""The commands as functions, for a script or a notebook: they return frozen values instead of printing.

>>> import tlpipe
>>> done = tlpipe.run("photos", tlpipe.Training(image_size=224))
>>> done.report.verdict.text

This module does not import TensorFlow: each function imports it when it needs it. The errors are those of
``tlpipe_edge.errors``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.benchmark.timed import Timed
from tlpipe.data import reading
from tlpipe.data.location import located
from tlpipe.data.reading import Reading
from tlpipe.reporting.about import NOTHING_SAID, About
from tlpipe.runs import places
from tlpipe.runs.config import Finetuning, Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage.resume import Resume
from tlpipe_edge.contract import benchmark, kinds
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.explanation import Explanation
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    import keras

    from tlpipe.full_run import Reported
    from tlpipe.remote.pull import Pulled
    from tlpipe.reporting.comparison import Comparison
    from tlpipe.reporting.document import Report
    from tlpipe.reporting.side import Side
    from tlpipe.scoring.score import Scored
    from tlpipe.website.publish import Published
    from tlpipe.workflow import TrainingJob

Place = Path | str
Model = Bundle | Bench | Place | Sequence[Bundle | Bench | Place]
"""A side of a comparison."""
Numbers = float | Sequence[float]
Callbacks = Sequence["keras.callbacks.Callback"]


def run(
    data: Place,
    training: Training = Training(),  # noqa: B008 (frozen)
    *,
    out: Place | None = None,
    overwrite: bool = False,
    restart: bool = False,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    strict: bool = False,
    format: str | None = None,
    images: Place | None = None,
    timed: Timed | str = Timed.RECOMMENDED,
    callbacks: Callbacks = (),
    about: About = NOTHING_SAID,
) -> "Reported":
    """Train, fine-tune, export in every number format, evaluate, benchmark and report.

    ``data`` is a folder with one subfolder per class, or anything else that ``tlpipe run`` takes. ``out`` is the run
    folder, runs/DATA if left out. ``validation_fraction`` and ``test_fraction`` (0 to below 0.9) are the shares of
    train that are held out for splits that ``data`` does not have. ``format`` is folders, csv, jsonl or huggingface,
    told from ``data`` if left out; ``images`` is the folder of the images in a list, if it is not that of the list.
    With ``strict``, an unreadable image is an error. The same call that was stopped is continued, to the same ``out``;
    ``restart`` begins anew.
    ``timed``: which files are benchmarked beside Keras, "recommended", "all" or "none". ``callbacks`` are Keras
    callbacks for both stages. Their model is the suffix: it takes features, not images, and shares its layers with
    the full model. A training that is continued calls them only for the epochs that were left. ``about`` is the head of
    the report.
    """
    from tlpipe import full_run

    fractions, how = (validation_fraction, test_fraction), reading.parse(format, images)
    job = _job(data, training, out, fractions, how, overwrite=overwrite, restart=restart, strict=strict)
    command = f"tlpipe.run({str(data)!r})"
    return full_run.run(job, command=command, timed=_timed(timed), callbacks=callbacks, about=about)


def train(
    data: Place,
    training: Training = Training(),  # noqa: B008 (frozen)
    *,
    out: Place | None = None,
    overwrite: bool = False,
    restart: bool = False,
    validation_fraction: float = 0.1,
    test_fraction: float = 0.1,
    strict: bool = False,
    format: str | None = None,
    images: Place | None = None,
    callbacks: Callbacks = (),
) -> Run:
    """Train a new head on the frozen backbone. The parameters are as in ``run``."""
    from tlpipe import workflow

    fractions, how = (validation_fraction, test_fraction), reading.parse(format, images)
    job = _job(data, training, out, fractions, how, overwrite=overwrite, restart=restart, strict=strict)
    return workflow.train(job, callbacks=callbacks)


def adopt(
    model: Place,
    *,
    labels: Place,
    data: Place,
    mean: Numbers | None = None,
    std: Numbers | None = None,
    bgr: bool = False,
    image_size: int | None = None,
    crop: Crop | str = Crop.STRETCH,
    format: str | None = None,
    images: Place | None = None,
    out: Place | None = None,
    overwrite: bool = False,
) -> Run:
    """Make a run of a Keras image classifier (.keras or .h5) that was trained elsewhere; from there, ``export``,
    ``evaluate``, ``bench`` and ``report`` work as for any run.

    ``labels`` is a text file with the label of each output, one per line; ``data``, ``format`` and ``images`` are as in
    ``run``, for calibration and evaluation. ``mean`` and ``std`` (one number or three, of pixels 0..255) are the
    normalization ``(pixel - mean) / std`` that the model was trained with, if it is not inside; ``bgr``: with blue
    first. ``image_size`` is only for a model that takes images of any size. ``crop`` is how images become squares:
    stretch (as image_dataset_from_directory of Keras does), center-crop or letterbox. Code in the model file is never
    run.
    """
    from tlpipe import workflow
    from tlpipe.adopting import pixels
    from tlpipe.adopting.job import AdoptJob

    try:
        chosen = Crop(crop)
    except ValueError as error:
        raise WrongUsage(f"crop={crop!r}: not a choice", f"Pass {', '.join(Crop)}.") from error
    named = pixels.named(mean, std, bgr=bgr)
    how = reading.parse(format, images)
    job = AdoptJob(Path(model), Path(labels), Path(data), image_size, chosen, named, reading=how)
    return workflow.adopt(job, out=_path(out), overwrite=overwrite)


def finetune(
    run: Run | Place,
    finetuning: Finetuning | None = None,
    *,
    overwrite: bool = False,
    restart: bool = False,
    callbacks: Callbacks = (),
) -> Run:
    """Fine-tune the top layers of the backbone. The export uses the fine-tuned model unless its
    validation accuracy is lower.

    ``finetuning`` is that of the run's training configuration if left out; ``restart`` and ``callbacks`` are as in
    ``run``.
    """
    opened = _run(run)
    from tlpipe.training import stages

    resume = Resume(restart)
    return stages.finetune(opened, finetuning, overwrite=overwrite, resume=resume, callbacks=callbacks)


def export(
    run: Run | Place,
    formats: Sequence[str] = ("int8",),
    *,
    out: Place | None = None,
    max_drop: float | None = None,
    min_agreement: float | None = None,
    overwrite: bool = False,
    restart: bool = False,
) -> Bundle:
    """Write a bundle with these number formats; ``out`` is exported/RUN if left out. ``restart`` is as in ``run``.

    With ``max_drop`` of top-1 below Keras or ``min_agreement`` with Keras (both 0..1), the remedies against rounding
    errors of int8 are tried until its file is within them on the validation images. ``quantization`` of the artifact in
    the manifest has the result; no error is raised if none is within them.
    """
    names, limits = _names("formats", formats), Limits.given(max_drop=max_drop, min_agreement=min_agreement)
    from tlpipe import workflow

    resume = Resume(restart)
    return workflow.export(_run(run), names, out=_path(out), limits=limits, overwrite=overwrite, resume=resume)


def evaluate(
    bundle: Bundle | Place,
    *,
    data: Place | None = None,
    format: str | None = None,
    images: Place | None = None,
    keras: Place | None = None,
    max_drop: float | None = None,
    min_agreement: float | None = None,
    restart: bool = False,
) -> Evaluation:
    """Measure the accuracy of the Keras model and of every file of the bundle on the same images.

    The images are ``data``, or the test split of the run. ``format`` and ``images`` are as in ``run``. ``keras`` is the
    path of the Keras model, if it has moved.
    ``max_drop`` of top-1 below Keras and ``min_agreement`` with Keras (both 0..1) set ``gate`` in the result; no error
    is raised if the gate is not met. ``restart`` is as in ``run``.
    """
    opened = _bundle(bundle)
    from tlpipe.evaluation import evaluate

    return evaluate.evaluate(
        opened,
        data=_path(data),
        reading=reading.parse(format, images),
        keras_file=_path(keras),
        limits=Limits.given(max_drop=max_drop, min_agreement=min_agreement),
        resume=Resume(restart),
    )


def explain(model: Bundle | Run | Place) -> Explanation:
    """Measure which layers int8 changes most: the signal-to-noise ratio of each layer on the calibration images.

    ``model`` is a bundle with an int8 file, into which explanation.json is written; or a run, whose best stage is
    converted in memory.
    """
    from tlpipe.explaining import explain

    if isinstance(model, Run) or (not isinstance(model, Bundle) and kinds.RUN.is_at(Path(model))):
        return explain.of_run(_run(model))
    return explain.of_bundle(_bundle(model))


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
    """Benchmark the bundle and the Keras model on this machine, or the bundle on a ``device`` ("ssh://user@host").

    ``recipes`` are all if left out; ``data`` and ``keras`` are as in ``evaluate``. ``runtime`` is auto, ai-edge-litert
    or tflite-runtime; ``wheelhouse`` is a folder of wheels for a device without a package index.
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
    about: About = NOTHING_SAID,
    overwrite: bool = False,
) -> "Report":
    """Write a report (HTML, Markdown, JSON, CSV) to the folder ``out``: which file to use on which device.

    ``benches`` are results of ``bench``, or files that ``tlpipe bench --out`` wrote. ``about`` is the head of the
    report.
    """
    from tlpipe.reporting import publish

    several = (benches,) if isinstance(benches, Bench | Path | str) else benches
    measured = [bench for each in several for bench in _benches(each)]
    return publish.of_run(_bundle(bundle), measured, Path(out), about=about, overwrite=overwrite)


def compare(new: Model, old: Model, *, out: Place, overwrite: bool = False) -> "Comparison":
    """Write a comparison of two models of the same classes (HTML, Markdown, JSON) to the folder ``out``.

    Each is a bundle and results of ``bench``, or their files, or a report (report.json, or its folder). Accuracy is
    compared image by image if both bundles were evaluated on the same images.
    """
    from tlpipe.reporting import publish

    return publish.comparison(_side(new), _side(old), Path(out), overwrite=overwrite)


def score(
    bundle: Bundle | Place,
    sources: Place | Sequence[Place],
    *,
    out: Place,
    recipe: str | None = None,
    top_k: int = 3,
    workers: int | None = None,
    overwrite: bool = False,
    restart: bool = False,
) -> "Scored":
    """Label an archive of images of any number: a row for each is written to the file ``out``, whose suffix is its
    format: .csv, .jsonl or .parquet.

    ``sources`` are folders of images, lists of paths, zip and tar archives, Parquet files with an image column, or
    images; or such objects of a store, as text: "s3://bucket/prefix". ``recipe`` is the fastest format of the bundle if
    left out, ``workers`` is one per core; a row has the ``top_k`` best labels. ``restart`` is as in ``run``. An image
    that cannot be read has its error in its row; it is an error if none can be read.
    """
    several = (sources,) if isinstance(sources, Path | str) else sources
    opened, places = _bundle(bundle), list(map(located, several))
    from tlpipe.scoring import score as scoring

    options = scoring.Options(recipe, top_k, workers)
    return scoring.score(opened, places, Path(out), options, overwrite=overwrite, resume=Resume(restart))


def pull(source: str, *, into: Place, free: bool = False) -> "Pulled":
    """Copy the images that ``tlpipe-edge camera --collect DIR`` kept on a device to the folder ``into``, to be sorted.

    ``source`` is "ssh://user@host/DIR". With ``free``, each is deleted on the device when its copy is verified. A
    stopped pull is continued. Images that are damaged there are in the result; no error is raised for them.
    """
    from tlpipe.remote import pull
    from tlpipe.remote.address import DeviceFolder

    return pull.pull(DeviceFolder.parse(source), Path(into), free=free)


def web(
    bundle: Bundle | Place,
    *,
    recipe: str | None = None,
    out: Place | None = None,
    single_file: bool = False,
    golden: bool = False,
    overwrite: bool = False,
) -> "Published":
    """Write a page that runs the bundle in a browser to the folder ``out``, sites/BUNDLE if left out.

    ``recipe`` is int8, or else float16 or float32, if left out. With ``single_file``, ``out`` is one HTML file. With
    ``golden``, the golden images of the bundle, which are photographs of yours, are published with it.
    """
    opened = _bundle(bundle)
    from tlpipe.website import publish, site

    options = site.Options(recipe, golden=golden, single_file=single_file)
    return publish.publish(opened, options, out=_path(out), overwrite=overwrite)


def _side(model: Model) -> "Side":
    from tlpipe.reporting.derive import sides

    given = (model,) if isinstance(model, Bundle | Bench | Path | str) else tuple(model)
    paths = [Path(each.path if isinstance(each, Bundle) else each) for each in given if not isinstance(each, Bench)]
    return sides.of_paths(paths, [each for each in given if isinstance(each, Bench)])


def _benches(source: Bench | Place) -> tuple[Bench, ...]:
    return (source,) if isinstance(source, Bench) else benchmark.benches(load_json(Path(source)), str(source))


def _job(
    data: Place,
    training: Training,
    out: Place | None,
    fractions: tuple[float, float],
    how: Reading,
    *,
    overwrite: bool,
    restart: bool,
    strict: bool,
) -> "TrainingJob":
    if not isinstance(training, Training):
        raise WrongUsage(f"training={training!r}: not a Training", "Pass tlpipe.Training(...).")
    from tlpipe import workflow

    return workflow.TrainingJob(
        Path(data),
        training,
        _path(out),
        overwrite=overwrite,
        restart=restart,
        strict=strict,
        validation_fraction=fractions[0],
        test_fraction=fractions[1],
        reading=how,
    )


def _timed(timed: Timed | str) -> Timed:
    try:
        return Timed(timed)
    except ValueError as error:
        raise WrongUsage(f"timed={timed!r}: not a choice", f"Pass {', '.join(map(str, Timed))}.") from error


def _names(parameter: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names of number formats. A single string is refused, because its characters would be taken for names."""
    if isinstance(names, str):
        raise WrongUsage(f"{parameter}={names!r}: a string, not a list", f"Pass [{names!r}].")
    return tuple(names)


def _path(place: Place | None) -> Path | None:
    return None if place is None else Path(place)


def _run(run: Run | Place) -> Run:
    """The run, read again: a value from before ``finetune`` does not know the new stage."""
    _require(run, Run)
    return Run.open(run.path if isinstance(run, Run) else run)


def _bundle(bundle: Bundle | Place) -> Bundle:
    _require(bundle, Bundle)
    return bundle if isinstance(bundle, Bundle) else places.bundle(bundle)


def _require(value: object, kind: type) -> None:
    if not isinstance(value, kind | Path | str):
        raise WrongUsage(f"{type(value).__name__}: not a {kind.__name__}", f"Pass a {kind.__name__}, or its folder.")
