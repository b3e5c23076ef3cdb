"""Training on rows in the order of large data sets against training on rows in any order.

python benchmarks/streamed_order.py DATA WEIGHTS [SEED ...]: both stages at 128 px, on the same images and features.
A data set that does not fit into one pool is shuffled in pools of 64 blocks, which are read one after the other. Here
each epoch of the one contestant has 16 such pools, as if it were 16 times as large as a pool is.
"""

import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import harness
import numpy as np

import tlpipe
from tlpipe.features import rows
from tlpipe.features.rows import Shelved
from tlpipe.runs import run_folder
from tlpipe.runs.metrics import Metrics
from tlpipe.runs.run_folder import FINETUNED, FROZEN

SIZE, VIEWS, POOLS, BLOCKS = 128, 2, 16, 64


def main() -> None:
    """Train with each seed in both orders, and publish the accuracies."""
    data, weights = Path(sys.argv[1]), sys.argv[2]
    seeds = [int(seed) for seed in sys.argv[3:]] or [0, 1, 2]
    found: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            training = tlpipe.Training(image_size=SIZE, weights=weights, views=VIEWS, seed=seed)
            for name, order in (("whole", contextlib.nullcontext()), ("streamed", _streamed())):
                out = Path(folder) / f"{name}-{seed}"
                with order:
                    tlpipe.finetune(tlpipe.train(data, training, out=out))
                for stage in (FROZEN, FINETUNED):
                    for split, top1 in _top1(out / stage / run_folder.METRICS).items():
                        found.setdefault(f"{stage}, {split}", {}).setdefault(name, []).append(top1)
    medians = {what: {name: float(np.median(top1)) for name, top1 in each.items()} for what, each in found.items()}
    conditions = {"data": f"{data.name}, {SIZE} px, {VIEWS} views", "seeds": seeds, "pools": POOLS, "blocks": BLOCKS}
    harness.publish("streamed_order", {**conditions, "top1": found, "median_top1": medians})


@contextlib.contextmanager
def _streamed() -> Iterator[None]:
    """Pools of a sixteenth of the rows."""
    shuffled = Shelved.pools

    def in_pools(source: Shelved, indices: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        size = source.take(indices[:1])[0].size * (4 if source.take(indices[:1]).ndim == 2 else 2)
        pool = len(indices) * size // POOLS
        with mock.patch.multiple(rows, POOL_BYTES=pool, BLOCK_BYTES=pool // BLOCKS):
            pools = shuffled(source, indices, random)
        assert random is None or len(pools) >= POOLS
        return pools

    with mock.patch.object(Shelved, "pools", in_pools):
        yield


def _top1(metrics: Path) -> dict[str, float]:
    read = Metrics.read(metrics)
    assert read.test is not None
    return {"validation": read.validation.top1, "test": read.test.top1}


if __name__ == "__main__":
    main()
