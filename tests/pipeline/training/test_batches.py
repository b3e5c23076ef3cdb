"""Batches of features: which rows are read ahead, and what is raised if one cannot be taken."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tlpipe.data.dataset import Example
from tlpipe.engine.choice import engine, using
from tlpipe.engine.threads import Threads
from tlpipe.features.extractor import Features
from tlpipe.features.rows import Unordered
from tlpipe.network.backend import keras
from tlpipe.runs.config import Finetuning
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import fit
from tlpipe.training.batches import Batches, Examples
from tlpipe_edge.errors import MissingInput

COUNT = 40
EXAMPLES = tuple(Example(Path("no file"), number % 3, f"{number}") for number in range(COUNT))


@dataclasses.dataclass
class Rows(Unordered):
    """Drawn rows of four numbers, in pools; ``taken`` and ``needed`` are what was asked for."""

    fails_at: int = 10**9
    taken: list[int] = dataclasses.field(default_factory=list)
    needed: list[list[int]] = dataclasses.field(default_factory=list)
    engines: set[object] = dataclasses.field(default_factory=set)

    def take(self, indices: np.ndarray) -> np.ndarray:
        self.taken += indices.tolist()
        self.engines.add(engine())
        if len(self.taken) > self.fails_at:
            raise MissingInput("gone", "Put it back.", where="photo.jpg")
        return np.random.default_rng(0).normal(size=(len(indices), 4)).astype(np.float32)

    def pools(self, indices: np.ndarray, random: np.random.Generator | None) -> list[np.ndarray]:
        return np.array_split(indices if random is None else random.permutation(indices), [15, 30])

    def will_need(self, indices: np.ndarray) -> None:
        self.needed.append(indices.tolist())


@pytest.mark.parametrize("seed", [None, 3])
def test_a_pool_is_read_ahead_while_the_one_before_it_is_taken(seed: int | None) -> None:
    rows = Rows()
    batches = Batches(Examples([Features(rows, EXAMPLES)], 3), 8, seed=seed)
    pools = rows.pools(np.arange(COUNT), None if seed is None else np.random.default_rng([seed, 0]))
    assert rows.needed == [pools[0].tolist()]
    inputs, targets = batches[0]
    assert rows.needed == [pools[0].tolist(), pools[1].tolist()] and inputs.shape == (8, 4)
    np.testing.assert_array_equal(targets.argmax(1), np.array(rows.taken) % 3)
    assert targets.sum() == 8 and targets.dtype == np.float32
    batches[1]
    assert rows.needed[2:] == [pools[2].tolist()]  # it has the first row of the second pool
    for batch in (2, 3, 4):
        batches[batch]
    assert len(rows.needed) == 3 and rows.taken == np.concatenate(pools).tolist()


@pytest.mark.parametrize("fails_at", [1, 70, 130])
def test_an_error_of_a_row_is_raised_as_it_is(tmp_path: Path, fails_at: int) -> None:
    """Before the first epoch, in training and on validation, which TensorFlow asks for in a thread of its own."""
    rows = Rows(fails_at)
    given = Examples([Features(rows, EXAMPLES)], 3)
    row = keras.Input((4,))
    model = keras.Model(row, keras.layers.Dense(3, activation="softmax")(row))
    course = fit.Course(Finetuning(epochs=2), name="test", batch_size=8, seed=0)
    with using(Threads(1)), pytest.raises(MissingInput, match="gone"):
        fit.fit(model, given, given, course, tensorboard=tmp_path, saved=Checkpoint(tmp_path / "run", "0" * 16))
    assert rows.engines == {Threads(1)}
