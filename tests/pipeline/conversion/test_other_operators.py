"""A network of other operators than MobileNet's is one that a device takes: none of them is refused, and it runs."""

import numpy as np

from tlpipe.conversion import recipes
from tlpipe.conversion.convert import frozen_graph, to_tflite
from tlpipe.network.backend import keras, tf
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
    content = to_tflite(frozen_graph(model), float32)

    verify.check(content, where="model", classes=3)
    sandbox.prove(content, where="model")
    pixels = np.random.default_rng(0).random((1, 16, 16, 3), np.float32)
    np.testing.assert_allclose(Session(content).run(pixels), model(pixels)[0], atol=1e-5)
