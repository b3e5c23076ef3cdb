"""Converts a Keras model into the bytes of a .tflite file."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from tlpipe.conversion.arithmetic import computed, rounded
from tlpipe.conversion.correction import SAME_RANGE, Corrected
from tlpipe.conversion.recipes import Recipe
from tlpipe.network.backend import keras, tf
from tlpipe.network.silence import silenced

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction


def traced(model: keras.Model) -> "ConcreteFunction":
    """The model as a concrete function for a batch of one, in inference mode. Each conversion reads the weights anew.

    With it, a conversion is 4 times as fast as TFLiteConverter.from_keras_model, which first writes a SavedModel and
    reads it again.
    """
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    with silenced():
        return tf.function(lambda image: model(image, training=False)).get_concrete_function(signature)


def to_tflite(
    function: "ConcreteFunction",
    recipe: Recipe,
    *,
    representative: Callable[[], Iterable[list[np.ndarray]]] | None = None,
) -> bytes:
    """Convert the result of ``traced``, with TFLite's builtin operators only."""
    with silenced():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
        recipe.configure(converter, tf, representative)
        return bytes(converter.convert())


def traced_with_ranges(network: Corrected, size: int) -> "ConcreteFunction":
    """A corrected network as a concrete function for one image, with a fake-quant operation that gives each tensor its
    range. Kernels stay in floats: the converter rounds them to the grid of ``arithmetic.rounded_kernel``."""
    image, *others, softmax = network.tensors

    def scores(pixels: Any) -> Any:
        values = {image.name: rounded(pixels, network.ranges[image.name])}
        for tensor in others:
            value = computed(tensor, [values[name] for name in tensor.inputs])
            # A padding has the range of what it pads: a second operation would keep the converter from folding it.
            values[tensor.name] = value if tensor.kind in SAME_RANGE else rounded(value, network.ranges[tensor.name])
        return computed(softmax, [values[name] for name in softmax.inputs])

    with silenced():
        signature = tf.TensorSpec((1, size, size, 3), tf.float32, name="image")
        return tf.function(scores).get_concrete_function(signature)
