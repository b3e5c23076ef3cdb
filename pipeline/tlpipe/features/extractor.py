"""Images -> activations at the cut of a model, through LiteRT, each computed once and cached on disk.

A shelf of the cache holds the rows of one prefix, image spec and view; a row is found by the sha256 of its image file.
What is not on the shelf is computed by one interpreter per core and added in shards, so that an interrupted run goes on
where it ended. A model that is cut at the image itself has no prefix, and its pixels are read anew each time.
"""

import hashlib
import itertools
import json
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Protocol

import cv2
import numpy as np
import PIL

from tlpipe.conversion import recipes
from tlpipe.data import augment
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.data.pixels import read_pixels
from tlpipe.features import cache
from tlpipe.features.shelf import Shelved, index, store
from tlpipe.network import build
from tlpipe.network.cut import prefix
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import Busy
from tlpipe_edge.images import decode
from tlpipe_edge.images.decode import UnreadableImage
from tlpipe_edge.machine.device import cores
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker

if TYPE_CHECKING:
    import keras

SHARD_BYTES = 32_000_000


class Source(Protocol):
    """Where training takes its inputs from: rows by index."""

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, ...) float32."""
        ...


@dataclass(frozen=True)
class Pixels:
    """The pictures themselves, decoded when they are taken."""

    examples: Sequence[Example]
    view: View
    spec: ImageSpec
    pool: ThreadPoolExecutor

    def take(self, indices: np.ndarray) -> np.ndarray:
        """(K,) indices -> (K, size, size, 3) float32 of 0..255."""
        chosen = [self.examples[index] for index in indices]
        return np.stack(list(self.pool.map(lambda e: read_pixels(e, self.view, self.spec), chosen))).astype(np.float32)


@dataclass(frozen=True)
class Features:
    """N examples as ``extract`` found them, each with its ``problem`` if it has one, and the rows of the others.

    ``rows.take`` takes indices of ``examples`` that have no problem.
    """

    rows: Source
    examples: tuple[Example, ...]

    @property
    def usable(self) -> np.ndarray:
        """The indices of the examples without a problem, ascending: (K,) int64."""
        return np.flatnonzero([example.problem is None for example in self.examples])

    def new_problems(self, before: Sequence[Example]) -> tuple[Example, ...]:
        """The examples that had no problem ``before``, which are those that were extracted, and have one now."""
        pairs = zip(before, self.examples, strict=True)
        return tuple(now for earlier, now in pairs if earlier.problem is None and now.problem is not None)


@dataclass(frozen=True)
class Extractor:
    """A prefix of a model, ready to run: ``tflite`` is None for the cut "image"."""

    tflite: bytes | None
    cut: str
    spec: ImageSpec
    dtype: str
    weights_sha256: str
    started: float = field(default_factory=time.time)

    def extract(self, examples: Sequence[Example], view: View, *, what: str) -> Features:
        """The rows of these examples in a view; an example that cannot be read comes back with its ``problem``.

        One that has a problem already is not read again. Rows that are not in the cache are computed; ``what`` names
        that in the progress bar. At the cut "image" pixels are read when they are taken, and only the plain view is
        checked now. Raises MissingInput if a file is gone, Busy if another run deleted the rows meanwhile.
        """
        if self.tflite is None:
            checked = tuple(examples) if view.number else self._checked(examples, what)
            return Features(Pixels(checked, view, self.spec, ThreadPoolExecutor(cores())), checked)
        shelf = self._shelf(view)
        shards, places = index(shelf)
        missing = {e.sha256: e for e in examples if e.problem is None and e.sha256 not in places}
        if missing:
            reasons = self._compute(self.tflite, shelf, list(missing.values()), view, what)
            cache.shrink(keep_since=self.started)
            examples = [replace(e, problem=e.problem or reasons.get(e.sha256)) for e in examples]
            shards, places = index(shelf)
        nowhere = len(shards), 0  # taking it is an IndexError, and not the row of another image
        try:
            rows = [places[e.sha256] if e.problem is None else nowhere for e in examples]
        except KeyError as error:
            raise Busy(
                "another run took the room of these features", "Try again when it has ended.", where=cache.folder()
            ) from error
        return Features(Shelved(shards, np.array(rows, int).reshape(-1, 2)), tuple(examples))

    def _shelf(self, view: View) -> str:
        key = {
            "weights": self.weights_sha256,
            "cut": self.cut,
            "spec": asdict(self.spec),
            "view": asdict(view) if view.number else 0,
            "pixels": decode.VERSION,
            "views": augment.VERSION,
            "dtype": self.dtype,
            "opencv": cv2.__version__,
            "pillow": PIL.__version__,
            "litert": version("ai-edge-litert"),
        }
        return "features/" + hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:24]

    def _compute(self, tflite: bytes, shelf: str, examples: Sequence[Example], view: View, what: str) -> dict[str, str]:
        """Run the prefix on every example, store the rows in shards; gives what is wrong with the others by sha256."""
        own = threading.local()
        reasons: dict[str, str] = {}

        def row(example: Example) -> np.ndarray | str:
            if not hasattr(own, "session"):
                own.session = Session(tflite)
                own.to_tensor = tensor_maker(own.session.input)
            try:
                picture = read_pixels(example, view, self.spec)
            except UnreadableImage as error:
                return error.reason
            return np.asarray(own.session.run(own.to_tensor(picture)), self.dtype)

        def rows(pool: ThreadPoolExecutor) -> Iterator[tuple[str, np.ndarray]]:
            results = zip(examples, pool.map(row, examples), strict=True)
            for example, result in progress.track(results, description=what, total=len(examples)):
                if isinstance(result, str):
                    reasons[example.sha256] = result
                else:
                    yield example.sha256, result

        pool = ThreadPoolExecutor(cores())
        try:
            stream = rows(pool)
            for first in stream:
                batch = [first, *itertools.islice(stream, max(0, SHARD_BYTES // first[1].nbytes - 1))]
                store(shelf, batch)
        finally:
            pool.shutdown(cancel_futures=True)  # where there is no room left, not one more is computed
        return reasons

    def _checked(self, examples: Sequence[Example], what: str) -> tuple[Example, ...]:
        def checked(example: Example) -> Example:
            if example.problem is None:
                try:
                    read_pixels(example, View(), self.spec)
                except UnreadableImage as error:
                    return replace(example, problem=error.reason)
            return example

        with ThreadPoolExecutor(cores()) as pool:
            return tuple(progress.track(pool.map(checked, examples), description=what, total=len(examples)))


def open_extractor(model: "keras.Model", cut: str, spec: ImageSpec, *, dtype: str) -> Extractor:
    """The extractor of a model at a cut. The converted prefix comes from the cache when its weights are the same.

    ``dtype`` is how rows are stored: float16 where they feed a suffix that trains, float32 for pooled features.
    """
    if cut == "image":
        return Extractor(None, cut, spec, dtype, "")
    prefix_model = prefix(model, cut)
    sha256 = build.weights_sha256(prefix_model)
    versions = f"{version('tensorflow')} {version('keras')} {model.name} {spec.size} {cut}"
    name = f"prefixes/{hashlib.sha256(f'{sha256} {versions}'.encode()).hexdigest()[:24]}.tflite"
    file = cache.get(name)
    if file is None:
        from tlpipe.conversion import convert

        (float32,) = recipes.parse(["float32"])
        progress.say("converting the frozen layers for LiteRT")
        file = cache.put(name, convert.to_tflite(convert.frozen_graph(prefix_model), float32))
    return Extractor(file.read_bytes(), cut, spec, dtype, sha256)
