"""The classifier: an image in, a prediction out."""

import contextlib
import functools
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar, overload

import numpy as np
from PIL import Image

from tlpipe_edge.classify import model_file
from tlpipe_edge.classify.model_file import FileOptions
from tlpipe_edge.classify.prediction import SHOWN, Prediction
from tlpipe_edge.console import notebook
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import PREFERENCE, Bundle
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, ImageSpec
from tlpipe_edge.errors import BadData, TlpipeError, WrongUsage
from tlpipe_edge.images import decode
from tlpipe_edge.images.source import BinaryFile, Source, pixels_of
from tlpipe_edge.tflite import ending, metadata, sandbox, verify
from tlpipe_edge.tflite import graph as graphs
from tlpipe_edge.tflite.ending import Ending
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import ToTensor, tensor_maker

One = TypeVar("One", bound=Source)


NO_CROP = "this file does not state a crop, so center-crop is used"


@dataclass(frozen=True)
class Model:
    """The bytes of a .tflite file and how it is used: its labels, how pixels go in and probabilities come out."""

    content: bytes = field(repr=False)
    name: str
    recipe: str
    labels: tuple[str, ...]
    image: ImageSpec
    to_tensor: ToTensor
    ending: Ending
    notes: tuple[str, ...]


class Classifier:
    """A model ready to classify RGB images; frames of OpenCV are BGR, and need ``bgr=True``.

    Open one with ``Classifier.open``; give each thread its own.

    ``name``, ``recipe``, ``labels``, ``image`` (the ImageSpec) and ``session`` (runtime, tensors) describe it. For a
    single file the recipe is taken from the file's name, or is "unknown", and the crop is center-crop. ``notes``, one
    sentence each, say what was assumed or changed because the model does not state it.
    """

    def __init__(self, session: Session, model: Model) -> None:
        spec = model.image
        if session.input.shape != (1, spec.size, spec.size, 3):
            raise BadData(
                f"input of shape {session.input.shape} for RGB images of {spec.size} pixels",
                "Export the model again.",
                where=model.name,
            )
        if math.prod(session.output.shape) != len(model.labels):
            raise BadData(
                f"{len(model.labels)} labels for an output of shape {session.output.shape}",
                "Export the model again.",
                where=model.name,
            )
        self.session, self._model = session, model
        self.name, self.recipe, self.labels = model.name, model.recipe, model.labels
        self.image, self.notes = spec, model.notes

    @functools.cached_property
    def sha256(self) -> str:
        """The sha256 of the .tflite file, in hexadecimal."""
        return hashlib.sha256(self._model.content).hexdigest()

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
        cls,
        model: Path | str,
        *,
        recipe: str | None = None,
        threads: int = 1,
        runtime: str = "auto",
        labels: Path | str | None = None,
        mean: float | Sequence[float] | None = None,
        std: float | Sequence[float] | None = None,
    ) -> "Classifier":
        """Open a bundle (its fastest recipe if none is named) or a .tflite file.

        ``labels``, ``mean`` and ``std`` are for a .tflite file from elsewhere: its labels file (by default its TFLite
        Metadata, or a labels.txt beside it), and that its input is (pixel - mean) / std of pixels 0..255, with one
        number, or one for each of R, G and B. ``notes`` of the classifier say what was assumed.

        Raise MissingInput, BadData, WrongUsage (unknown recipe, options that a bundle has not) or Unavailable (no
        runtime).
        """
        path, options = Path(model), FileOptions.of(labels, mean, std)
        if path.is_file():
            kinds.refuse_other_file(path)
            if recipe is not None:
                raise WrongUsage("a single file has no formats to choose from", "Leave --recipe out.", where=path)
            return opened(of_file(path, options), str(path), threads=threads, runtime=runtime)
        if not path.exists():
            raise kinds.no_model(path)
        options.refuse(path)
        bundle = Bundle.open(path)
        artifact = bundle.artifact(recipe)
        where = str(path / artifact.file)
        return opened(of_bundle(bundle, artifact, where), where, threads=threads, runtime=runtime)

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
        session = Session(self._model.content, threads=self.session.threads, runtime=self.session.runtime)
        return Classifier(session, self._model)

    def scores(self, pixels: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) float32 of one image of the model's size: (size, size, 3) uint8."""
        self.set_input(pixels)
        self.session.invoke()
        return self.read_scores()

    def read_scores(self) -> np.ndarray:
        """Probabilities (classes,) float32 of the last invoke. Raise BadData if they are not finite."""
        return self._model.ending.probabilities(self.session.read_output())

    def set_input(self, pixels: np.ndarray) -> None:
        """Copy an image of the model's size, (size, size, 3) uint8, into the input tensor of the next invoke."""
        self.session.set_input(self._model.to_tensor(pixels))


def _independent(sources: Sequence[Source]) -> bool:
    """Whether threads may read them in parallel: not if an open file or a PIL image occurs twice."""
    stateful = [id(source) for source in sources if isinstance(source, BinaryFile | Image.Image)]
    return len(set(stateful)) == len(stateful)


def of_bundle(bundle: Bundle, artifact: Artifact, where: str) -> Model:
    """A file of a bundle, which ``where`` names in errors. Raise BadData if it is damaged or no classifier."""
    manifest, content = bundle.manifest, bundle.read(artifact)
    verify.check(content, where=where, classes=len(manifest.labels))
    graph = graphs.read(content, where=where)[0]
    end = ending.read(graph, where=where)
    return Model(
        content=content,
        name=manifest.name,
        recipe=artifact.recipe,
        labels=manifest.labels,
        image=manifest.image,
        to_tensor=tensor_maker(graph.tensor(graph.inputs[0])),
        ending=end,
        notes=(end.note,) if end.note else (),
    )


def of_file(path: Path, options: FileOptions) -> Model:
    """A single file. Raise BadData if it is damaged (Unsuitable if it is no classifier), or if its labels do not fit;
    MissingInput if there are no labels."""
    content, where = read(path), str(path)
    described = metadata.read(content, where=where)
    verify.check(content, where=where)
    graph = graphs.read(content, where=where)[0]
    end = ending.read(graph, where=where)
    reading = model_file.read(path, described, graph, options)
    image = graph.tensor(graph.inputs[0])
    recipe = path.stem.rpartition("-")[2]
    return Model(
        content=content,
        name=reading.name,
        recipe=recipe if recipe in PREFERENCE else "unknown",
        labels=reading.labels,
        image=ImageSpec(image.shape[1]),
        to_tensor=tensor_maker(image, mean=reading.mean, std=reading.std),
        ending=end,
        notes=(*reading.notes, *([end.note] if end.note else []), NO_CROP),
    )


def opened(model: Model, where: str, *, threads: int, runtime: str) -> Classifier:
    """A classifier of a model whose structure was checked, and that has run in a child process."""
    sandbox.prove(model.content, where=where, runtime=runtime)
    return Classifier(Session(model.content, threads=threads, runtime=runtime), model)
