"""Items in batches, for workers that do not share this process's memory."""

import pickle
from collections.abc import Iterable, Iterator


def batches(items: Iterable[object], limits: Iterable[int], *, max_bytes: int) -> Iterator[list[bytes]]:
    """The pickled items of a batch each: as many as its limit says, and no more after ``max_bytes``, as encoded images
    can be large. ``limits`` has one for each batch, and is asked when the batch begins."""
    remaining = iter(items)
    for limit in limits:
        batch: list[bytes] = []
        size = 0
        for item in remaining:
            batch.append(pickle.dumps(item))
            size += len(batch[-1])
            if len(batch) >= limit or size > max_bytes:
                break
        if not batch:
            return
        yield batch
