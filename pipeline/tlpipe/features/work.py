"""The work that LiteRT does for each example: its activations at a cut, or its scores. This imports no TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.data.pixels import read_pixels
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import TlpipeError
from tlpipe_edge.images.decode import UnreadableImage
from tlpipe_edge.machine.device import cores
from tlpipe_edge.tflite import ending, graph
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker

SMALL_SIDE = 160
"""For smaller images, in pixels, LiteRT and OpenCV, which release Python's global lock, take less than Python does."""

MAX_THREADS = 8
"""With more threads, that lock is the limit for larger images, too."""


class OfImages:
    """``Work`` on images that are resized by ``spec``."""

    spec: ImageSpec

    @property
    def holds_lock(self) -> bool:
        """As ``Work.holds_lock``."""
        return self.spec.size < SMALL_SIDE or cores() > MAX_THREADS


class OfExamples(OfImages):
    """``Work`` on images with labels."""

    def file(self, item: Example) -> Path | None:
        """As ``Work.file``."""
        return item.file


@dataclass(frozen=True)
class ComputeFeatures(OfExamples):
    """``Work``: the activations of an example in ``dtype``, or why it cannot be read. ``model`` is a .tflite file.

    Raise MissingInput if a file is gone.
    """

    model: bytes
    spec: ImageSpec
    view: View
    dtype: str

    def start(self) -> Callable[[Example], np.ndarray | str]:
        """One session per worker."""
        run = _runner(self.model)

        def activations(example: Example) -> np.ndarray | str:
            try:
                pixels = read_pixels(example, self.view, self.spec)
            except UnreadableImage as error:
                return error.reason
            return np.asarray(run(pixels), self.dtype)

        return activations


@dataclass(frozen=True)
class CheckImages(OfExamples):
    """``Work``: why the plain view of an example cannot be read, or None. Raise MissingInput if its file is gone."""

    spec: ImageSpec

    def start(self) -> Callable[[Example], str | None]:
        """A worker keeps no state."""

        def problem(example: Example) -> str | None:
            try:
                read_pixels(example, View(), self.spec)
            except UnreadableImage as error:
                return error.reason
            return None

        return problem


@dataclass(frozen=True)
class Scored:
    """An example's ``pixels``, (size, size, 3) uint8, and the probabilities by M models, (M, classes) float32."""

    pixels: np.ndarray
    scores: np.ndarray


@dataclass(frozen=True)
class ComputeScores(OfExamples):
    """``Work``: the scores of an example by each of ``models``, which are .tflite files, or the error of reading it."""

    models: tuple[bytes, ...]
    spec: ImageSpec

    def start(self) -> Callable[[Example], Scored | TlpipeError]:
        """One session per model and worker."""
        runners = [scorer(model) for model in self.models]

        def scored(example: Example) -> Scored | TlpipeError:
            try:
                pixels = read_pixels(example, View(), self.spec)
            except TlpipeError as error:
                return error
            return Scored(pixels, np.array([run(pixels) for run in runners], np.float32))

        return scored


def _runner(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The function from pixels to the output of the model, on one thread."""
    session = Session(model)
    to_tensor = tensor_maker(session.input)
    return lambda pixels: session.run(to_tensor(pixels))


def scorer(model: bytes) -> Callable[[np.ndarray], np.ndarray]:
    """The function from pixels to probabilities, as the device's ``Classifier`` computes them."""
    end, run = ending.read(graph.read(model, where="model")[0], where="model"), _runner(model)
    return lambda pixels: end.probabilities(run(pixels))
