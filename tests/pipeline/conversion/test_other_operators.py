"""A network of other operators than MobileNet's is one that a device takes: none of them is refused, and it runs."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tlpipe.conversion import recipes
from tlpipe.conversion.convert import to_tflite, traced
from tlpipe.network.backend import keras, tf
from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import sandbox, verify
from tlpipe_edge.tflite.interpreter import Session


def test_attention_and_gelu_go_through() -> None:
    image = keras.Input((16, 16, 3), batch_size=1)
    patches = keras.layers.Conv2D(8, 4, strides=4, activation="gelu")(image)
    tokens = keras.layers.Reshape((16, 8))(patches)
    tokens = keras.layers.LayerNormalization()(tokens)
    tokens = keras.layers.MultiHeadAttention(2, 4)(tokens, tokens)
    tokens = keras.layers.Lambda(lambda each: tf.gather(each, [0, 3, 5], axis=1) ** 2)(tokens)
    scores = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(tokens))
    model = keras.Model(image, scores)
    (float32,) = recipes.parse(["float32"])
    content = to_tflite(traced(model), float32)

    verify.check(content, where="model", classes=3)
    sandbox.prove(content, where="model")
    pixels = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    np.testing.assert_allclose(Session(content).run(pixels), model(pixels)[0], atol=1e-5)


def converted(network: Callable[[Any], Any]) -> bytes:
    """A .tflite of one (1, 8, 8, 3) uint8 image, as a stranger may have made it."""
    signature = [tf.TensorSpec((1, 8, 8, 3), tf.uint8)]
    function = tf.function(network, input_signature=signature).get_concrete_function()
    return bytes(tf.lite.TFLiteConverter.from_concrete_functions([function]).convert())


def brightest(image: Any) -> Any:
    """A whole number that the image decides: 0 for one that is grey."""
    return tf.maximum(tf.cast(tf.reduce_max(tf.cast(image, tf.float32)), tf.int32) - 127, 0)


def filled(image: Any) -> Any:
    """So much memory as the image says."""
    large = tf.fill([1, 2 + 1_000_000 * brightest(image)], 1.0)
    return tf.nn.softmax(tf.reshape(large[:, :2], (1, 2)))


def placed(image: Any) -> Any:
    """A place in 1,024 that the image names."""
    index = tf.reshape(brightest(image) * 100_000, (1, 1))
    dense = tf.raw_ops.SparseToDense(
        sparse_indices=index, output_shape=[1024], sparse_values=[1.0], default_value=0.0, validate_indices=False
    )
    return tf.nn.softmax(tf.reshape(dense[:2], (1, 2)))


def flattened(image: Any) -> Any:
    """A size taken from the shape, as Keras's Flatten does."""
    pixels = tf.cast(image, tf.float32)
    rows = tf.reshape(pixels, (tf.shape(pixels)[0], -1))
    return tf.nn.softmax(tf.reshape(rows[:, :2], (1, 2)))


@pytest.mark.parametrize("network", [filled, placed])
def test_no_index_and_no_size_is_computed_from_the_image(network: Callable[[Any], Any]) -> None:
    with pytest.raises(BadData, match="refused: an operator that takes indices or sizes computed from the image"):
        verify.check(converted(network), where="model", classes=2)


def test_a_size_may_be_computed_from_a_shape() -> None:
    verify.check(converted(flattened), where="model", classes=2)


def test_what_fails_with_one_image_alone_is_an_error_of_the_model() -> None:
    session = Session(converted(placed))
    session.run(np.full((1, 8, 8, 3), 127, np.uint8))

    with pytest.raises(BadData, match="fails while the model runs"):
        session.run(np.full((1, 8, 8, 3), 255, np.uint8))
