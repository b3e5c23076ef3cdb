"""The batches of a training, or of a scoring, from cached features."""

import contextvars
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from tlpipe.data.dataset import label_indices
from tlpipe.features.extractor import Features
from tlpipe.network.backend import keras, tf
from tlpipe.runs.config import ClassWeights


@dataclass(frozen=True)
class Examples:
    """The features of the same examples in each view. ``views[0]`` is plain; epoch n trains on view n modulo the number
    of views. ``classes`` is the number of labels; ``class_weights`` weigh them in the training loss."""

    views: Sequence[Features]
    classes: int
    class_weights: ClassWeights = ClassWeights.NONE


class Batches(keras.utils.PyDataset):  # type: ignore[misc]
    """Batches of (inputs, one-hot targets) float32; with a ``seed``, each epoch has another view and another order.

    The order is in pools, which are read one after the other: the next one is read while one is trained on. ``error``
    is that of the last batch that could not be taken.
    """

    def __init__(self, examples: Examples, size: int, *, seed: int | None = None) -> None:
        super().__init__()
        self._examples, self._size, self._seed = examples, size, seed
        self._labels = label_indices(examples.views[0].examples)
        self._usable = examples.views[0].usable
        self._context = contextvars.copy_context()  # TensorFlow takes batches in a thread of its own
        self.error: Exception | None = None
        self.begin(0)

    def begin(self, epoch: int) -> None:
        """Let the next batches be those of this epoch."""
        self._epoch = epoch
        self._rows = self._examples.views[epoch % len(self._examples.views)].rows
        random = None if self._seed is None else np.random.default_rng([self._seed, epoch])
        pools = self._rows.pools(self._usable, random)
        self._order = np.concatenate(pools)
        starts = np.cumsum([0, *map(len, pools[:-1])]) // self._size
        self._next = dict(zip(starts.tolist(), pools[1:], strict=False))
        self._rows.will_need(pools[0])

    def __len__(self) -> int:
        return math.ceil(len(self._usable) / self._size)

    def __getitem__(self, batch: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self._order[batch * self._size : (batch + 1) * self._size]
        if batch in self._next:
            self._rows.will_need(self._next[batch])
        targets = np.zeros((len(chosen), self._examples.classes), np.float32)
        targets[np.arange(len(chosen)), self._labels[chosen]] = 1
        try:
            return self._context.copy().run(self._rows.take, chosen), targets
        except Exception as error:
            self.error = error
            raise

    def on_epoch_end(self) -> None:
        self.begin(self._epoch + 1)


@contextmanager
def own_errors(*batches: Batches) -> Iterator[None]:
    """Raise an error of these batches as it is: TensorFlow makes one of its own of it."""
    try:
        yield
    except tf.errors.OpError as error:
        for each in batches:
            if each.error is not None:
                raise each.error from error
        raise
