"""The head re-fitted to int8 features, on features that were made up."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tlpipe.conversion.recipes import RECIPES
from tlpipe.data.dataset import Dataset, Example
from tlpipe.exporting import head_refit
from tlpipe.features.extractor import Features
from tlpipe.features.prefix import Prefix
from tlpipe.network.backend import keras

COUNT, WIDTH, CLASSES = 200, 16, 4


@pytest.fixture
def whole() -> Any:
    pooled = keras.Input((WIDTH,))
    keras.utils.set_random_seed(0)
    return keras.Model(pooled, keras.layers.Dense(CLASSES, activation="softmax", name="head")(pooled))


@dataclass(frozen=True)
class Given:
    """An extractor whose rows are there already: the float ones, and with a prefix put in, the quantized ones."""

    float_rows: np.ndarray
    quantized_rows: np.ndarray
    prefix: Prefix | None = None
    cut: str = "pooling"

    def extract(self, examples: Sequence[Example], *_: Any, **__: Any) -> Features:
        found = self.float_rows if self.prefix is None else self.quantized_rows
        rows: Any = SimpleNamespace(take=lambda indices: found[indices])
        return Features(rows, tuple(examples))


def test_the_logits_come_nearer(whole: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The int8 features are the float ones, scaled and shifted by channel, and rounded."""
    random = np.random.default_rng(0)
    float_rows = random.normal(size=(COUNT, WIDTH)).astype(np.float32)
    int8_rows = np.rint((float_rows * random.uniform(0.8, 1.2, WIDTH) + random.normal(0, 0.2, WIDTH)) * 16) / 16
    int8_rows = int8_rows.astype(np.float32)
    monkeypatch.setattr(head_refit, "prefix", lambda *_: None)
    monkeypatch.setattr(head_refit.convert, "traced", lambda _: None)
    monkeypatch.setattr(head_refit.convert, "to_tflite", lambda *_, **__: b"")
    train = tuple(Example(Path("x"), 0, "") for _ in range(COUNT))
    representative: Any = SimpleNamespace(tensors=lambda: None)
    extractor: Any = Given(float_rows, int8_rows)

    photographs = Dataset(Path("x"), ("a",), {"train": train})
    kernel, bias = head_refit.refitted_head(whole, RECIPES["int8"], photographs, extractor, representative)
    before, offset = whole.get_layer("head").get_weights()
    wanted = float_rows @ before + offset

    def error(kernel: np.ndarray, bias: np.ndarray) -> float:
        return float(np.abs(int8_rows @ kernel + bias - wanted).mean())

    assert kernel.dtype == bias.dtype == np.float32 and kernel.shape == (WIDTH, CLASSES)
    assert error(kernel, bias) < 0.2 * error(before, offset)


def test_the_head_is_replaced_for_the_block_alone(whole: Any) -> None:
    before = whole.get_layer("head").get_weights()
    with pytest.raises(RuntimeError), head_refit.head_replaced(whole, np.ones((WIDTH, CLASSES)), np.ones(CLASSES)):
        assert whole.get_layer("head").get_weights()[0].tolist() == np.ones((WIDTH, CLASSES)).tolist()
        raise RuntimeError

    np.testing.assert_array_equal(whole.get_layer("head").get_weights()[0], before[0])
