"""The activations of images at the cut of a model: the layer between prefix and suffix.

Each image is computed once, and the result is cached on disk. The cache has one folder (a shelf) for each combination
of prefix, image spec and view (an augmentation; the plain view has none). In a shelf, an image has one row, found by
the sha256 of the image file. The engine (threads of this machine) computes missing rows. They are stored in files
(shards), so that an interrupted run continues where it stopped. A model that is cut at the image has no prefix; its
pixels are read each time.
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import PIL

from tlpipe.data import augment
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.data.pixels import read_pixels
from tlpipe.engine.choice import engine
from tlpipe.features import shelf
from tlpipe.features.prefix import Prefix, Weights
from tlpipe.features.shelf import Shelved
from tlpipe.features.work import CheckImages, ComputeFeatures
from tlpipe.network.backbones import IMAGE, POOLING
from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import Busy
from tlpipe_edge.images import decode
from tlpipe_edge.machine.device import cores

if TYPE_CHECKING:
    import keras

SHARD_BYTES = 32_000_000
SHARD_SECONDS = 20.0
"""A shard is stored when it has so many bytes, or took so long: what a stopped command has not stored is lost."""


class Source(Protocol):
    """The inputs of training: rows by index."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The images themselves, decoded when they are taken."""

    examples: Sequence[Example]
    view: View
    spec: ImageSpec

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, size, size, 3) float32 of 0..255."""
        chosen = [self.examples[index] for index in indices]
        return np.stack(list(_readers().map(lambda e: read_pixels(e, self.view, self.spec), chosen))).astype(np.float32)


@functools.cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(cores(), thread_name_prefix="pixels")


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
        pairs = zip(before, self.examples, strict=True)
        return tuple(now for earlier, now in pairs if earlier.problem is None and now.problem is not None)


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
        name = self._shelf(self.prefix, view)
        wanted = {e.sha256 for e in examples if e.problem is None}
        shards, places = shelf.index(name, self.dtype, wanted)
        missing = {e.sha256: e for e in examples if e.problem is None and e.sha256 not in places}
        if missing:
            work = ComputeFeatures(self.prefix.load(), self.spec, view, self.dtype)
            reasons = _compute(work, name, list(missing.values()), what)
            cache.shrink(keep_since=self.started)
            examples = [replace(e, problem=e.problem or reasons.get(e.sha256)) for e in examples]
            shards, places = shelf.index(name, self.dtype, wanted)
        nowhere = len(shards), 0  # an IndexError, not the row of another image
        try:
            rows = [places[e.sha256] if e.problem is None else nowhere for e in examples]
        except KeyError as error:
            raise Busy(
                "another tlpipe process removed these features, or the disk damages them",
                "Try again when no other tlpipe process runs.",
                where=cache.folder(),
            ) from error
        return Features(Shelved(shards, np.array(rows, int).reshape(-1, 2)), tuple(examples))

    def knows_nothing_of(self, view: View) -> bool:
        """Whether the cache has no row of this view, of any image."""
        return self.prefix is not None and not cache.names(self._shelf(self.prefix, view))

    def _shelf(self, prefix: Prefix, view: View) -> str:
        key = {
            "prefix": prefix.key,
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
        return "features/" + hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]

    def _checked(self, examples: Sequence[Example], what: str) -> tuple[Example, ...]:
        unknown = [example for example in examples if example.problem is None]
        with closing(engine().run(CheckImages(self.spec), unknown)) as problems:
            found = iter(list(progress.track(problems, description=what, total=len(unknown))))
        return tuple(replace(e, problem=next(found)) if e.problem is None else e for e in examples)


def _compute(work: ComputeFeatures, name: str, examples: Sequence[Example], what: str) -> dict[str, str]:
    """Store the rows of all examples in shards; the result is why the others cannot be read, by sha256."""
    reasons: dict[str, str] = {}

    def rows(results: Iterator[np.ndarray | str]) -> Iterator[tuple[str, np.ndarray]]:
        for example, result in zip(examples, results, strict=True):
            if isinstance(result, str):
                reasons[example.sha256] = result
            else:
                yield example.sha256, result

    # Closed in any case: if the disk is full, nothing more is computed.
    with (
        closing(engine().run(work, examples)) as results,
        closing(progress.track(results, description=what, total=len(examples))) as tracked,
    ):
        for batch in _batches(rows(tracked)):
            shelf.store(name, batch)
    return reasons


def _batches(rows: Iterator[tuple[str, np.ndarray]]) -> Iterator[list[tuple[str, np.ndarray]]]:
    """The rows of a shard each."""
    batch: list[tuple[str, np.ndarray]] = []
    begun = time.monotonic()
    for row in rows:
        batch.append(row)
        if (len(batch) + 1) * row[1].nbytes > SHARD_BYTES or time.monotonic() - begun >= SHARD_SECONDS:
            yield batch
            batch, begun = [], time.monotonic()
    if batch:
        yield batch
