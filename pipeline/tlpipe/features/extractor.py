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
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from typing import Any, Protocol

import cv2
import numpy as np
import PIL

from tlpipe.conversion import recipes
from tlpipe.data import augment
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example, Unreadable
from tlpipe.data.pixels import read_pixels
from tlpipe.features import cache
from tlpipe.features.shelf import Shelved, index, store
from tlpipe.network import build
from tlpipe.network.cut import prefix
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, Busy
from tlpipe_edge.images import decode
from tlpipe_edge.machine.device import cores
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker

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
class Extractor:
    """A prefix of a model, ready to run: ``tflite`` is None for the cut "image"."""

    tflite: bytes | None
    cut: str
    spec: ImageSpec
    dtype: str
    weights_sha256: str
    started: float = field(default_factory=time.time)

    def unreadable(self, examples: Sequence[Example], *, what: str) -> tuple[Unreadable, ...]:
        """Which of these examples cannot be read. What can is computed meanwhile: ``source`` finds it in the cache.

        ``what`` names the work in the progress bar.
        """
        if self.tflite is None:
            return self._unreadable_pictures(examples, what)
        return self._fill(self.tflite, examples, View(), what)

    def source(self, examples: Sequence[Example], view: View, *, what: str) -> Source:
        """The rows of these examples. Raises BadData where one of them cannot be read; pixels say so when taken."""
        if self.tflite is None:
            return Pixels(examples, view, self.spec, ThreadPoolExecutor(cores()))
        for each in self._fill(self.tflite, examples, view, what):
            raise BadData(f"{each.file}: {each.reason}", "Put it back as it was, or train the run again.")
        shards, places = index(self._shelf(view))
        try:
            rows = [places[example.sha256] for example in examples]
        except KeyError:
            raise Busy(
                f"{cache.folder()}: another run took the room of these features", "Try again when it has ended."
            ) from None
        return Shelved(shards, np.array(rows, int).reshape(-1, 2))

    def _fill(self, tflite: bytes, examples: Sequence[Example], view: View, what: str) -> tuple[Unreadable, ...]:
        """Compute the rows that the shelf of a view does not have; names the examples that cannot be read."""
        shelf = self._shelf(view)
        _, places = index(shelf)
        missing = {example.sha256: example for example in examples if example.sha256 not in places}
        if not missing:
            return ()
        reasons = self._compute(tflite, shelf, list(missing.values()), view, what)
        cache.shrink(keep_since=self.started)
        return tuple(Unreadable(e.file, reasons[e.sha256]) for e in examples if e.sha256 in reasons)

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
        """Run the prefix on every example, store the rows in shards; gives the reasons of the unreadable by sha256."""
        own = threading.local()
        reasons: dict[str, str] = {}

        def row(example: Example) -> np.ndarray | str:
            if not hasattr(own, "session"):
                own.session = Session(tflite)
                own.to_tensor = tensor_maker(own.session.input)
            try:
                picture = read_pixels(example, view, self.spec)
            except BadData as error:
                return error.what.removeprefix(f"{example.file}: ")
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

    def _unreadable_pictures(self, examples: Sequence[Example], what: str) -> tuple[Unreadable, ...]:
        def reason(example: Example) -> Unreadable | None:
            try:
                read_pixels(example, View(), self.spec)
            except BadData as error:
                return Unreadable(example.file, error.what.removeprefix(f"{example.file}: "))
            return None

        with ThreadPoolExecutor(cores()) as pool:
            found = progress.track(pool.map(reason, examples), description=what, total=len(examples))
            return tuple(each for each in found if each)


def open_extractor(model: Any, cut: str, spec: ImageSpec, *, dtype: str) -> Extractor:
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
