"""A folded network computes what the Keras model computes, and says what it has no rule for."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tlpipe.conversion.arithmetic import computed
from tlpipe.conversion.folded import fold
from tlpipe.conversion.layer_rules import NoRule
from tlpipe.conversion.tensor import Tensor
from tlpipe.network import build
from tlpipe.network.backend import keras

SIZE = 64
layers = keras.layers


def scattered(model: keras.Model) -> keras.Model:
    """The model with random statistics in each normalization: new ones do nothing."""
    chance = np.random.default_rng(0)
    for layer in model._flatten_layers():
        if isinstance(layer, layers.BatchNormalization):
            shapes = [weight.shape for weight in layer.weights]
            layer.set_weights([chance.uniform(0.5, 1.5, shape) for shape in shapes])
    return model


def ours(backbone: str, alpha: float = 1.0) -> keras.Model:
    common: dict[str, Any] = {"labels": ("a", "b", "c"), "dropout": 0.2, "seed": 0}
    return scattered(build.build(backbone, alpha=alpha, size=SIZE, weights="none", **common))


def of_layers(*between: keras.Layer, size: int = 16) -> keras.Model:
    """A classifier with these layers after its image."""
    return scattered(keras.Sequential([keras.Input((size, size, 3)), *between]))


def nested() -> keras.Model:
    """As ``adopt`` composes one: a normalization of each channel, a model inside, and a head."""
    inside = keras.Sequential(
        [keras.Input((16, 16, 3)), layers.Conv2D(4, 3), layers.BatchNormalization(), layers.ReLU(6)]
    )
    image = keras.Input((16, 16, 3))
    tensor = layers.Rescaling([0.1, 0.2, 0.3], [-1.0, 0.0, 1.0])(image)
    tensor = layers.GlobalAveragePooling2D()(inside(tensor))
    return scattered(keras.Model(image, layers.Dense(3, activation="softmax")(tensor)))


def usual() -> keras.Model:
    """What classifiers by hand have."""
    return of_layers(
        layers.Rescaling(1 / 255),
        layers.ZeroPadding2D(((0, 1), (2, 1))),
        layers.Conv2D(4, 3, 2, activation="relu"),
        layers.MaxPooling2D(2),
        layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        layers.BatchNormalization(scale=False),
        layers.Activation("relu6"),
        layers.AveragePooling2D(2, 1, padding="same"),
        layers.Dropout(0.5),
        layers.GlobalAveragePooling2D(),
        layers.Dense(5, activation="relu"),
        layers.Dense(3),
        layers.Softmax(),
    )


def by_hand() -> keras.Model:
    """Colors reversed and a mean taken off, a normalization before a convolution, two layers of one name, and flat."""
    image = keras.Input((16, 16, 3))
    tensor = keras.ops.flip(layers.RandomFlip("horizontal")(image), axis=-1) / 127.5 - 1.0
    tensor = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv")(tensor)
    tensor = layers.ReLU()(layers.BatchNormalization()(layers.MaxPooling2D(2)(layers.ReLU()(tensor))))
    inside = keras.Sequential([keras.Input((8, 8, 4)), layers.Conv2D(4, 3, padding="same", name="conv")])
    tensor = layers.Add()([layers.Identity()(tensor), inside(tensor)])
    tensor = layers.Dense(5, activation="relu")(layers.Flatten()(tensor))
    return scattered(keras.Model(image, layers.Activation("softmax")(layers.Dense(3, activation="linear")(tensor))))


def of_statistics() -> keras.Model:
    normalized = layers.Normalization(mean=[120.0, 115.0, 100.0], variance=[60.0**2, 55.0**2, 57.0**2])
    convolution = layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization()
    separable = layers.SeparableConv2D(5, 3, 2, padding="same", activation="relu")
    return of_layers(
        normalized, *convolution, separable, layers.GlobalMaxPooling2D(), layers.Dense(3, activation="softmax")
    )


def scores(tensors: tuple[Tensor, ...], images: np.ndarray) -> np.ndarray:
    values: dict[str, Any] = {tensors[0].name: images}
    for tensor in tensors[1:]:
        values[tensor.name] = computed(tensor, [values[name] for name in tensor.inputs])
    return np.asarray(values[tensors[-1].name])


@pytest.mark.parametrize(
    "make",
    [lambda: ours("mobilenet_v2", 0.35), lambda: ours("efficientnet_lite0"), nested, usual, by_hand, of_statistics],
    ids=["mobilenet_v2", "efficientnet_lite0", "nested", "usual", "by hand", "of statistics"],
)
def test_it_computes_what_keras_computes(make: Callable[[], keras.Model]) -> None:
    model = make()
    images = np.random.default_rng(1).uniform(0, 255, (4, *model.input_shape[1:])).astype(np.float32)
    tensors = fold(model)

    np.testing.assert_allclose(scores(tensors, images), model(images, training=False), atol=2e-5)
    assert tensors[0].kind == "image" and tensors[-1].kind == "softmax"
    kinds = {type(layer) for layer in model._flatten_layers()}
    assert layers.BatchNormalization in kinds and len({tensor.name for tensor in tensors}) == len(tensors)


def shared() -> keras.Model:
    image = keras.Input((16, 16, 3))
    tensor = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    both = layers.Add(name="sum")([layers.ReLU(name="relu")(tensor), tensor])
    return keras.Model(image, layers.Softmax()(layers.GlobalAveragePooling2D()(both)))


def read_before() -> keras.Model:
    """A sum reads the convolution through a dropout before the ReLU is folded into it."""
    image = keras.Input((16, 16, 3))
    tensor = layers.Conv2D(3, 3, padding="same", name="conv")(image)
    first = layers.Conv2D(3, 3, padding="same")(layers.Dropout(0.1)(tensor))
    tensor = layers.Add()([first, layers.ReLU(name="relu")(tensor)])
    return keras.Model(image, layers.Softmax()(layers.GlobalAveragePooling2D()(tensor)))


def two_outputs() -> keras.Model:
    inner = keras.Input((16, 16, 3))
    tensor = layers.Conv2D(3, 3)(inner)
    inside = keras.Model(inner, [layers.GlobalAveragePooling2D()(tensor), tensor], name="inside")
    image = keras.Input((16, 16, 3))
    return keras.Model(image, layers.Softmax()(inside(image)[0]))


def twice() -> keras.Model:
    image = keras.Input((16, 16, 3))
    layer = layers.Conv2D(3, 3, padding="same", name="conv")
    return keras.Model(image, layers.Softmax()(layers.GlobalAveragePooling2D()(layer(layer(image)))))


def then_pooled(*between: keras.Layer) -> keras.Model:
    return of_layers(*between, layers.GlobalAveragePooling2D(), layers.Softmax())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (shared, "sum: it reads a tensor that another layer is folded into"),
        (read_before, "relu: what it is folded into is also read by another layer"),
        (twice, "conv: used more than once"),
        (lambda: then_pooled(layers.Conv2D(3, 3, dilation_rate=2, name="c")), "c: a convolution"),
        (lambda: then_pooled(layers.Conv2D(3, 3, activation="swish", name="c")), "c: no rule for the"),
        (lambda: then_pooled(layers.UpSampling2D(name="up")), "up: no rule for UpSampling2D"),
        (lambda: then_pooled(layers.BatchNormalization(axis=1, name="n")), "n: a normalization of another axis"),
        (lambda: then_pooled(layers.Conv2D(3, 3), layers.ReLU(2, name="r")), "r: a ReLU with an upper bound of 2"),
        (lambda: then_pooled(layers.ReLU(negative_slope=0.1, name="r")), "r: a ReLU with a slope"),
        (two_outputs, "inside: 2 outputs"),
        (lambda: of_layers(layers.GlobalAveragePooling2D()), "no softmax at its end"),
    ],
)
def test_what_has_no_rule_is_named(make: Callable[[], keras.Model], said: str) -> None:
    with pytest.raises(NoRule, match=said):
        fold(make())
