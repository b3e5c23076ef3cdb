"""A photograph in, a labelled answer out: the public face of the device side."""

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import RECIPES, ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage
from tlpipe_edge.images import decode
from tlpipe_edge.tflite import metadata, sandbox, verify
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import ToTensor, tensor_maker


@dataclass(frozen=True)
class Score:
    """A label with its probability, 0..1."""

    label: str
    score: float


@dataclass(frozen=True)
class Prediction:
    """The answer for one image: ``scores`` (classes,) float32 in the order of ``labels``.

    ``timings_ms`` has ``decode`` (0 for an array), ``resize``, ``invoke`` (with its copies in and out) and ``total``.
    """

    labels: tuple[str, ...]
    scores: np.ndarray
    timings_ms: dict[str, float]

    def top_k(self, k: int) -> tuple[Score, ...]:
        """The ``k`` best labels, best first, the lower index first where scores tie."""
        order = np.argsort(-self.scores, kind="stable")[:k]
        return tuple(Score(self.labels[index], float(self.scores[index])) for index in order)

    @property
    def label(self) -> str:
        """The best label."""
        return self.top_k(1)[0].label

    @property
    def score(self) -> float:
        """The best label's probability, 0..1."""
        return self.top_k(1)[0].score


class Classifier:
    """A model ready to classify. Open one with ``Classifier.open``; give each thread its own.

    ``name``, ``recipe``, ``labels``, ``image`` (the ImageSpec) and ``session`` (runtime, tensors) say what it is. Of a
    single file the recipe is what its name says, or "unknown", and the crop is the centre.
    """

    def __init__(
        self,
        session: Session,
        *,
        name: str,
        recipe: str,
        labels: tuple[str, ...],
        spec: ImageSpec,
        to_tensor: ToTensor,
    ) -> None:
        if session.input.shape != (1, spec.size, spec.size, 3):
            raise BadData(
                f"{name}: input of shape {session.input.shape} for RGB images of {spec.size} pixels", "Export it again."
            )
        if session.output.shape != (1, len(labels)):
            raise BadData(
                f"{name}: {len(labels)} labels for an output of shape {session.output.shape}", "Export the model again."
            )
        self.session, self.name, self.recipe, self.labels, self.image = session, name, recipe, labels, spec
        self._to_tensor = to_tensor

    @classmethod
    def open(
        cls, model: Path | str, *, recipe: str | None = None, threads: int = 1, runtime: str = "auto"
    ) -> "Classifier":
        """Open a bundle (its fastest recipe, unless one is named) or a .tflite file with TFLite Metadata.

        Raises MissingInput, BadData, WrongUsage (a recipe that is not there) or Unavailable (no runtime).
        """
        path = Path(model)
        if path.is_file():
            if recipe is not None:
                raise WrongUsage(f"{path}: a single file has no recipe to choose from", "Leave --recipe out.")
            return cls._from_file(path, threads, runtime)
        if not path.exists():
            raise MissingInput(
                f"{path}: no such bundle or model", "Name a folder that tlpipe export wrote, or a .tflite file."
            )
        bundle = Bundle.open(path)
        artifact, manifest = bundle.artifact(recipe), bundle.manifest
        content, where = bundle.read(artifact), str(path / artifact.file)
        session = _proven(content, where, classes=len(manifest.labels), threads=threads, runtime=runtime)
        return cls(
            session,
            name=manifest.name,
            recipe=artifact.recipe,
            labels=manifest.labels,
            spec=manifest.image,
            to_tensor=tensor_maker(session.input),
        )

    @classmethod
    def _from_file(cls, path: Path, threads: int, runtime: str) -> "Classifier":
        content = read(path)
        described = metadata.read(content, where=str(path))
        if described is None:
            raise BadData(
                f"{path}: the model does not name its labels (no TFLite Metadata)", "Open its bundle instead."
            )
        classes = len(described.labels)
        session = _proven(content, str(path), classes=classes, threads=threads, runtime=runtime)
        recipe = path.stem.rpartition("-")[2]
        return cls(
            session,
            name=described.name,
            recipe=recipe if recipe in RECIPES else "unknown",
            labels=described.labels,
            spec=ImageSpec(session.input.shape[1]),
            to_tensor=tensor_maker(session.input, mean=described.mean, std=described.std),
        )

    def __call__(self, source: Path | str | bytes | np.ndarray) -> Prediction:
        """Classify a path, the bytes of an image file, or an RGB uint8 array (H, W, 3).

        Raises MissingInput or BadData for an image that cannot be read.
        """
        start = time.perf_counter_ns()
        decoded = (
            source if isinstance(source, np.ndarray) else decode.decode(source, at_least=decode.needed(self.image))
        )
        after_decode = time.perf_counter_ns()
        pixels = decode.resize(decoded, self.image)
        after_resize = time.perf_counter_ns()
        scores = self.scores(pixels)
        end = time.perf_counter_ns()
        return Prediction(
            self.labels,
            scores,
            {
                "decode": (after_decode - start) / 1e6,
                "resize": (after_resize - after_decode) / 1e6,
                "invoke": (end - after_resize) / 1e6,
                "total": (end - start) / 1e6,
            },
        )

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) float32 of one image that has the model's size already: (size, size, 3) uint8."""
        self.set_input(pixels)
        self.session.invoke()
        return self.session.read_output()

    def set_input(self, pixels: np.ndarray) -> None:
        """Put an image of the model's size, (size, size, 3) uint8, where the next ``session.invoke`` reads it."""
        self.session.set_input(self._to_tensor(pixels))


def _proven(model: bytes, where: str, *, classes: int, threads: int, runtime: str) -> Session:
    """A session of a model whose structure is sound and that a child process has run."""
    verify.check(model, where=where, classes=classes)
    sandbox.prove(model, where=where, runtime=runtime)
    return Session(model, threads=threads, runtime=runtime)
