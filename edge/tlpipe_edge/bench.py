"""The benchmark of a model on this machine: latency, memory, throughput and accuracy, in one JSON document."""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from tlpipe_edge import alone, conditions, image, progress, scoring, throughput
from tlpipe_edge.accuracy import predictions
from tlpipe_edge.bundle import Bundle, read
from tlpipe_edge.classifier import Classifier
from tlpipe_edge.conditions import Moment
from tlpipe_edge.emulation import emulated
from tlpipe_edge.errors import BadData
from tlpipe_edge.latency import Stages, timed, warm_up
from tlpipe_edge.photographs import Photograph, Photographs
from tlpipe_edge.subject import Options, Subject

SCHEMA = 1

TIMED_PHOTOGRAPHS = 64
TIMED_BYTES = 64_000_000
"""Of the photographs that the timed loop holds in memory."""

PACKAGES = ("tlpipe-edge", "numpy", "opencv-python-headless", "pillow", "ai-edge-litert", "tflite-runtime")

MEASURED = (
    "invoke_ms",
    "end_to_end_ms",
    "stages_ms",
    "cold_start_ms",
    "peak_memory_mb",
    "throughput_per_s",
    "throughput_workers",
    "frequency_mhz",
    "other_load",
    "samples_ms",
)
"""The keys of a result that are None under emulation."""


def bench(of: Subject, looked_at: Photographs, options: Options, *, command: str) -> dict[str, Any]:
    """Measure each recipe with each number of threads; the document of ``bench --json``, without Keras beside it.

    Raises BadData where none of the photographs can be read, and as ``Classifier.open`` does.
    """
    imitated = emulated()
    if imitated:
        progress.warn("this processor is emulated: no latency is measured")
    begin = conditions.now()
    keras = scoring.keras_scores(looked_at.items, of.reference, classes=len(of.labels))
    results: list[dict[str, Any]] = []
    failed: dict[int, str] = {}
    for recipe in of.recipes:
        scored = scoring.score(
            lambda recipe=recipe: of.open(recipe, threads=1, runtime=options.runtime),  # type: ignore[misc]
            looked_at.items,
            classes=len(of.labels),
            what=f"{recipe}: answers to {len(looked_at.items)} photographs",
        )
        failed = scored.failed
        if len(failed) == len(looked_at.items):
            raise BadData(
                f"none of the {len(failed)} photographs can be read; the first: {failed[0]}", "Name other photographs."
            )
        accuracy = scoring.document(scored.scores, looked_at.items, labels=of.labels)
        accuracy |= scoring.against_keras(scored.scores, keras, looked_at.items, labels=of.labels)
        readable = {number: each for number, each in enumerate(looked_at.items) if number not in failed}
        for threads in options.threads:
            progress.say(f"{recipe}, {threads} thread{'s' * (threads > 1)}")
            classifier = of.open(recipe, threads=threads, runtime=options.runtime)
            latency: dict[str, Any] = dict.fromkeys(MEASURED)
            doubtful: list[str] = []
            if not imitated:
                latency, doubtful = _latency(of, classifier, recipe, threads, readable, scored.scores, options)
            results.append(
                _of_file(of, recipe)
                | {
                    "runtime": classifier.session.runtime,
                    "runtime_version": classifier.session.version,
                    "delegate": classifier.session.delegate,
                    "threads": threads,
                    "valid": not doubtful,
                    "invalid_reasons": doubtful,
                }
                | latency
                | accuracy
            )
    end = conditions.now()
    reasons = [
        f"{each['recipe']}, {each['threads']} thread{'s' * (each['threads'] > 1)}: {reason}"
        for each in results
        for reason in each["invalid_reasons"]
    ]
    return {
        "schema": SCHEMA,
        "model": {
            "name": of.name,
            "labels": list(of.labels),
            "image": {"size": of.spec.size, "crop": str(of.spec.crop)},
            "keras_sha256": of.keras_sha256,
        },
        "device": dataclasses.asdict(begin.device) | {"address": None},
        "conditions": _conditions(begin, end, command=command, imitated=imitated),
        "valid": not reasons,
        "invalid_reasons": reasons,
        "images": {
            "name": looked_at.name,
            "count": len(looked_at.items),
            "labelled": sum(each.truth is not None for each in looked_at.items),
            "failed": [
                {"file": str(looked_at.items[number].file), "reason": reason} for number, reason in failed.items()
            ],
        },
        "results": results,
        "keras": None,
    }


def to_json(document: dict[str, Any]) -> str:
    """Indented, with a list of numbers on one line."""
    text = json.dumps(document, indent=2, allow_nan=False)
    # A string of JSON holds no line break, so what is put on one line here is never part of one.
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


def _latency(
    of: Subject,
    classifier: Classifier,
    recipe: str,
    threads: int,
    readable: dict[int, Photograph],
    scores: np.ndarray,
    options: Options,
) -> tuple[dict[str, Any], list[str]]:
    """The keys of a result that are measured in time or memory, and why they may not be trusted."""
    chosen = _chosen(readable)
    sources = [readable[number].file.read_bytes() for number in chosen]
    rules = options.rules
    classifier(sources[0])
    stable = warm_up(classifier.session.invoke, rules=rules)
    before = conditions.now()
    network = timed(classifier.session.invoke, rules=rules, stable=stable)
    stages = _stages(classifier, sources)
    stable = warm_up(stages.run, rules=rules)
    stages.forget()
    timed(stages.run, rules=rules)
    after = conditions.now()
    whole, by_stage = stages.total(stable=stable), stages.latencies()
    reasons = [*conditions.disturbances(before, after), *conditions.doubts(network, [whole])]
    expected = predictions(scores)
    changed = {chosen[at] for at, answer in stages.answers if answer != expected[chosen[at]]}
    if changed:
        names = ", ".join(readable[number].file.name for number in sorted(changed)[:3])
        reasons.append(f"{len(changed)} photographs got another answer in the timed run: {names}")
    workers = max(1, before.device.cores // threads)
    per_second = throughput.measure(
        lambda: of.open(recipe, threads=threads, runtime=options.runtime), sources, workers=workers
    )
    largest = max(chosen, key=lambda number: readable[number].file.stat().st_size)
    apart = alone.measure(
        of.path,
        recipe=of.recipes[recipe],
        threads=threads,
        runtime=options.runtime,
        photograph=readable[largest].file,
    )
    samples = {"invoke": network, "end_to_end": whole}
    samples |= {("invoke_in_stages" if name == "invoke" else name): each for name, each in by_stage.items()}
    return {
        "invoke_ms": network.figures(),
        "end_to_end_ms": whole.figures(),
        "stages_ms": {name: each.figures() for name, each in by_stage.items()},
        "cold_start_ms": apart.cold_start_ms,
        "peak_memory_mb": apart.peak_memory_mb,
        "throughput_per_s": round(per_second, 2),
        "throughput_workers": workers,
        "frequency_mhz": {"before": before.device.frequency_mhz, "after": after.device.frequency_mhz},
        "other_load": conditions.other_load(before, after),
        "samples_ms": {name: list(each.samples_ms) for name, each in samples.items()},
    }, reasons


def _stages(classifier: Classifier, sources: Sequence[bytes]) -> Stages:
    """From the bytes of a file to the number of the best label, by the steps of ``Classifier.__call__``."""
    at_least = image.needed(classifier.image)

    def invoke(_: None) -> None:
        classifier.session.invoke()

    return Stages(
        {
            "decode": lambda content: image.decode(content, at_least=at_least),
            "resize": lambda decoded: image.resize(decoded, classifier.image),
            "set_input": classifier.set_input,
            "invoke": invoke,
            "read_output": lambda _: int(np.argmax(classifier.session.read_output())),
        },
        sources,
    )


def _chosen(readable: dict[int, Photograph]) -> list[int]:
    """Which photographs are timed: evenly spread over all, so many as memory is meant to hold."""
    numbers = list(readable)
    spread = np.linspace(0, len(numbers) - 1, min(TIMED_PHOTOGRAPHS, len(numbers))).astype(int)
    chosen: list[int] = []
    room = TIMED_BYTES
    for at in spread:
        size = readable[numbers[at]].file.stat().st_size
        if chosen and size > room:
            continue
        chosen.append(numbers[at])
        room -= size
    return chosen


def _of_file(of: Subject, recipe: str) -> dict[str, Any]:
    name = of.recipes[recipe]
    if of.path.is_file():
        content = read(of.path)
        file, sha256, size = of.path.name, hashlib.sha256(content).hexdigest(), len(content)
    else:
        artifact = Bundle.open(of.path).artifact(name)
        file, sha256, size = artifact.file, artifact.sha256, artifact.bytes
    return {"recipe": recipe, "file": file, "sha256": sha256, "bytes": size}


def _conditions(begin: Moment, end: Moment, *, command: str, imitated: bool) -> dict[str, Any]:
    first, last = begin.device, end.device
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "python": platform.python_version(),
        "versions": _versions(),
        "governor": first.governor,
        "frequency_mhz": {"before": first.frequency_mhz, "after": last.frequency_mhz},
        "temperature_c": {"before": first.temperature_c, "after": last.temperature_c},
        "throttling": {"before": _list(first.throttling), "after": _list(last.throttling)},
        "load_average": {"before": _list(begin.load_average), "after": _list(end.load_average)},
        "emulated": imitated,
    }


def _list(values: tuple[Any, ...] | None) -> list[Any] | None:
    return None if values is None else list(values)


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
