"""The classifier: an image in, a prediction out."""

import contextlib
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
from PIL import Image

from tlpipe_edge.classify.prediction import SHOWN, Prediction
from tlpipe_edge.console import notebook
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import PREFERENCE, Bundle
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, TlpipeError, WrongUsage
from tlpipe_edge.images import decode
from tlpipe_edge.images.source import BinaryFile, Source, pixels_of
from tlpipe_edge.tflite import metadata, sandbox, verify
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import ToTensor, tensor_maker

One = TypeVar("One", bound=Source)


class Classifier:
    """A model ready to classify RGB images; frames of OpenCV are BGR, and need ``bgr=True``.

    Open one with ``Classifier.open``; give each thread its own.

    ``name``, ``recipe``, ``labels``, ``image`` (the ImageSpec) and ``session`` (runtime, tensors) describe it. For a
    single file the recipe is taken from the file's name, or is "unknown", and the crop is center-crop.
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
                "Export the model again.",
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
        """Its description as a table, for a notebook."""
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
        """Open a bundle (its fastest recipe if none is named) or a .tflite file with TFLite Metadata.

        Raise MissingInput, BadData, WrongUsage (unknown recipe) or Unavailable (no runtime).
        """
        path = Path(model)
        if path.is_file():
            kinds.refuse_other_file(path)
            if recipe is not None:
                raise WrongUsage("a single file has no formats to choose from", "Leave --recipe out.", where=path)
            return cls._from_file(path, threads, runtime)
        if not path.exists():
            raise kinds.no_model(path)
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
        RGB, or, with ``bgr``, in BGR, as ``cv2.imread`` and ``VideoCapture.read`` return it.

        Raise MissingInput or BadData if an image cannot be read, WrongUsage for ``bgr`` without an array. In a list,
        the first error is raised and names the index: ``images[3]: gone.jpg: no such file``.
        """
        if isinstance(source, list | tuple):
            return self._all(source, bgr=bgr)
        start = time.perf_counter_ns()
        decoded = pixels_of(source, min_side=decode.needed(self.image), bgr=bgr)
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

        workers = batch.workers(len(sources), threads=self.session.threads) if _independent(sources) else 1
        classifiers = [self, *(self._copy() for _ in range(workers - 1))]
        predictions = []
        # Closed in any case: a worker that went on would share this classifier with the caller's next image.
        with contextlib.closing(batch.classify(classifiers.pop, sources, workers=workers, bgr=bgr)) as results:
            for number, result in enumerate(results):
                if isinstance(result, TlpipeError):
                    place = f"images[{number}]"
                    raise result.at(f"{place}: {result.where}" if result.where else place) from result
                predictions.append(result)
        return predictions

    def _copy(self) -> "Classifier":
        """Another classifier of the same model, for another thread."""
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
        """Probabilities (classes,) float32 of one image of the model's size: (size, size, 3) uint8."""
        self.set_input(pixels)
        self.session.invoke()
        return self.session.read_output()

    def set_input(self, pixels: np.ndarray) -> None:
        """Copy an image of the model's size, (size, size, 3) uint8, into the input tensor of the next invoke."""
        self.session.set_input(self._to_tensor(pixels))


def _independent(sources: Sequence[Source]) -> bool:
    """Whether threads may read them in parallel: not if an open file or a PIL image occurs twice."""
    stateful = [id(source) for source in sources if isinstance(source, BinaryFile | Image.Image)]
    return len(set(stateful)) == len(stateful)


def _proven(model: bytes, where: str, *, classes: int, threads: int, runtime: str) -> Session:
    """A session of a model whose structure was checked and that has run in a child process."""
    verify.check(model, where=where, classes=classes)
    sandbox.prove(model, where=where, runtime=runtime)
    return Session(model, threads=threads, runtime=runtime)
