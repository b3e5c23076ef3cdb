"""The layers that two files share: by operator and shape, in order, with what could not be compared counted."""

from typing import Any

import numpy as np
import pytest
from foreign_models import classifier

from tlpipe.cli.explain_command import render
from tlpipe.conversion import convert, recipes
from tlpipe.explaining import layers, noise
from tlpipe.network.backend import keras
from tlpipe_edge.contract.explanation import Explanation
from tlpipe_edge.errors import BadData

KERAS = keras.layers
FLOAT32, INT8 = recipes.RECIPES["float32"], recipes.RECIPES["int8"]
PIXELS = np.random.default_rng(3).integers(0, 256, (4, 48, 48, 3), np.uint8)


def converted(model: Any, recipe: recipes.Recipe) -> bytes:
    """By the converter alone."""
    images = [[image[None].astype(np.float32)] for image in PIXELS]
    return convert.to_tflite(convert.traced(model), recipe, representative=lambda: images)


def network(*between: Any) -> Any:
    return classifier(
        KERAS.Conv2D(8, 3, strides=2, activation="relu", name="first"),
        *between,
        KERAS.Conv2D(8, 3, name="second"),
        KERAS.GlobalAveragePooling2D(name="pooled"),
        KERAS.Dense(3, activation="softmax", name="head"),
    )


def test_files_of_the_converter_alone_have_the_same_layers() -> None:
    model = network()
    matched = layers.matched(converted(model, FLOAT32), converted(model, INT8))

    assert matched.uncompared == ()
    assert [pair.layer.name for pair in matched.pairs][:3] == ["first", "second", "pooled"]
    assert [pair.layer.kernel for pair in matched.pairs][:3] == [(3, 3), (3, 3), None]
    assert [pair.layer.operator for pair in matched.pairs][-2:] == ["FULLY_CONNECTED", "SOFTMAX"]


def test_operators_that_only_one_file_has_are_counted() -> None:
    more = network(KERAS.Conv2D(8, 1, padding="same", name="between"), KERAS.MaxPooling2D(1, name="same"))
    files = converted(more, FLOAT32), converted(network(), INT8)
    matched = layers.matched(*files)
    count, found = noise.measured(*files, matched, PIXELS)

    assert len(matched.uncompared) in (1, 2)
    assert matched.uncompared[0] == "CONV_2D 1x23x23x8 (only float32)"
    assert {"first", "second", "head"} <= {layer.name for layer in found} and count == len(PIXELS)
    explained = Explanation(None, "a" * 64, "b" * 64, count, tuple(found), len(matched.uncompared), matched.uncompared)
    count = len(matched.uncompared)
    said = f"operators that only one of the files has: {count}; the first: CONV_2D 1x23x23x8 (only float32)"
    assert said in render(explained)


def test_files_without_a_common_layer_are_refused() -> None:
    one, other = converted(classifier(KERAS.Flatten()), FLOAT32), converted(network(), INT8)

    with pytest.raises(BadData, match="no layer is in both"):
        layers.matched(one, other)


@pytest.mark.parametrize("place", [0, 1])
def test_a_damaged_file_is_refused(place: int) -> None:
    files = [converted(network(), FLOAT32), converted(network(), INT8)]
    files[place] = files[place][:200]

    with pytest.raises(BadData):
        layers.matched(*files)


def test_equal_tensors_have_no_ratio() -> None:
    file = converted(network(), FLOAT32)
    _, found = noise.measured(file, file, layers.matched(file, file), PIXELS[:1])

    assert {layer.snr_db for layer in found} == {None}
    assert "int8 changes none of them" in render(Explanation(None, "a" * 64, "b" * 64, 1, tuple(found)))


def test_names_that_end_with_a_number_keep_it() -> None:
    model = classifier(
        KERAS.Conv2D(4, 3, activation="relu", name="conv"),
        KERAS.SeparableConv2D(4, 3, name="conv_1"),
        KERAS.BatchNormalization(name="norm_1"),
        KERAS.Conv2D(4, 3, use_bias=False, name="conv_2"),
        KERAS.BatchNormalization(name="norm_2"),
        KERAS.ReLU(name="relu_2"),
        KERAS.Flatten(name="flat"),
        KERAS.Dense(3, name="head"),
    )
    file = converted(model, FLOAT32)
    names = [pair.layer.name for pair in layers.matched(file, file).pairs]

    assert [name for name in dict.fromkeys(names) if name[:4] in ("conv", "head")] == [
        "conv",
        "conv_1",
        "conv_2",
        "head",
    ]
