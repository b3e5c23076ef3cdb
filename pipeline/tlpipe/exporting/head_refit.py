"""Fit the head to what the quantized backbone gives, so that the quantized model says what the float model says.

The quantized backbone's features differ a little from the float ones. A ridge regression finds the change of the head
that brings its logits on them back to the float logits, over the training photographs; labels play no part. Whether the
result is taken is decided on validation.
"""

import contextlib
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
from tlpipe.features.extractor import Extractor, open_extractor
from tlpipe.network.cut import prefix
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData

if TYPE_CHECKING:
    import keras

STRENGTHS = np.logspace(0, 5, 11)
"""The ridge penalties among which generalized cross-validation chooses."""


def refitted_head(
    model: "keras.Model", recipe: Recipe, photographs: Dataset, spec: ImageSpec, representative: Representative
) -> tuple[np.ndarray, np.ndarray]:
    """The head's kernel (features, classes) and bias (classes,), float32, for the features of the backbone in a
    calibrated ``recipe``."""
    kernel, bias = model.get_layer("head").get_weights()
    train = [example for example in photographs.splits["train"] if example.problem is None]

    def rows(extractor: Extractor, what: str) -> np.ndarray:
        features = extractor.extract(train, View(), what=what)
        for example in features.new_problems(train):
            raise BadData(f"{example.problem}", "Put it back as it was, or train the run again.", where=example.file)
        return features.rows.take(features.usable)

    float_rows = rows(open_extractor(model, "pooling", spec, dtype="float32"), "float features")
    graph = convert.frozen_graph(prefix(model, "pooling"))
    backbone = convert.to_tflite(graph, recipe, representative=representative.tensors())
    key = hashlib.sha256(backbone).hexdigest()
    quantized_rows = rows(Extractor(backbone, "pooling", spec, "float32", key), f"{recipe.name} features")
    wanted = float_rows @ kernel - quantized_rows @ kernel
    ridge = RidgeCV(alphas=STRENGTHS).fit(quantized_rows, wanted)
    return kernel + ridge.coef_.T.astype(np.float32), bias + ridge.intercept_.astype(np.float32)


@contextlib.contextmanager
def head_replaced(model: "keras.Model", kernel: np.ndarray, bias: np.ndarray) -> Iterator[None]:
    """Within the block ``model`` has this head."""
    head = model.get_layer("head")
    before = head.get_weights()
    head.set_weights([kernel, bias])
    try:
        yield
    finally:
        head.set_weights(before)
