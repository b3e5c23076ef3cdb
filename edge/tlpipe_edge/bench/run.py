"""The benchmark of a model on this machine: latency, memory, throughput and accuracy, in one JSON document."""

import dataclasses
import hashlib
import json
import platform
import re
from datetime import UTC, datetime
from typing import Any

from tlpipe_edge.bench import scoring, timing
from tlpipe_edge.bench.target import BenchmarkTarget, BenchOptions
from tlpipe_edge.bench.timing import NOT_TIMED, Timing
from tlpipe_edge.classify.accuracy import predictions
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.labelled import Photographs
from tlpipe_edge.machine import load
from tlpipe_edge.machine.emulation import emulated
from tlpipe_edge.machine.load import Moment
from tlpipe_edge.machine.versions import versions
from tlpipe_edge.tflite.interpreter import Session

SCHEMA = 1

PACKAGES = ("tlpipe-edge", "numpy", "opencv-python-headless", "pillow", "ai-edge-litert", "tflite-runtime")


def bench(target: BenchmarkTarget, images: Photographs, options: BenchOptions, *, command: str) -> dict[str, Any]:
    """Measure each recipe with each number of threads; the document of ``bench --json``, without Keras beside it.

    Raises BadData where none of the photographs can be read, and as ``Classifier.open`` does.
    """
    imitated = emulated()
    if imitated:
        progress.warn("this processor is emulated: no latency is measured")
    begin = load.now()
    if begin.device.hides_throttling and not imitated:
        progress.warn("this board does not tell whether it is throttled: `tlpipe-edge doctor` says what to do")
    results: list[dict[str, Any]] = []
    failed: dict[int, str] = {}
    recipes, skipped = _runnable(target, options)
    for recipe in recipes:
        scored = _scored(target, recipe, images, options)
        failed = scored.failed
        accuracy = _accuracy(target, images, scored)
        numbers = predictions(scored.scores)
        answers = {each: int(numbers[at]) for at, each in enumerate(images.items) if at not in failed}
        for threads in options.threads:
            progress.say(f"{_named(recipe, threads)}{': timing' * (not imitated)}")
            session = target.open(recipe, threads=threads, runtime=options.runtime).session
            timed = NOT_TIMED
            if not imitated:
                timed = timing.measure(target, recipe, threads=threads, options=options, answers=answers)
            results.append(_result(target, recipe, session, timed) | accuracy)
    machine = {
        "device": dataclasses.asdict(begin.device) | {"address": None},
        "conditions": _conditions(begin, load.now(), command=command, imitated=imitated),
    }
    return _document(target, images, machine, failed, results) | {"skipped": skipped}


def to_json(document: dict[str, Any]) -> str:
    """Indented, with a list of numbers on one line."""
    text = json.dumps(document, indent=2, allow_nan=False)
    # A string of JSON holds no line break, so what is put on one line here is never part of one.
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


def _named(recipe: str, threads: int) -> str:
    return f"{recipe}, {threads} thread{'s' * (threads > 1)}"


def _runnable(target: BenchmarkTarget, options: BenchOptions) -> tuple[list[str], list[dict[str, str]]]:
    """The recipes that the runtime takes, and the others with its reasons: tflite-runtime has no operator for dynamic.

    Raises BadData for one that was asked for by name, or is damaged, and where none is left.
    """
    recipes: list[str] = []
    skipped: list[dict[str, str]] = []
    for recipe in target.recipes:
        try:
            target.open(recipe, threads=1, runtime=options.runtime)
        except BadData as error:
            target.file(recipe)
            if options.recipes or len(skipped) == len(target.recipes) - 1:
                raise
            progress.warn(f"{recipe} is left out: {error.what}")
            skipped.append({"recipe": recipe, "reason": error.what})
        else:
            recipes.append(recipe)
    return recipes, skipped


def _scored(target: BenchmarkTarget, recipe: str, images: Photographs, options: BenchOptions) -> scoring.Scored:
    scored = scoring.score(
        lambda: target.open(recipe, threads=1, runtime=options.runtime),
        images.items,
        classes=len(target.labels),
        what=f"{recipe}: answers to the photographs",
    )
    if len(scored.failed) == len(images.items):
        first = scored.failed[0]
        raise BadData(f"none of {len(scored.failed)} photographs can be read; the first: {first}", "Name others.")
    return scored


def _accuracy(target: BenchmarkTarget, images: Photographs, scored: scoring.Scored) -> dict[str, Any]:
    original = scoring.keras_scores(images.items, target.reference, classes=len(target.labels))
    return {
        **scoring.document(scored.scores, images.items, labels=target.labels),
        **scoring.against_keras(scored.scores, original, images.items, labels=target.labels),
    }


def _result(target: BenchmarkTarget, recipe: str, session: Session, timed: Timing) -> dict[str, Any]:
    return target.file(recipe) | {
        "runtime": session.runtime,
        "runtime_version": session.version,
        "delegate": session.delegate,
        "threads": session.threads,
        "valid": not timed.doubts,
        "invalid_reasons": list(timed.doubts),
        **timed.figures,
    }


def _document(
    target: BenchmarkTarget,
    images: Photographs,
    machine: dict[str, Any],
    failed: dict[int, str],
    results: list[dict[str, Any]],
) -> dict[str, Any]:
    reasons = [
        f"{_named(each['recipe'], each['threads'])}: {why}" for each in results for why in each["invalid_reasons"]
    ]
    return {
        "schema": SCHEMA,
        "model": {
            "name": target.name,
            "labels": list(target.labels),
            "image": {"size": target.spec.size, "crop": str(target.spec.crop)},
            "keras_sha256": target.keras_sha256,
        },
        **machine,
        "valid": not reasons,
        "invalid_reasons": reasons,
        "images": {
            "name": images.name,
            "count": len(images.items),
            "sha256": _of_all(images),
            "labelled": sum(each.truth is not None for each in images.items),
            "failed": [{"file": str(images.items[at].file), "reason": reason} for at, reason in failed.items()],
        },
        "results": results,
        "keras": None,
    }


def _of_all(images: Photographs) -> str:
    """One sum for all photographs and their labels, in whatever order: two reports are of the same ones or not."""
    lines = sorted(f"{each.sha256} {each.truth}" for each in images.items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _conditions(begin: Moment, end: Moment, *, command: str, imitated: bool) -> dict[str, Any]:
    first, last = begin.device, end.device
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "python": platform.python_version(),
        "versions": versions(PACKAGES),
        "governor": first.governor,
        "frequency_mhz": {"before": first.frequency_mhz, "after": last.frequency_mhz},
        "temperature_c": {"before": first.temperature_c, "after": last.temperature_c},
        "throttling": {"before": _list(first.throttling), "after": _list(last.throttling)},
        "load_average": {"before": _list(begin.load_average), "after": _list(end.load_average)},
        "emulated": imitated,
    }


def _list(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)
