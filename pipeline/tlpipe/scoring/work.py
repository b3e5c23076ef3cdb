"""The work of `tlpipe score` for one image: its best labels, or why it cannot be read. This imports no TensorFlow."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from tlpipe.data import object_store
from tlpipe.data.location import Location, Remote
from tlpipe.features.work import OfImages, scorer
from tlpipe_edge.classify.prediction import Prediction, Score
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError
from tlpipe_edge.images import decode

NO_FILE = "no such file"
"""The problem of an image that is missing."""


@dataclass(frozen=True)
class Item:
    """An image: its ``name`` for people, and its file, its object in a store, or its encoded bytes; None if there are
    none, by ``problem``.

    ``missing``: there is no file. ``lost``: the store is lost, and so all that is read from it.
    """

    name: str
    content: Path | Remote | bytes | None
    problem: str = ""
    missing: bool = False
    lost: TlpipeError | None = None


def of_file(file: Location) -> Item:
    """The item of a file or an object. A path is absolute, as a worker may have another working folder."""
    return Item(str(file), file.absolute() if isinstance(file, Path) else file)


def _fetched(place: Remote) -> bytes:
    """The content of an object. Raise BadData if it is too large for an image."""
    read = object_store.head(place, decode.MAX_BYTES + 1)
    if len(read) > decode.MAX_BYTES:
        raise BadData(f"more than {decode.MAX_BYTES // 10**6} MB, too large for an image", where=place)
    return read


@dataclass(frozen=True)
class Row:
    """The result for an image: its ``best`` labels, the best first, or the ``error`` if it cannot be read.

    ``missing`` and ``lost`` are as in ``Item``.
    """

    source: str
    best: tuple[Score, ...] = ()
    error: str = ""
    missing: bool = False
    lost: TlpipeError | None = None


@dataclass(frozen=True)
class ScoreImages(OfImages):
    """``Work``: the ``top_k`` best of ``labels`` by ``model``, a .tflite file; as ``Classifier`` gives them.

    It also ``Fetches`` images from a store.
    """

    model: bytes
    labels: tuple[str, ...]
    spec: ImageSpec
    top_k: int

    def file(self, item: Item) -> Path | None:
        """As ``Work.file``."""
        return item.content if isinstance(item.content, Path) else None

    def is_distant(self, item: Item) -> bool:
        """As ``Fetches.is_distant``."""
        return isinstance(item.content, Remote)

    def fetch(self, item: Item) -> Item:
        """As ``Fetches.fetch``."""
        if not isinstance(item.content, Remote):
            return item
        try:
            return replace(item, content=_fetched(item.content))
        except (MissingInput, object_store.Denied) as error:
            problem = NO_FILE if isinstance(error, MissingInput) else error.reason
            return Item(item.name, None, problem, missing=True)
        except BadData as error:
            return Item(item.name, None, error.reason)
        except TlpipeError as error:
            return Item(item.name, None, error.reason, lost=error)

    def is_last(self, item: Item) -> bool:
        """As ``Fetches.is_last``."""
        return item.lost is not None

    def start(self) -> Callable[[Item], Row]:
        """One session, of one thread, per worker."""
        probabilities = scorer(self.model)

        def row(item: Item) -> Row:
            item = self.fetch(item)
            if item.content is None or isinstance(item.content, Remote):
                return Row(item.name, error=item.problem, missing=item.missing, lost=item.lost)
            try:
                pixels = decode.load(item.content, self.spec)
                prediction = Prediction(self.labels, probabilities(pixels), {})
            except TlpipeError as error:
                return Row(item.name, error=error.reason, missing=isinstance(error, MissingInput))
            return Row(item.name, prediction.top_k(self.top_k))

        return row
