"""Benchmarks a bundle with the code of the device: on this machine with the Keras model, and on devices over ssh."""

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from tlpipe.benchmark import keras_timing
from tlpipe.data.dataset import Example
from tlpipe.evaluation.original import ScoredImages, images_of
from tlpipe.remote import device_bench
from tlpipe.remote.address import Address
from tlpipe.runs.exported import original
from tlpipe_edge.bench import run
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.target import BenchOptions, read_target
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract.benchmark import Bench, BenchResult, CallName, KerasResult, Speedup
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.validity import judged
from tlpipe_edge.errors import BadData, TlpipeError
from tlpipe_edge.images.labelled import LabelledImage, LabelledImages


def bench(
    bundle: Bundle,
    options: BenchOptions,
    *,
    command: str,
    data: Path | None = None,
    keras_file: Path | None = None,
    keras_calls: Sequence[CallName] = keras_timing.CALLS,
    images: ScoredImages | None = None,
) -> Bench:
    """A benchmark on this machine, with the Keras model timed in the ways of ``keras_calls``.

    ``data``, ``keras_file`` and the errors are those of ``evaluate``. ``images`` are those in ``data``, if they are
    known.
    """
    _check(bundle, options)
    file = original(bundle, keras_file)
    images = images or images_of(bundle, file, data)
    found = labelled_images(images)
    keras = keras_timing.score(bundle, file, images.examples)
    target = replace(read_target(bundle.path, options), reference=keras.reference)
    repeats = Repeats()
    measured = run.bench(target, found, options, command=command, repeats=repeats)
    timed = keras_timing.measure(keras, found, bundle, calls=keras_calls, rules=options.rules, repeats=repeats)
    return with_keras(measured, timed)


@kept("No benchmark was written.")
def everywhere(
    addresses: Sequence[Address],
    bundle: Bundle,
    options: BenchOptions,
    *,
    command: str,
    data: Path | None = None,
    keras_file: Path | None = None,
    wheelhouse: Path | None = None,
) -> tuple[list[Bench], list[TlpipeError]]:
    """The benchmarks of this machine and of all devices, in this order, and the errors.

    Devices are measured first. If all of them fail, nothing is measured here, and the last error is raised. A later
    failure never discards an earlier result. The images are found once, for all of them.
    """
    _check(bundle, options, wheelhouse=wheelhouse)
    images = images_of(bundle, original(bundle, keras_file), data)
    benches: list[Bench] = []
    failures: list[TlpipeError] = []
    for address in addresses:
        try:
            benches.append(elsewhere(address, bundle, options, wheelhouse=wheelhouse, images=images))
        except TlpipeError as error:
            failures.append(error)
            if len(failures) == len(addresses):
                raise
            _warn_of(error)
    try:
        benches.insert(0, bench(bundle, options, command=command, keras_file=keras_file, images=images))
    except TlpipeError as error:
        if not benches:
            raise
        failures.append(error)
        _warn_of(error)
    return benches, failures


def _warn_of(error: TlpipeError) -> None:
    progress.warn("; ".join(filter(None, (error.what, error.advice))))


def elsewhere(
    address: Address,
    bundle: Bundle,
    options: BenchOptions,
    *,
    data: Path | None = None,
    keras_file: Path | None = None,
    wheelhouse: Path | None = None,
    images: ScoredImages | None = None,
) -> Bench:
    """A benchmark on a device, on the same images as here, as in ``bench``.

    Raise the errors of ``device_bench.bench_on``, too.
    """
    _check(bundle, options, wheelhouse=wheelhouse)
    images = images or images_of(bundle, original(bundle, keras_file), data)
    labelled_images(images)  # raises if one has changed
    return device_bench.bench_on(
        address,
        bundle,
        device_bench.in_folders(images.examples, bundle.manifest.labels),
        images_name=images.name,
        trained_on=images.trained_on,
        recipes=options.recipes,
        threads=options.threads,
        runtime=options.runtime,
        wheelhouse=wheelhouse,
    )


def _check(bundle: Bundle, options: BenchOptions, *, wheelhouse: Path | None = None) -> None:
    """Raise what is wrong with the files to measure, or with the folder of wheels for a device."""
    for recipe in options.recipes or [artifact.recipe for artifact in bundle.manifest.artifacts]:
        bundle.read(bundle.artifact(recipe))
    if wheelhouse is not None:
        device_bench.wheel_files(wheelhouse)


def labelled_images(images: ScoredImages) -> LabelledImages:
    """The images of ``evaluate`` for a benchmark. Raise BadData if one has changed since the splits were made."""
    return LabelledImages(images.name, tuple(map(_labelled_image, images.examples)), images.trained_on)


def _labelled_image(example: Example) -> LabelledImage:
    with contextlib.suppress(OSError):  # an image that cannot be read counts as wrong
        if sha256_of(example.file) != example.sha256:
            advice = "Train the run again, or name --data DIR."
            raise BadData("changed since the splits were made", advice, where=example.file)
    return LabelledImage(example.file, example.sha256, example.label)


def with_keras(bench: Bench, keras: KerasResult) -> Bench:
    """A benchmark with the results of the Keras model, and each result compared with it."""
    of_keras = (replace(why, scope=f"Keras: {why.scope}" if why.scope else "Keras") for why in keras.reasons)
    return replace(
        bench,
        **vars(judged((*bench.reasons, *of_keras))),
        results=tuple(_compared(result, keras) for result in bench.results),
        keras=keras,
    )


def _compared(result: BenchResult, keras: KerasResult) -> BenchResult:
    network = result.invoke_ms
    predict, compiled = (
        latency.p50 / network.p50 if latency and network else None for latency in (keras.predict_ms, keras.compiled_ms)
    )
    return replace(
        result,
        speedup=Speedup(predict, compiled),
        size_ratio=None if keras.bytes is None else keras.bytes / result.bytes,
        top1_difference=None if result.top1 is None or keras.top1 is None else result.top1 - keras.top1,
    )
