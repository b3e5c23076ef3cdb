"""The scores of many examples by .tflite files, chunk by chunk, with their pixels, which Keras can score as well."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from tlpipe.data.dataset import Example
from tlpipe.engine.choice import engine
from tlpipe.features.work import ComputeScores, Scored
from tlpipe_edge.console import progress
from tlpipe_edge.contract.scores import Failed
from tlpipe_edge.errors import TlpipeError

CHUNK = 64


@dataclass(frozen=True)
class Chunk:
    """K examples: ``places`` in the list, ``pixels`` (K, size, size, 3) uint8, ``scores`` of M models (K, M, classes)
    float32, both (0,) if K is 0; ``failed`` are the examples of the chunk that cannot be read, with reasons."""

    places: list[int]
    pixels: np.ndarray
    scores: np.ndarray
    failed: list[Failed]


def scored_chunks(
    work: ComputeScores, examples: Sequence[Example], *, what: str, strict: bool = False
) -> Iterator[Chunk]:
    """Score all examples, ``CHUNK`` at a time; ``what`` is the text of the progress bar.

    With ``strict``, raise the error of the first example that cannot be read.
    """
    with (
        closing(engine().run(work, examples)) as results,
        closing(progress.track(results, description=what, total=len(examples))) as tracked,
    ):
        numbered = zip(itertools.count(), examples, tracked)
        while chunk := list(itertools.islice(numbered, CHUNK)):
            errors = [(example, result) for _, example, result in chunk if isinstance(result, TlpipeError)]
            for _, error in errors if strict else ():
                raise error
            scored = [(place, result) for place, _, result in chunk if isinstance(result, Scored)]
            yield Chunk(
                places=[place for place, _ in scored],
                pixels=np.array([each.pixels for _, each in scored], np.uint8),
                scores=np.array([each.scores for _, each in scored], np.float32),
                failed=[Failed(str(example.file), error.reason) for example, error in errors],
            )
