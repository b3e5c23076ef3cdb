"""Fit the head to what the int8 backbone gives, so that the int8 model says what the float model says.

The int8 backbone's features differ a little from the float ones. A ridge regression finds the change of the head that
brings its logits on them back to the float logits, over the training photographs; labels play no part. Whether the
result is taken is decided on validation.
"""

import contextlib
import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.linear_model import RidgeCV

from tlpipe.conversion import convert, recipes
from tlpipe.conversion.calibration import Representative
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset
from tlpipe.features.extractor import Extractor, open_extractor
from tlpipe.network.cut import prefix
from tlpipe_edge.contract.manifest import ImageSpec

STRENGTHS = np.logspace(0, 5, 11)
"""The ridge penalties among which generalized cross-validation chooses."""


def head_for_int8(
    model: Any, photographs: Dataset, spec: ImageSpec, representative: Representative
) -> tuple[np.ndarray, np.ndarray]:
    """The head's kernel (features, classes) and bias (classes,), float32, for the int8 backbone's features."""
    kernel, bias = model.get_layer("head").get_weights()
    train = photographs.readable("train")

    def rows(extractor: Extractor, what: str) -> np.ndarray:
        return extractor.source(train, View(), what=what).take(np.arange(len(train)))

    float_rows = rows(open_extractor(model, "pooling", spec, dtype="float32"), "float features")
    (int8,) = recipes.parse(["int8"])
    graph = convert.frozen_graph(prefix(model, "pooling"))
    backbone = convert.to_tflite(graph, int8, representative=representative.tensors())
    key = hashlib.sha256(backbone).hexdigest()
    int8_rows = rows(Extractor(backbone, "pooling", spec, "float32", key), "int8 features")
    wanted = float_rows @ kernel - int8_rows @ kernel
    ridge = RidgeCV(alphas=STRENGTHS).fit(int8_rows, wanted)
    return kernel + ridge.coef_.T.astype(np.float32), bias + ridge.intercept_.astype(np.float32)


@contextlib.contextmanager
def head_replaced(model: Any, kernel: np.ndarray, bias: np.ndarray) -> Iterator[None]:
    """Within the block ``model`` has this head."""
    head = model.get_layer("head")
    before = head.get_weights()
    head.set_weights([kernel, bias])
    try:
        yield
    finally:
        head.set_weights(before)
