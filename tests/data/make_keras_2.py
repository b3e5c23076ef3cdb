"""Makes keras_2/, models as Keras 2 saved them: `python make_keras_2.py`, where tf_keras 2.21 is installed.

It prints what the models give for the image of `tests/pipeline/adopting/test_keras_2.py`. No test runs it.
"""

from pathlib import Path

import numpy as np
import tf_keras as keras
from tf_keras import layers

FOLDER = Path(__file__).parent / "keras_2"
SIZE = 24


def main() -> None:
    """A model in a Sequential, as for transfer learning, and that one in a functional model; layers are frozen."""
    keras.utils.set_random_seed(1)
    image = keras.Input((SIZE, SIZE, 3))
    features = layers.Conv2D(4, 3, strides=2, activation="relu")(image)
    features = layers.BatchNormalization()(layers.DepthwiseConv2D(3, strides=2, use_bias=False)(features))
    base = keras.Model(image, layers.ReLU(6.0)(features), name="base")
    base.layers[1].trainable = False
    statistics = [[1.0, 2, 0.5, 1.5], [0.1, -0.1, 0.2, 0], [0.2, 0.1, 0, -0.1], [1.0, 0.5, 2, 1]]
    base.layers[3].set_weights([np.array(each) for each in statistics])
    scaling = layers.Rescaling(1 / 255, input_shape=(SIZE, SIZE, 3))
    sequential = keras.Sequential([scaling, base, layers.GlobalAveragePooling2D(), layers.Dense(3)])
    sequential.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    image = keras.Input((SIZE, SIZE, 3))
    functional = keras.Model(image, layers.Softmax()(sequential(image, training=False)))
    pixels = (np.arange(SIZE * SIZE * 3, dtype="float32").reshape(1, SIZE, SIZE, 3) * 7) % 256
    FOLDER.mkdir(exist_ok=True)
    for name, model in (("sequential", sequential), ("functional", functional)):
        model.save(FOLDER / f"{name}.h5")
        print(name, model.predict(pixels, verbose=0).tolist())


if __name__ == "__main__":
    main()
