"""The pixels of examples: of one, and of many, chunk by chunk."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.contract.scores import Failed
from tlpipe_edge.errors import MissingInput, TlpipeError
from tlpipe_edge.images.decode import UnreadableImage
from tlpipe_edge.machine.device import cores

CHUNK = 64


def read_pixels(example: Example, view: View, spec: ImageSpec) -> np.ndarray:
    """One view of an example, (size, size, 3) uint8.

    Raises MissingInput if the file is gone, UnreadableImage if it cannot be decoded or its sha256 is another one.
    """
    try:
        content = example.file.read_bytes()
    except OSError as error:
        raise MissingInput(f"{error.strerror}", "Put it back, or train again.", where=example.file) from error
    if hashlib.sha256(content).hexdigest() != example.sha256:
        raise UnreadableImage("changed since the splits were made", "Train the run again.", where=example.file)
    try:
        return view.pixels(content, spec, sha256=example.sha256)
    except UnreadableImage as error:
        raise error.at(example.file) from error


def chunks(examples: Sequence[Example], spec: ImageSpec) -> Iterator[tuple[list[int], np.ndarray, list[Failed]]]:
    """Indices and pixels of the images that can be read, and the others with reasons, a chunk at a time."""

    def read(example: Example) -> np.ndarray | str:
        try:
            return read_pixels(example, View(), spec)
        except TlpipeError as error:
            return error.what

    starts = range(0, len(examples), CHUNK)
    with ThreadPoolExecutor(cores()) as pool:
        for start in progress.track(starts, description=f"scoring {len(examples)} images, {CHUNK} a step"):
            chunk = examples[start : start + CHUNK]
            results = list(pool.map(read, chunk))
            index = [start + at for at, result in enumerate(results) if not isinstance(result, str)]
            pictures = [result for result in results if not isinstance(result, str)]
            bad = [
                Failed(str(example.file), result)
                for example, result in zip(chunk, results, strict=True)
                if isinstance(result, str)
            ]
            yield index, np.stack(pictures) if pictures else np.empty(0), bad
