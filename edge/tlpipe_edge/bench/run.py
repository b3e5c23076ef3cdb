"""The benchmark of a model on this machine: latency, memory, throughput and accuracy, in one document."""

import functools
import hashlib
import platform
from dataclasses import asdict, replace
from datetime import UTC, datetime

from tlpipe_edge.bench import scoring, timing
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.target import BenchmarkTarget, BenchOptions, ModelFile
from tlpipe_edge.bench.timing import NOT_TIMED, Timed
from tlpipe_edge.classify.accuracy import predictions
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import (
    Bench,
    BenchResult,
    Comparison,
    ImageSet,
    ModelDescription,
    SkippedRecipe,
    variant,
)
from tlpipe_edge.contract.conditions import (
    Conditions,
    DeviceDescription,
    Flags,
    Loads,
    Span,
    Temperatures,
)
from tlpipe_edge.contract.confusion import Confusion
from tlpipe_edge.contract.scores import Failed
from tlpipe_edge.contract.validity import judged
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.labelled import LabelledImages
from tlpipe_edge.machine import load
from tlpipe_edge.machine.emulation import emulated
from tlpipe_edge.machine.load import Moment
from tlpipe_edge.machine.versions import versions
from tlpipe_edge.tflite.interpreter import Session

PACKAGES = ("tlpipe-edge", "numpy", "opencv-python-headless", "pillow", "ai-edge-litert", "tflite-runtime")


def bench(
    target: BenchmarkTarget,
    images: LabelledImages,
    options: BenchOptions,
    *,
    command: str,
    repeats: Repeats | None = None,
) -> Bench:
    """Measure each recipe with each number of threads, without the Keras model.

    ``repeats``: those of the benchmark that this one is a part of. Raise BadData if no image can be read,
    and the errors of ``Classifier.open``.
    """
    is_emulated = emulated()
    if is_emulated:
        progress.warn("this processor is emulated: no latency is measured")
    begin = load.now()
    if begin.device.hides_throttling and not is_emulated:
        progress.warn("this board does not report throttling: `tlpipe-edge doctor` says what to do")
    results: list[BenchResult] = []
    failed: dict[int, str] = {}
    repeats = repeats or Repeats()
    recipes, skipped = _runnable(target, options)
    for recipe in recipes:
        scored = _scored(target, recipe, images, options)
        failed = scored.failed
        original = scoring.keras_scores(images.items, target.reference, classes=len(target.labels))
        rates = scoring.rates(scored.scores, images.items, labels=target.labels)
        comparison = scoring.against_keras(scored.scores, original, images.items, labels=target.labels)
        best = predictions(scored.scores)
        predicted = {each: int(best[at]) for at, each in enumerate(images.items) if at not in failed}
        for threads in options.threads:
            session = target.open(recipe, threads=threads, runtime=options.runtime).session
            timed = NOT_TIMED
            if not is_emulated:
                measure = functools.partial(timing.measure, target, recipe, options=options, predicted=predicted)
                bar = progress.parts(f"timing {variant(recipe, threads)}", seconds=timing.seconds(options.rules))
                timed = repeats.measured(bar(functools.partial(measure, threads=threads)), threads=threads)
            results.append(_result(target.file(recipe), session, timed, rates, comparison))
    reasons = [replace(why, scope=variant(each.recipe, each.threads)) for each in results for why in each.reasons]
    return Bench(
        model=ModelDescription(target.name, target.labels, target.spec, target.keras_sha256),
        device=DeviceDescription(**asdict(begin.device)),
        conditions=_conditions(begin, load.now(), command=command, is_emulated=is_emulated),
        **vars(judged(reasons)),
        images=_image_set(images, failed),
        results=tuple(results),
        skipped=tuple(skipped),
    )


def _runnable(target: BenchmarkTarget, options: BenchOptions) -> tuple[list[str], list[SkippedRecipe]]:
    """The recipes that the runtime can run, and the others with the reason (tflite-runtime cannot run dynamic).

    Raise BadData if a recipe that the user named cannot run, if a file is damaged, and if no recipe can run.
    """
    recipes: list[str] = []
    skipped: list[SkippedRecipe] = []
    for recipe in target.recipes:
        try:
            target.open(recipe, threads=1, runtime=options.runtime)
        except BadData as error:
            target.file(recipe)
            if options.recipes or len(skipped) == len(target.recipes) - 1:
                raise
            progress.warn(f"{recipe} is skipped: {error.what}")
            skipped.append(SkippedRecipe(recipe, error.what))
        else:
            recipes.append(recipe)
    return recipes, skipped


def _scored(target: BenchmarkTarget, recipe: str, images: LabelledImages, options: BenchOptions) -> scoring.Scored:
    scored = scoring.score(
        lambda: target.open(recipe, threads=1, runtime=options.runtime),
        images.items,
        classes=len(target.labels),
        description=f"{recipe}: classifying images",
    )
    if len(scored.failed) == len(images.items):
        first = f"{images.items[0].file}: {scored.failed[0]}"
        raise BadData(
            f"none of {len(scored.failed)} images can be read; the first: {first}", "Name other images with --data DIR."
        )
    return scored


def _result(file: ModelFile, session: Session, timed: Timed, rates: Confusion, comparison: Comparison) -> BenchResult:
    return BenchResult(
        **vars(file),
        runtime=session.runtime,
        runtime_version=session.version,
        delegate=session.delegate,
        threads=session.threads,
        **vars(judged(timed.reasons)),
        discarded=timed.discarded,
        **vars(timed.timing),
        **vars(rates),
        **vars(comparison),
    )


def _image_set(images: LabelledImages, failed: dict[int, str]) -> ImageSet:
    return ImageSet(
        name=images.name,
        count=len(images.items),
        sha256=_sha256_of_all(images),
        labelled=sum(each.label is not None for each in images.items),
        trained_on=images.trained_on,
        failed=tuple(Failed(str(images.items[at].file), reason) for at, reason in failed.items()),
    )


def _sha256_of_all(images: LabelledImages) -> str:
    """One hash of all images and their labels, in any order. It tells whether two reports are on the same images."""
    lines = sorted(f"{each.sha256} {each.label}" for each in images.items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _conditions(begin: Moment, end: Moment, *, command: str, is_emulated: bool) -> Conditions:
    first, last = begin.device, end.device
    return Conditions(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        python=platform.python_version(),
        versions=versions(PACKAGES),
        governor=first.governor,
        frequency_mhz=Span(first.frequency_mhz, last.frequency_mhz),
        temperature_c=Temperatures(first.temperature_c, last.temperature_c),
        throttling=Flags(first.throttling, last.throttling),
        load_average=Loads(begin.load_average, end.load_average),
        emulated=is_emulated,
    )
