"""An image in, a prediction out: the public face of the device side."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
from PIL import Image

from tlpipe_edge.classify.prediction import SHOWN, Prediction
from tlpipe_edge.console import notebook
from tlpipe_edge.contract.bundle import PREFERENCE, Bundle
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage
from tlpipe_edge.images import decode
from tlpipe_edge.images.source import BinaryFile, Source, pixels_of
from tlpipe_edge.tflite import metadata, sandbox, verify
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import ToTensor, tensor_maker

One = TypeVar("One", bound=Source)


class Classifier:
    """A model ready to classify RGB images; frames of OpenCV are BGR, and need ``bgr=True``.

    Open one with ``Classifier.open``; give each thread its own.

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
        model: bytes,
    ) -> None:
        if session.input.shape != (1, spec.size, spec.size, 3):
            raise BadData(
                f"input of shape {session.input.shape} for RGB images of {spec.size} pixels",
                "Export it again.",
                where=name,
            )
        if session.output.shape != (1, len(labels)):
            raise BadData(
                f"{len(labels)} labels for an output of shape {session.output.shape}",
                "Export the model again.",
                where=name,
            )
        self.session, self.name, self.recipe, self.labels, self.image = session, name, recipe, labels, spec
        self._to_tensor, self._model = to_tensor, model

    def __repr__(self) -> str:
        size, session = self.image.size, self.session
        threads = f"{session.threads} thread{'s' * (session.threads > 1)}"
        runs = f"{session.runtime} {session.version}, {session.delegate or 'no delegate'}, {threads}"
        return (
            f"<Classifier {self.name!r}, {self.recipe}: {len(self.labels)} classes, "
            f"{size}x{size} {self.image.crop}, on {runs}>"
        )

    def _repr_html_(self) -> str:
        """What it is as a table, for a notebook."""
        size, session = self.image.size, self.session
        more = ", ..." if len(self.labels) > SHOWN else ""
        rows = (
            ("recipe", self.recipe),
            ("classes", f"{len(self.labels)}: {', '.join(self.labels[:SHOWN])}{more}"),
            ("input", f"{size}x{size} RGB, {self.image.crop}"),
            ("runtime", f"{session.runtime} {session.version}, {session.delegate or 'no delegate'}"),
            ("threads", str(session.threads)),
        )
        return notebook.table("", ("classifier", self.name), rows)

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
                raise WrongUsage("a single file has no recipe to choose from", "Leave --recipe out.", where=path)
            return cls._from_file(path, threads, runtime)
        if not path.exists():
            raise MissingInput(
                "no such bundle or model", "Name a folder that tlpipe export wrote, or a .tflite file.", where=path
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
            model=content,
        )

    @classmethod
    def _from_file(cls, path: Path, threads: int, runtime: str) -> "Classifier":
        content = read(path)
        described = metadata.read(content, where=str(path))
        if described is None:
            raise BadData(
                "the model does not name its labels (no TFLite Metadata)", "Open its bundle instead.", where=path
            )
        classes = len(described.labels)
        session = _proven(content, str(path), classes=classes, threads=threads, runtime=runtime)
        recipe = path.stem.rpartition("-")[2]
        return cls(
            session,
            name=described.name,
            recipe=recipe if recipe in PREFERENCE else "unknown",
            labels=described.labels,
            spec=ImageSpec(session.input.shape[1]),
            to_tensor=tensor_maker(session.input, mean=described.mean, std=described.std),
            model=content,
        )

    @overload
    def __call__(self, source: Source, *, bgr: bool = False) -> Prediction: ...

    @overload
    def __call__(self, source: list[One] | tuple[One, ...], *, bgr: bool = False) -> list[Prediction]: ...

    def __call__(
        self, source: Source | list[One] | tuple[One, ...], *, bgr: bool = False
    ) -> Prediction | list[Prediction]:
        """Classify an image, or a list or tuple of them on all cores.

        An image is a path, the bytes of an image file, an open binary file, a PIL image, or a uint8 array (H, W, 3) in
        RGB, or, with ``bgr``, as ``cv2.imread`` and ``VideoCapture.read`` give it.

        Raises MissingInput or BadData for an image that cannot be read, WrongUsage for ``bgr`` with anything but an
        array. The first such image of a list ends it, and is named by its index: ``images[3]: gone.jpg: no such file``.
        """
        if isinstance(source, list | tuple):
            return self._all(source, bgr=bgr)
        start = time.perf_counter_ns()
        decoded = pixels_of(source, at_least=decode.needed(self.image), bgr=bgr)
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

    def _all(self, sources: Sequence[Source], *, bgr: bool) -> list[Prediction]:
        for number, source in enumerate(sources):
            if isinstance(source, list | tuple):
                advice = "Pass one list of images; numbers as a uint8 array (H, W, 3)."
                raise BadData(f"a {type(source).__name__} in a list", advice, where=f"images[{number}]")
        from tlpipe_edge.classify import batch  # which imports this module

        many = batch.workers(len(sources), threads=self.session.threads) if _independent(sources) else 1
        classifiers = [self, *(self._twin() for _ in range(many - 1))]
        predictions = []
        # Closed whatever happens: a worker that went on would share this classifier with the caller's next image.
        with contextlib.closing(batch.classify(classifiers.pop, sources, workers=many, bgr=bgr)) as answers:
            for number, answer in enumerate(answers):
                if isinstance(answer, TlpipeError):
                    place = f"images[{number}]"
                    raise answer.at(f"{place}: {answer.where}" if answer.where else place) from answer
                predictions.append(answer)
        return predictions

    def _twin(self) -> "Classifier":
        """Another one of the same model, for another thread."""
        return Classifier(
            Session(self._model, threads=self.session.threads, runtime=self.session.runtime),
            name=self.name,
            recipe=self.recipe,
            labels=self.labels,
            spec=self.image,
            to_tensor=self._to_tensor,
            model=self._model,
        )

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) float32 of one image that has the model's size already: (size, size, 3) uint8."""
        self.set_input(pixels)
        self.session.invoke()
        return self.session.read_output()

    def set_input(self, pixels: np.ndarray) -> None:
        """Put an image of the model's size, (size, size, 3) uint8, where the next ``session.invoke`` reads it."""
        self.session.set_input(self._to_tensor(pixels))


def _independent(sources: Sequence[Source]) -> bool:
    """Whether threads may read them beside each other: not where an open file or a PIL image is there twice."""
    stateful = [id(source) for source in sources if isinstance(source, BinaryFile | Image.Image)]
    return len(set(stateful)) == len(stateful)


def _proven(model: bytes, where: str, *, classes: int, threads: int, runtime: str) -> Session:
    """A session of a model whose structure is sound and that a child process has run."""
    verify.check(model, where=where, classes=classes)
    sandbox.prove(model, where=where, runtime=runtime)
    return Session(model, threads=threads, runtime=runtime)
