"""Fits the head to the features of the quantized backbone, so that the logits are closer to those of the float model.

The features of the quantized backbone differ a little from the float features. A ridge regression on the training
images finds the change of the head that brings its logits back to the float logits; labels are not used. Validation
decides whether the new head is used.
"""

import contextlib
import dataclasses
import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import RidgeCV

from tlpipe.conversion import convert
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Prefix
from tlpipe.network.backbones import HEAD
from tlpipe.network.cut import prefix
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData

if TYPE_CHECKING:
    import keras

STRENGTHS = np.logspace(0, 5, 11)
"""The ridge penalties from which generalized cross-validation chooses."""


def refitted_head(
    model: "keras.Model", recipe: Recipe, dataset: Dataset, extractor: Extractor, representative: Representative
) -> tuple[np.ndarray, np.ndarray]:
    """The kernel (features, classes) and bias (classes,) of the head, float32, for the features of the backbone in a
    calibrated ``recipe``. ``extractor`` gives the float features of ``model`` at the input of its head."""
    kernel, bias = model.get_layer(HEAD).get_weights()
    train = [example for example in dataset.splits["train"] if example.problem is None]

    def rows(source: Extractor, what: str) -> np.ndarray:
        features = source.extract(train, View(), what=what)
        for example in features.new_problems(train):
            raise BadData(f"{example.problem}", "Put it back as it was, or train the run again.", where=example.file)
        return features.rows.take(features.usable)

    cut = extractor.cut
    float_rows = rows(extractor, "float features")
    with progress.waiting(f"converting the backbone to {recipe.name}", seconds=6):
        function = convert.traced(prefix(model, cut))
        backbone = convert.to_tflite(function, recipe, representative=representative.tensors())
    quantized = Prefix(hashlib.sha256(backbone).hexdigest(), cut, lambda: backbone)
    quantized_rows = rows(dataclasses.replace(extractor, prefix=quantized), f"{recipe.name} features")
    wanted = float_rows @ kernel - quantized_rows @ kernel
    ridge = RidgeCV(alphas=STRENGTHS).fit(quantized_rows, wanted)
    return kernel + ridge.coef_.T.astype(np.float32), bias + ridge.intercept_.astype(np.float32)


@contextlib.contextmanager
def head_replaced(model: "keras.Model", kernel: np.ndarray, bias: np.ndarray) -> Iterator[None]:
    """Give ``model`` this head within the block."""
    head = model.get_layer(HEAD)
    before = head.get_weights()
    head.set_weights([kernel, bias])
    try:
        yield
    finally:
        head.set_weights(before)
