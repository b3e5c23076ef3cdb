"""The activations of images at the cut of a model: the layer between prefix and suffix.

Each image is computed once, and the result is cached on disk. The cache has one folder (a shelf) for each combination
of prefix, image spec and view (an augmentation; the plain view has none). In a shelf, an image has one row, found by
the sha256 of the image file. A model that is cut at the image has no prefix; its pixels are read each time.
"""

import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING

import cv2
import numpy as np
import PIL

from tlpipe.data import augment
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.engine.choice import engine
from tlpipe.features import filling, shelf
from tlpipe.features.prefix import Prefix, Weights
from tlpipe.features.rows import Pixels, Shelved, Source, lost
from tlpipe.features.shelf import Placed
from tlpipe.features.work import CheckImages, ComputeFeatures
from tlpipe.network.backbones import IMAGE, POOLING
from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode
from tlpipe_edge.tflite.interpreter import Session

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Features:
    """N examples, with the ``problem`` of each that has one, and the rows of the others.

    ``rows.take`` takes indices of ``examples`` that have no problem.
    """

    rows: Source
    examples: tuple[Example, ...]

    @property
    def usable(self) -> np.ndarray:
        """The indices of the examples without a problem, ascending: (K,) int64."""
        return np.flatnonzero([example.problem is None for example in self.examples])

    def new_problems(self, before: Sequence[Example]) -> tuple[Example, ...]:
        """The examples that had no problem ``before`` the extraction, and have one now."""
        return _new_problems(before, self.examples)


def _new_problems(before: Sequence[Example], now: Sequence[Example]) -> tuple[Example, ...]:
    pairs = zip(before, now, strict=True)
    return tuple(each for earlier, each in pairs if earlier.problem is None and each.problem is not None)


@dataclass(frozen=True)
class Pass:
    """Extract a view of these examples; ``what`` is the text of the progress bar."""

    examples: Sequence[Example]
    view: View
    what: str


@dataclass(frozen=True)
class Extractor:
    """Extracts the rows of examples: activations by ``prefix``, or, if it is None, the pixels.

    ``dtype`` is how rows are stored: float16 where they feed a suffix that trains, float32 for pooled features.
    """

    prefix: Prefix | None
    spec: ImageSpec
    dtype: str
    started: float = field(default_factory=time.time)

    @property
    def cut(self) -> str:
        """The layer whose activations the rows are."""
        return IMAGE if self.prefix is None else self.prefix.cut

    @classmethod
    def at(cls, cut: str, weights: Weights, spec: ImageSpec, model: Callable[[], "keras.Model"]) -> "Extractor":
        """The extractor at the layer ``cut`` of a network with these weights; ``model`` as in ``Weights.prefix``."""
        if cut == IMAGE:
            return cls(None, spec, "float32")
        return cls(weights.prefix(cut, spec.size, model), spec, "float32" if cut == POOLING else "float16")

    def extract(self, examples: Sequence[Example], view: View, *, what: str) -> Features:
        """The rows of these examples in a view; an example that cannot be read gets a ``problem``.

        An example that already has a problem is not read. Rows that are not in the cache are computed; ``what`` is the
        text of the progress bar. Without a prefix, pixels are read when they are taken, and only the plain view is
        checked now. Raise MissingInput if a file is gone, Busy if another run deleted the rows in the meantime,
        Unavailable if the cache cannot be written, and what the conversion of the prefix raises.
        """
        if self.prefix is None:
            checked = tuple(examples) if view.number else self._checked(examples, what)
            return Features(Pixels(checked, view, self.spec), checked)
        prefix = self.prefix
        placed, found = self._placed(prefix, examples, view, what)

        def again() -> Placed:
            placed, now = self._placed(prefix, found, view, what)
            for example in _new_problems(found, now):
                raise BadData(f"{example.problem}", "Run the command again.", where=example.file)
            return placed

        return Features(Shelved(placed, again), found)

    def _placed(
        self, prefix: Prefix, examples: Sequence[Example], view: View, what: str
    ) -> tuple[Placed, tuple[Example, ...]]:
        """Where the rows are, all of which are computed, and the examples with the problems that were found."""
        name = self.shelf(view)
        cache.hold(name, make=True)
        usable = [example for example in examples if example.problem is None]
        hashes = shelf.digests([example.sha256 for example in usable])
        index = shelf.Index(name, self.dtype, hashes)
        index.refresh()
        new = len(index.missing())
        if new:
            what = what if new == len(index.hashes) else f"{what}, not in the cache yet"
            work = ComputeFeatures(prefix.load(), self.spec, view, self.dtype)
            by_place = dict(zip(index.places(hashes).tolist(), usable, strict=True))
            reasons = filling.fill(index, work, by_place, what=what)
            cache.shrink(keep_since=self.started)
            examples = [replace(e, problem=e.problem or reasons.get(e.sha256)) for e in examples]
            usable = [example for example in examples if example.problem is None]
            hashes = shelf.digests([example.sha256 for example in usable])
        places = np.full(len(examples), -1)
        places[[example.problem is None for example in examples]] = index.places(hashes)
        placed = index.placed(places)
        if (placed.shard[places >= 0] < 0).any():
            raise lost()
        return placed, tuple(examples)

    def missing(self, each: Pass) -> int:
        """How many rows of a pass the cache has not. What it has stays there while this process runs."""
        if self.prefix is None:
            return 0
        name = self.shelf(each.view)
        cache.hold(name)
        hashes = shelf.digests([example.sha256 for example in each.examples if example.problem is None])
        index = shelf.Index(name, self.dtype, hashes)
        index.refresh()
        return len(index.missing())

    def row_bytes(self) -> int:
        """How many bytes a row takes in the cache. Raise what the conversion of the prefix raises."""
        if self.prefix is None:
            return 0
        shape = Session(self.prefix.load()).output.shape
        return math.prod(shape[1:]) * np.dtype(self.dtype).itemsize + shelf.INDEX_BYTES

    def knows_nothing_of(self, view: View) -> bool:
        """Whether the cache has no row of this view, of any image."""
        return self.prefix is not None and not cache.names(self.shelf(view))

    def shelf(self, view: View) -> str:
        """The name of the shelf of a view. Only with a prefix."""
        assert self.prefix is not None
        key = {
            "prefix": self.prefix.key,
            "spec": asdict(self.spec),
            "view": asdict(view) if view.number else 0,
            "pixels": decode.VERSION,
            "views": augment.VERSION,
            "dtype": self.dtype,
            "layout": shelf.VERSION,
            "opencv": cv2.__version__,
            "pillow": PIL.__version__,
            "litert": version("ai-edge-litert"),
        }
        return f"{cache.FEATURES}/" + hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]

    def _checked(self, examples: Sequence[Example], what: str) -> tuple[Example, ...]:
        unknown = [example for example in examples if example.problem is None]
        with closing(engine().run(CheckImages(self.spec), unknown)) as problems:
            found = iter(list(progress.track(problems, description=what, total=len(unknown))))
        return tuple(replace(e, problem=next(found)) if e.problem is None else e for e in examples)
