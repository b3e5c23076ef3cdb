"""One recipe with one number of threads, timed: the network alone, stage by stage, from nothing, and at full load.

Full load is as many classifiers side by side as the cores have room for, at least one: cores // threads. Where threads
do not divide the cores, some stay idle.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.bench import cold_start, throughput, validity
from tlpipe_edge.bench.cold_start import NOT_MEASURED, ColdStart
from tlpipe_edge.bench.latency import Latency, Rules, Stages, timed, warm_up
from tlpipe_edge.bench.target import BenchmarkTarget, BenchOptions
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.conditions import Span
from tlpipe_edge.contract.latency import SampleName, StageName, Timing
from tlpipe_edge.contract.validity import Reason
from tlpipe_edge.errors import MissingInput, Unavailable
from tlpipe_edge.images import decode
from tlpipe_edge.images.labelled import Photograph
from tlpipe_edge.machine import load
from tlpipe_edge.machine.load import Moment

PHOTOGRAPHS = 64
BYTES = 64_000_000
"""Of the photographs that the timed loop holds in memory, at most."""


@dataclass(frozen=True)
class Timed:
    """``timing`` and why it is not to be trusted, if it is not."""

    timing: Timing
    reasons: tuple[Reason, ...] = ()


NOT_TIMED = Timed(Timing())
"""Under emulation."""


def measure(
    target: BenchmarkTarget, recipe: str, *, threads: int, options: BenchOptions, answers: Mapping[Photograph, int]
) -> Timed:
    """Time one recipe. ``answers`` are the photographs that can be read, with the label's number of each.

    The machine is watched all the while. Full load comes last: it makes hot what would be measured after it.
    Raises MissingInput where one of them is gone meanwhile.
    """
    chosen, sources = _chosen(list(answers))
    classifier = target.open(recipe, threads=threads, runtime=options.runtime)
    classifier(sources[0])
    before, network, stages, end_to_end = _one_by_one(classifier, sources, rules=options.rules)
    after, by_stage = load.now(), stages.latencies()

    largest = max(zip(map(len, sources), chosen, strict=True), key=lambda pair: pair[0])[1]
    apart, without = _apart(target, recipe, largest, threads=threads, options=options)
    started = load.now()

    workers = max(1, before.device.cores // threads)
    full_load = functools.partial(
        throughput.measure,
        lambda: target.open(recipe, threads=threads, runtime=options.runtime),
        sources,
        workers=workers,
    )
    # With many cores at work a clock may be slower than with one: it is looked at once that has come about.
    full_load(seconds=options.rules.full_seconds / 4)
    warm = load.now()
    per_second = full_load(seconds=options.rules.full_seconds)
    end = load.now()

    figures = Timing(
        invoke_ms=network.figures(),
        end_to_end_ms=end_to_end.figures(),
        stages_ms={name: each.figures() for name, each in by_stage.items()},
        cold_start_ms=apart.cold_start_ms,
        peak_memory_mb=apart.peak_memory_mb,
        throughput_per_s=round(per_second, 2),
        throughput_workers=workers,
        frequency_mhz=Span(before.device.frequency_mhz, after.device.frequency_mhz),
        other_load=load.other_load(before, after),
        samples_ms=_samples(network, end_to_end, by_stage),
    )
    changed = {chosen[at] for at, answer in stages.answers if answer != answers[chosen[at]]}
    return Timed(
        figures,
        (
            *validity.disturbances(before, after),
            *validity.doubts(network, [end_to_end]),
            # A process that starts waits for the disk, and a clock may be slower meanwhile: that is part of it.
            *validity.disturbances(after, started, warm=started, when="at cold start"),
            *without,
            *validity.disturbances(started, end, warm=warm, when="at full load"),
            *_changed(changed),
        ),
    )


def _one_by_one(
    classifier: Classifier, sources: Sequence[bytes], *, rules: Rules
) -> tuple[Moment, Latency, Stages, Latency]:
    """When the machine was warm; then, of one image after the other, the network alone, the stages, and all of them."""
    stable = warm_up(classifier.session.invoke, rules=rules)
    before = load.now()
    network = timed(classifier.session.invoke, rules=rules, stable=stable)
    stages = _stages(classifier, sources)
    stable = warm_up(stages.run, rules=rules)
    stages.forget()
    timed(stages.run, rules=rules)
    return before, network, stages, stages.total(stable=stable)


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


def _changed(photographs: set[Photograph]) -> list[Reason]:
    """That predictions of the timed run are not those of the accuracy run."""
    if not photographs:
        return []
    names = ", ".join(sorted(photograph.file.name for photograph in photographs)[:3])
    return [Reason("predictions changed in the timed run", f"of {len(photographs)} images, such as {names}")]


def _stages(classifier: Classifier, sources: Sequence[bytes]) -> Stages:
    """From the bytes of a file to the number of the best label, by the steps of ``Classifier.__call__``."""
    at_least = decode.needed(classifier.image)

    def invoke(_: None) -> None:
        classifier.session.invoke()

    return Stages(
        {
            "decode": lambda content: decode.decode(content, at_least=at_least),
            "resize": lambda decoded: decode.resize(decoded, classifier.image),
            "set_input": classifier.set_input,
            "invoke": invoke,
            "read_output": lambda _: int(np.argmax(classifier.session.read_output())),
        },
        sources,
    )


def _chosen(readable: Sequence[Photograph]) -> tuple[list[Photograph], list[bytes]]:
    """Which photographs are timed, and their files: evenly spread over all, so many as memory is meant to hold."""
    chosen: list[Photograph] = []
    room = BYTES
    try:
        for at in np.linspace(0, len(readable) - 1, min(PHOTOGRAPHS, len(readable))).astype(int):
            size = readable[at].file.stat().st_size
            if not chosen or size <= room:
                chosen.append(readable[at])
                room -= size
        return chosen, [photograph.file.read_bytes() for photograph in chosen]
    except OSError as error:
        reason = f"cannot be read any more ({error.strerror})"
        raise MissingInput(reason, "Put it back, or leave it out.", where=error.filename) from error


def _apart(
    target: BenchmarkTarget, recipe: str, photograph: Photograph, *, threads: int, options: BenchOptions
) -> tuple[ColdStart, list[Reason]]:
    """The cold start, or why there is none: what was timed before it is not lost."""
    try:
        measured = cold_start.measure(
            target.path,
            recipe=target.named(recipe),
            threads=threads,
            runtime=options.runtime,
            photograph=photograph.file,
            processes=options.rules.processes,
        )
    except Unavailable as error:
        return NOT_MEASURED, [Reason("no cold start", error.what)]
    return measured, []
