"""Converts a Keras model into the bytes of a .tflite file."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from tlpipe.conversion.recipes import Recipe
from tlpipe.network.backend import keras, silenced, tf

if TYPE_CHECKING:
    from tensorflow.types.experimental import ConcreteFunction


def frozen_graph(model: keras.Model) -> "ConcreteFunction":
    """The model as a concrete function for a batch of one, in inference mode, with its variables as constants.

    With it, a conversion is 4 times as fast as TFLiteConverter.from_keras_model, which first writes a SavedModel and
    reads it again. TensorFlow's own converter calls the same function, which is not part of ``tf``.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32, name="image")
    with silenced():
        function = tf.function(lambda image: model(image, training=False)).get_concrete_function(signature)
        return convert_variables_to_constants_v2(function)


def to_tflite(
    graph: "ConcreteFunction", recipe: Recipe, *, representative: Callable[[], Iterable[list[np.ndarray]]] | None = None
) -> bytes:
    """Convert the result of ``frozen_graph``, with TFLite's builtin operators only."""
    with silenced():
        converter = tf.lite.TFLiteConverter.from_concrete_functions([graph])
        recipe.configure(converter, tf, representative)
        return bytes(converter.convert())
