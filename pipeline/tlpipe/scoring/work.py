"""The work of `tlpipe score` for one image: its best labels, or why it cannot be read. This imports no TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlpipe.features.work import OfImages, scorer
from tlpipe_edge.classify.prediction import Prediction, Score
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import MissingInput, TlpipeError
from tlpipe_edge.images import decode


@dataclass(frozen=True)
class Item:
    """An image: its ``name`` for people, and its file or its encoded bytes; None if there are none, by ``problem``.

    ``missing``: there is no file.
    """

    name: str
    content: Path | bytes | None
    problem: str = ""
    missing: bool = False


def of_file(file: Path) -> Item:
    """The item of a file. Its path is absolute, as a worker may have another working folder."""
    return Item(str(file), file.absolute())


@dataclass(frozen=True)
class Row:
    """The result for an image: its ``best`` labels, the best first, or the ``error`` if it cannot be read.

    ``missing``: there is no file.
    """

    source: str
    best: tuple[Score, ...] = ()
    error: str = ""
    missing: bool = False


@dataclass(frozen=True)
class ScoreImages(OfImages):
    """``Work``: the ``top_k`` best of ``labels`` by ``model``, a .tflite file; as ``Classifier`` gives them."""

    model: bytes
    labels: tuple[str, ...]
    spec: ImageSpec
    top_k: int

    def start(self) -> Callable[[Item], Row]:
        """One session, of one thread, per worker."""
        probabilities = scorer(self.model)

        def row(item: Item) -> Row:
            if item.content is None:
                return Row(item.name, error=item.problem, missing=item.missing)
            try:
                pixels = decode.load(item.content, self.spec)
                prediction = Prediction(self.labels, probabilities(pixels), {})
            except TlpipeError as error:
                return Row(item.name, error=error.reason, missing=isinstance(error, MissingInput))
            return Row(item.name, prediction.top_k(self.top_k))

        return row
