"""The Keras model on the workstation: its accuracy on the same images, and its latency for one image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np

from tlpipe.data.dataset import Example, label_indices
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs.config import TENSORFLOW
from tlpipe_edge.bench import latency, scoring, validity
from tlpipe_edge.bench.latency import Latency, Rules
from tlpipe_edge.bench.repeat import Repeats
from tlpipe_edge.bench.timing import WARM_UP_SECONDS
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import CallName, KerasResult
from tlpipe_edge.contract.bundle import Bundle, Reference
from tlpipe_edge.contract.validity import judged
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.labelled import LabelledImages
from tlpipe_edge.machine import load
from tlpipe_edge.machine.emulation import emulated
from tlpipe_edge.machine.versions import versions

if TYPE_CHECKING:
    import keras

MAX_TIMED = 64
"""Maximum number of images that take turns while Keras is timed."""
MAX_SPREAD = 2.0
"""As ``validity.MAX_SPREAD_ON_ALL_CORES``. TensorFlow's threads wait for each other: on an idle machine it was 1.4 for
a small network."""

CALLS: tuple[CallName, ...] = get_args(CallName)
Calls = dict[CallName, Callable[[np.ndarray], object]]
"""Ways to call the Keras model with one image, (1, size, size, 3) float32."""


@dataclass(frozen=True)
class Original:
    """The Keras model, its scores (``reference``), and the ``pixels`` of some images, (N, size, size, 3) float32."""

    model: "keras.Model"
    sha256: str
    bytes: int
    reference: Reference
    pixels: np.ndarray


def score(bundle: Bundle, file: Path, examples: Sequence[Example]) -> Original:
    """Load the Keras model and score the examples. Unreadable images have NaN in the reference.

    Raise BadData if no image can be read.
    """
    from tlpipe.network import build

    model = build.load(file)
    probabilities = np.full((len(examples), len(bundle.manifest.labels)), np.nan, np.float32)
    some: list[np.ndarray] = []
    for chunk in scored_chunks(ComputeScores((), bundle.manifest.image), examples, what="scoring by Keras"):
        if chunk.places:
            probabilities[chunk.places] = keras_probabilities(model, chunk.pixels)
            some += list(chunk.pixels[: MAX_TIMED - len(some)])
    reference = Reference(
        tuple(example.sha256 for example in examples),
        label_indices(examples),
        probabilities,
    )
    if not some:
        raise BadData(f"none of the {len(examples)} images can be read", "Name other images with --data DIR.")
    pixels = np.stack(some).astype(np.float32)
    return Original(model, bundle.manifest.provenance.keras_sha256, file.stat().st_size, reference, pixels)


def measure(
    original: Original,
    images: LabelledImages,
    bundle: Bundle,
    *,
    calls: Sequence[CallName] = CALLS,
    rules: Rules = latency.RULES,
    repeats: Repeats | None = None,
) -> KerasResult:
    """Accuracy, and the latency of ``calls``, one image at a time: ``predict``, and a compiled ``tf.function``.

    There are no latencies on an emulated processor. A disturbed measurement is repeated once the machine is calm;
    ``repeats``: those of the benchmark that this one is a part of.
    """
    rates = scoring.rates(original.reference.probabilities, images.items, labels=bundle.manifest.labels)
    known = KerasResult(
        sha256=original.sha256,
        bytes=original.bytes,
        **vars(judged(())),
        **vars(rates),
        versions=versions((TENSORFLOW, "keras")),
    )
    if emulated():
        return known
    from tlpipe.network.backend import tf

    compiled = tf.function(lambda image: original.model(image, training=False))
    ways: Calls = {
        "predict": lambda image: original.model.predict(image, verbose=0),
        "compiled": lambda image: compiled(tf.constant(image)).numpy(),
    }
    chosen = {name: ways[name] for name in calls}
    return (repeats or Repeats()).measured(
        lambda: _with_latencies(known, chosen, original.pixels, rules), threads=load.now().device.cores
    )


def _with_latencies(known: KerasResult, calls: Calls, pixels: np.ndarray, rules: Rules) -> KerasResult:
    each = WARM_UP_SECONDS + rules.seconds
    before = load.now()
    with progress.parts("timing Keras", seconds=len(calls) * each):
        timed = {name: _timed(name, call, pixels, rules, seconds=each) for name, call in calls.items()}
    doubts = [*validity.disturbances(before, load.now(), threads=before.device.cores)]
    for name, latencies in timed.items():
        doubts += [replace(why, scope=name) for why in validity.doubts(latencies, max_spread=MAX_SPREAD)]
    figures = {name: latencies.figures() for name, latencies in timed.items()}
    return replace(
        known,
        **vars(judged(doubts)),
        predict_ms=figures.get("predict"),
        compiled_ms=figures.get("compiled"),
        samples_ms={name: each.samples_ms for name, each in timed.items()},
    )


def _timed(
    name: CallName, call: Callable[[np.ndarray], object], pixels: np.ndarray, rules: Rules, *, seconds: float
) -> Latency:
    progress.part(name, seconds=seconds)
    turn = cycle(image[None] for image in pixels)
    return latency.measure(lambda: call(next(turn)), rules=rules)
