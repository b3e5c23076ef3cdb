"""Networks of other families, converted as their makers do it: the device takes them, and gives what Keras gives."""

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlpipe.data.dataset import Example
from tlpipe.features.work import ComputeScores, Scored
from tlpipe.network.backend import keras, tf
from tlpipe_edge import Classifier
from tlpipe_edge.contract.manifest import ImageSpec

layers = keras.layers
PIXELS = np.random.default_rng(7).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)
SCALED = (PIXELS - np.float32(127.5)) / np.float32(127.5)


def squeezed(values: Any) -> Any:
    """Squeeze and excite, with the hard sigmoid of MobileNetV3."""
    channels = values.shape[-1]
    weights = layers.GlobalAveragePooling2D(keepdims=True)(values)
    weights = layers.Conv2D(4, 1, activation="relu")(weights)
    return layers.Multiply()([values, layers.Conv2D(channels, 1, activation="hard_sigmoid")(weights)])


def varied(image: Any) -> Any:
    """Blocks of MobileNetV3, EfficientNet, DenseNet, NASNet and ConvNeXt, one after the other."""
    values = layers.Conv2D(8, 3, strides=2, padding="same", activation="hard_swish")(image)
    values = squeezed(layers.DepthwiseConv2D(3, padding="same", activation="swish")(values))
    values = layers.Concatenate()([values, layers.Conv2D(8, 1)(layers.BatchNormalization()(values))])
    values = layers.Activation("gelu")(layers.LayerNormalization()(values))
    values = layers.Conv2D(8, 3, strides=2)(layers.ZeroPadding2D(((0, 1), (0, 1)))(values))
    values = layers.UpSampling2D(2, interpolation="bilinear")(values)
    values = layers.Conv2DTranspose(8, 2, strides=2)(layers.MaxPooling2D(3, 2, padding="same")(values))
    values = layers.LeakyReLU()(layers.AveragePooling2D(2)(layers.Cropping2D(1)(values)))
    return layers.PReLU(shared_axes=[1, 2])(layers.SeparableConv2D(8, 3, activation="elu")(values))


def network(*, softmax: bool) -> "keras.Model":
    image = keras.Input((32, 32, 3))
    features = layers.GlobalAveragePooling2D()(varied(image))
    logits = layers.Dense(4, kernel_initializer=keras.initializers.RandomNormal(stddev=60.0, seed=1))(features)
    return keras.Model(image, layers.Softmax()(logits) if softmax else logits)


def representative() -> Iterator[list[np.ndarray]]:
    for pixels in SCALED:
        yield [pixels[None]]


def converted(model: "keras.Model", kind: str) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int8"):
        converter.representative_dataset = representative
    if kind == "int8, uint8 in and out":
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # about statistics that only a quantized training has
        return bytes(converter.convert())


@pytest.fixture(scope="module", params=[True, False], ids=["softmax", "logits"])
def original(request: pytest.FixtureRequest) -> "keras.Model":
    keras.utils.set_random_seed(0)
    return network(softmax=request.param)


@pytest.mark.parametrize("kind", ["float32", "float16", "dynamic", "int8, float in and out", "int8, uint8 in and out"])
def test_the_device_gives_the_probabilities_of_keras(tmp_path: Path, original: "keras.Model", kind: str) -> None:
    file = tmp_path / "model.tflite"
    file.write_bytes(converted(original, kind))
    (tmp_path / "labels.txt").write_text("0 a\n1 b\n2 c\n3 d\n")
    classifier = Classifier.open(file)

    expected = np.asarray(original(SCALED))
    if not isinstance(original.layers[-1], layers.Softmax):
        expected = np.asarray(tf.nn.softmax(expected))
        assert any("a softmax is applied" in note for note in classifier.notes)
    scores = np.stack([classifier.scores(pixels) for pixels in PIXELS])
    tolerance = {"float32": 1e-5, "float16": 5e-3, "dynamic": 0.05}.get(kind, 0.1)  # int8 of an untrained network
    np.testing.assert_allclose(scores, expected, atol=tolerance)
    assert expected.max() > 0.4 > expected.min() + 0.2, "it tells the classes apart"


def test_the_workstation_scores_as_the_device_does(tmp_path: Path) -> None:
    image = keras.Input((32, 32, 3), dtype="uint8")
    values = layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(layers.Rescaling(1 / 32)(image)))
    model = keras.Model(image, layers.Dense(3)(values))
    file, photo = tmp_path / "model.tflite", tmp_path / "photo.png"
    file.write_bytes(converted(model, "float32"))
    (tmp_path / "labels.txt").write_text("a\nb\nc\n")
    Image.fromarray(PIXELS[0]).save(photo)
    classifier = Classifier.open(file)

    compute = ComputeScores((file.read_bytes(),), ImageSpec(32)).start()
    scored = compute(Example(photo, 0, hashlib.sha256(photo.read_bytes()).hexdigest()))
    assert isinstance(scored, Scored)
    np.testing.assert_array_equal(scored.scores[0], classifier(photo).scores)
    assert scored.scores.sum() == pytest.approx(1)


@pytest.mark.parametrize("rescaling", [(1 / 255, 0), (1 / 127.5, -1)])
def test_a_rescaling_in_the_network_is_found(tmp_path: Path, rescaling: tuple[float, float]) -> None:
    image = keras.Input((32, 32, 3))
    values = layers.Conv2D(4, 3, padding="same", activation="relu")(layers.Rescaling(*rescaling)(image))
    model = keras.Model(image, layers.Dense(2, activation="softmax")(layers.Flatten()(values)))
    file = tmp_path / "model.tflite"
    file.write_bytes(converted(model, "float32"))
    (tmp_path / "labels.txt").write_text("a\nb\n")
    classifier = Classifier.open(file)

    assert any("assumed to be pixels 0 to 255" in note for note in classifier.notes)
    scores = np.stack([classifier.scores(pixels) for pixels in PIXELS])
    np.testing.assert_allclose(scores, np.asarray(model(PIXELS.astype(np.float32))), atol=1e-5)
