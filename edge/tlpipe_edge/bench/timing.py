"""Times one recipe with one number of threads: the network alone, the steps of a prediction, cold start and full load.

Under full load, as many classifiers run in parallel as the cores allow: cores // threads, at least one. If the number
of threads does not divide the number of cores, some cores stay idle.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.bench import cold_start, throughput, validity
from tlpipe_edge.bench.cold_start import NOT_MEASURED, ColdStart
from tlpipe_edge.bench.latency import Latency, Rules, Stages, timed, warm_up
from tlpipe_edge.bench.target import BenchmarkTarget, BenchOptions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.contract.conditions import Span
from tlpipe_edge.contract.latency import SampleName, StageName, Timing
from tlpipe_edge.contract.validity import Reason
from tlpipe_edge.errors import MissingInput, Unavailable
from tlpipe_edge.images import decode
from tlpipe_edge.images.labelled import LabelledImage
from tlpipe_edge.machine import load
from tlpipe_edge.machine.load import Moment

MAX_IMAGES = 64
MAX_BYTES = 64_000_000
"""Image files that the timed loop holds in memory: maximum number, and maximum bytes of all together."""


@dataclass(frozen=True)
class Timed:
    """``timing``, and the ``reasons`` if its latencies are invalid; ``discarded``: those of another measurement."""

    timing: Timing
    reasons: tuple[Reason, ...] = ()
    discarded: tuple[Reason, ...] = ()

    def why(self) -> tuple[Reason, ...]:
        """All reasons, those of the cold start and of full load included."""
        return (*self.reasons, *self.timing.cold_start_reasons, *self.timing.full_load_reasons)


WARM_UP_SECONDS = 1.0
COLD_START_SECONDS = 0.6
"""About how long a warm-up and a process of a cold start take, for the time left."""


def seconds(rules: Rules) -> float:
    """About how long ``measure`` takes, for the bar whose parts it begins."""
    latencies = 2 * (WARM_UP_SECONDS + rules.seconds)
    return latencies + COLD_START_SECONDS * rules.processes + 1.25 * rules.full_seconds


NOT_TIMED = Timed(Timing())
"""The result under emulation, where nothing is timed."""


def measure(
    target: BenchmarkTarget,
    recipe: str,
    *,
    threads: int,
    options: BenchOptions,
    predicted: Mapping[LabelledImage, int],
) -> Timed:
    """Time one recipe. ``predicted`` maps each readable image to the index of its predicted label.

    The state of the machine is read before and after each part. Full load comes last, because it heats the machine.
    Raise MissingInput if an image file is gone.
    """
    chosen, sources = _chosen(list(predicted))
    classifier = target.open(recipe, threads=threads, runtime=options.runtime)
    classifier(sources[0])
    before, network, stages, end_to_end = _one_by_one(classifier, sources, rules=options.rules)
    after, by_stage = load.now(), stages.latencies()

    largest = max(zip(map(len, sources), chosen, strict=True), key=lambda pair: pair[0])[1]
    cold, not_started = _cold_start(target, recipe, largest, threads=threads, options=options)
    started = load.now()
    workers = max(1, started.device.cores // threads)
    open_classifier = functools.partial(target.open, recipe, threads=threads, runtime=options.runtime)
    warm, per_second, end = _full_load(open_classifier, sources, workers=workers, rules=options.rules)

    figures = Timing(
        invoke_ms=network.figures(),
        end_to_end_ms=end_to_end.figures(),
        stages_ms={name: each.figures() for name, each in by_stage.items()},
        cold_start_ms=cold.cold_start_ms,
        peak_memory_mb=cold.peak_memory_mb,
        throughput_per_s=round(per_second, 2),
        throughput_workers=workers,
        frequency_mhz=Span(before.device.frequency_mhz, after.device.frequency_mhz),
        other_load=load.other_load(before, after),
        samples_ms=_samples(network, end_to_end, by_stage),
        # A starting process waits for the disk, and the clock may slow down: that is part of a cold start.
        cold_start_reasons=validity.disturbances(after, started, threads=threads, warm=started, when="at cold start"),
        full_load_reasons=validity.disturbances(started, end, threads=None, warm=warm, when=validity.AT_FULL_LOAD),
    )
    changed = {chosen[at] for at, index in stages.results if index != predicted[chosen[at]]}
    return Timed(
        figures,
        (
            *validity.disturbances(before, after, threads=threads),
            *validity.doubts(network, [end_to_end], max_spread=validity.max_spread(threads, cores=before.device.cores)),
            *not_started,
            *_changed(changed),
        ),
    )


def _one_by_one(
    classifier: Classifier, sources: Sequence[bytes], *, rules: Rules
) -> tuple[Moment, Latency, Stages, Latency]:
    """The moment after the warm-up; then, one image after the other: the network alone, the stages, and all stages."""
    progress.part("the network alone", seconds=WARM_UP_SECONDS + rules.seconds)
    stable = warm_up(classifier.session.invoke, rules=rules)
    before = load.now()
    network = timed(classifier.session.invoke, rules=rules, stable=stable)
    stages = _stages(classifier, sources)
    progress.part("from file to label", seconds=WARM_UP_SECONDS + rules.seconds)
    stable = warm_up(stages.run, rules=rules)
    stages.forget()
    timed(stages.run, rules=rules)
    return before, network, stages, stages.total(stable=stable)


def _full_load(
    open_classifier: Callable[[], Classifier], sources: Sequence[bytes], *, workers: int, rules: Rules
) -> tuple[Moment, float, Moment]:
    """The moment after the warm-up, images a second, and the moment at the end."""
    progress.part("full load", seconds=1.25 * rules.full_seconds)
    full_load = functools.partial(throughput.measure, open_classifier, sources, workers=workers)
    # With many busy cores the clock may be slower than with one: it is read after it has settled.
    full_load(seconds=rules.full_seconds / 4)
    warm = load.now()
    return warm, full_load(seconds=rules.full_seconds), load.now()


def _samples(
    network: Latency, end_to_end: Latency, by_stage: Mapping[StageName, Latency]
) -> dict[SampleName, tuple[float, ...] | None]:
    samples: dict[SampleName, tuple[float, ...] | None] = {
        "invoke": network.samples_ms,
        "end_to_end": end_to_end.samples_ms,
    }
    for name, latency in by_stage.items():
        samples["invoke_in_stages" if name == "invoke" else name] = latency.samples_ms
    return samples


def _changed(images: set[LabelledImage]) -> list[Reason]:
    """The reason if predictions of the timed run differ from those of the accuracy run."""
    if not images:
        return []
    names = ", ".join(sorted(image.file.name for image in images)[:3])
    return [Reason("predictions changed in the timed run", f"of {len(images)} images, such as {names}")]


def _stages(classifier: Classifier, sources: Sequence[bytes]) -> Stages:
    """From the bytes of a file to the index of the predicted label, in the steps of ``Classifier.__call__``."""
    min_side = decode.needed(classifier.image)

    def invoke(_: None) -> None:
        classifier.session.invoke()

    return Stages(
        {
            "decode": lambda content: decode.decode(content, min_side=min_side),
            "resize": lambda decoded: decode.resize(decoded, classifier.image),
            "set_input": classifier.set_input,
            "invoke": invoke,
            "read_output": lambda _: int(np.argmax(classifier.read_scores())),
        },
        sources,
    )


def _chosen(readable: Sequence[LabelledImage]) -> tuple[list[LabelledImage], list[bytes]]:
    """The images to time and the contents of their files: evenly spread over all, within the limits above."""
    chosen: list[LabelledImage] = []
    room = MAX_BYTES
    try:
        for at in np.linspace(0, len(readable) - 1, min(MAX_IMAGES, len(readable))).astype(int):
            size = readable[at].file.stat().st_size
            if not chosen or size <= room:
                chosen.append(readable[at])
                room -= size
        return chosen, [image.file.read_bytes() for image in chosen]
    except OSError as error:
        reason = f"can no longer be read ({error.strerror})"
        raise MissingInput(reason, "Put it back, or leave it out.", where=error.filename) from error


def _cold_start(
    target: BenchmarkTarget, recipe: str, image: LabelledImage, *, threads: int, options: BenchOptions
) -> tuple[ColdStart, list[Reason]]:
    """The cold start, or the reason why it failed: the times measured before are kept."""
    progress.part("cold start", seconds=COLD_START_SECONDS * options.rules.processes)
    try:
        measured = cold_start.measure(
            target.path,
            recipe=target.named(recipe),
            threads=threads,
            runtime=options.runtime,
            image=image.file,
            processes=options.rules.processes,
            file=options.file,
        )
    except Unavailable as error:
        return NOT_MEASURED, [Reason("no cold start", error.what)]
    return measured, []
