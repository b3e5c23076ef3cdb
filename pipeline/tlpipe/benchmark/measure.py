"""A bundle measured by the device's own benchmark: here, with the Keras original beside it, and on devices over ssh."""

import contextlib
import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlpipe.benchmark import keras_timing
from tlpipe.data.dataset import Example
from tlpipe.evaluation.original import ScoredImages, images_of, original
from tlpipe.remote import device_bench
from tlpipe.remote.address import Address
from tlpipe_edge.bench import run
from tlpipe_edge.bench.target import BenchOptions, read_target
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, TlpipeError
from tlpipe_edge.images.labelled import Photograph, Photographs


def bench(
    bundle: Bundle, options: BenchOptions, *, command: str, data: Path | None = None, keras_file: Path | None = None
) -> dict[str, Any]:
    """The document of a benchmark here. ``data``, ``keras_file`` and the errors are those of ``evaluate``."""
    file = original(bundle, keras_file)
    images = images_of(bundle, file, data)
    found = photographs(images)
    keras = keras_timing.answer(bundle, file, images.examples)
    target = dataclasses.replace(read_target(bundle.path, options), reference=keras.reference)
    document = run.bench(target, found, options, command=command)
    return with_keras(document, keras_timing.measure(keras, found, bundle, rules=options.rules))


def everywhere(
    addresses: Sequence[Address],
    bundle: Bundle,
    options: BenchOptions,
    *,
    command: str,
    data: Path | None = None,
    keras_file: Path | None = None,
    wheelhouse: Path | None = None,
) -> tuple[list[dict[str, Any]], list[TlpipeError]]:
    """The documents of here and of all devices, in this order, and what failed of them.

    Devices are measured first; where all of them fail, nothing is measured here, and the last error is raised. What was
    measured is never lost to what fails after it.
    """
    documents: list[dict[str, Any]] = []
    failures: list[TlpipeError] = []
    for address in addresses:
        try:
            documents.append(
                elsewhere(address, bundle, options, data=data, keras_file=keras_file, wheelhouse=wheelhouse)
            )
        except TlpipeError as error:
            failures.append(error)
            if len(failures) == len(addresses):
                raise
            _warn_of(error)
    try:
        documents.insert(0, bench(bundle, options, command=command, data=data, keras_file=keras_file))
    except TlpipeError as error:
        if not documents:
            raise
        failures.append(error)
        _warn_of(error)
    return documents, failures


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
) -> dict[str, Any]:
    """A benchmark's document of a device, on the same images as here. Raises as ``device_bench.bench_on``, too."""
    images = images_of(bundle, original(bundle, keras_file), data)
    photographs(images)  # raises where one is not what it was
    return device_bench.bench_on(
        address,
        bundle,
        device_bench.in_folders(images.examples, bundle.manifest.labels),
        images_name=images.name,
        recipes=options.recipes,
        threads=options.threads,
        runtime=options.runtime,
        wheelhouse=wheelhouse,
    )


def photographs(images: ScoredImages) -> Photographs:
    """The images of ``evaluate`` as a benchmark takes them. Raises BadData where one is not what it was."""
    return Photographs(images.name, tuple(map(_photograph, images.examples)))


def _photograph(example: Example) -> Photograph:
    with contextlib.suppress(OSError):  # one that the system will not read counts as wrong
        if sha256_of(example.file) != example.sha256:
            advice = "Train the run again, or name --data DIR."
            raise BadData(f"{example.file}: changed since the splits were made", advice)
    return Photograph(example.file, example.sha256, example.label)


def with_keras(document: dict[str, Any], keras: dict[str, Any]) -> dict[str, Any]:
    """A device's document with what was measured of the Keras original, and each result compared with it.

    The results get ``speedup`` over ``predict`` and ``compiled`` (how many times as fast the network alone is),
    ``size_ratio`` (how many times smaller) and ``top1_difference``; None where one side is not known.
    """
    reasons = [*document["invalid_reasons"], *(f"Keras: {reason}" for reason in keras["invalid_reasons"])]
    return document | {
        "valid": not reasons,
        "invalid_reasons": reasons,
        "results": [result | _compared(result, keras) for result in document["results"]],
        "keras": keras,
    }


def _compared(result: dict[str, Any], keras: dict[str, Any]) -> dict[str, Any]:
    network = result["invoke_ms"]
    known = result["top1"] is not None and keras["top1"] is not None
    return {
        "speedup": {
            name: keras[f"{name}_ms"]["p50"] / network["p50"] if network else None for name in ("predict", "compiled")
        },
        "size_ratio": keras["bytes"] / result["bytes"],
        "top1_difference": result["top1"] - keras["top1"] if known else None,
    }


def together(documents: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One document, or the list of those of several devices."""
    return documents[0] if len(documents) == 1 else {"schema": run.SCHEMA, "benches": list(documents)}
