"""The bundle's golden images give the same answers on every processor and runtime."""

import json
import subprocess
from collections.abc import Callable

import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.images import decode

pytestmark = pytest.mark.arm64

Command = Callable[..., "subprocess.CompletedProcess[str]"]

STEP = 1 / 256
"""Of an int8 softmax."""

UNDECIDED = {(0, 3): (14, 235, 7), (0, 5): (154, 79, 23), (1, 5): (16, 188, 52), (3, 4): (0, 169, 87)}
"""Two golden images laid over each other -> the scores, in steps, of LiteRT 2.3.0 on x86-64; no class is sure to win.

A golden image itself is a poor witness: its softmax is saturated, and hides what went wrong below."""

ROUNDING = {"ai-edge-litert": 2, "tflite-runtime": 40}
"""Steps by which the scores of undecided images may differ from LiteRT's on x86-64.

XNNPACK rounds the same way everywhere but where its kernels sum in float: 2 of 300 scores of noise were off by one step
on a Cortex-A72 and A76, and none by more. tflite-runtime does not give int8 to XNNPACK, and its own kernels round twice
in every layer, on ARM not as on x86: 39 steps were the most over the same noise. An emulator that calculates wrongly
(qemu 7.2 with all of ARM's extensions) was off by 49 steps with LiteRT.
"""


def test_the_photographs_give_the_pixels(drawn: Bundle) -> None:
    """Measured: equal, on x86-64 and aarch64, over 60 JPEGs of all samplings.

    One step of 255 is for other builds: the decoder's inverse DCT is exact in libjpeg-turbo, but not in every libjpeg.
    """
    golden = drawn.golden()

    for file, pixels in zip(golden.files, golden.pixels, strict=True):
        assert np.abs(decode.load(file, drawn.manifest.image).astype(int) - pixels).max() <= 1


def test_the_pixels_give_the_probabilities(drawn: Bundle, classifier: Classifier) -> None:
    """One step: see ``ROUNDING``; where one class is sure, that is all that is left of it, with both runtimes."""
    golden = drawn.golden()

    for pixels, scores in zip(golden.pixels, golden.scores["int8"], strict=True):
        assert np.abs(classifier.scores(pixels) - scores).max() <= STEP


def test_the_photographs_give_the_labels(drawn: Bundle, tlpipe_edge: Command) -> None:
    """Through the command, in a process of its own, as on a device."""
    golden = drawn.golden()
    done = tlpipe_edge("classify", drawn.path, *golden.files, "--json")

    labels = [drawn.manifest.labels[best] for best in golden.scores["int8"].argmax(axis=1)]
    assert set(labels) == set(drawn.manifest.labels)
    assert [row["label"] for row in json.loads(done.stdout)["images"]] == labels


@pytest.mark.parametrize("pair", UNDECIDED)
def test_an_undecided_image_has_the_same_probabilities(
    pair: tuple[int, int], drawn: Bundle, classifier: Classifier
) -> None:
    one, other = (drawn.golden().pixels[number].astype(int) for number in pair)
    scores = classifier.scores(((one + other) // 2).astype(np.uint8))

    assert np.abs(scores / STEP - UNDECIDED[pair]).max() <= ROUNDING[classifier.session.runtime]
