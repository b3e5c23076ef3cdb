"""What the layers of a model say, and the model that is stored for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign_models as foreign
import numpy as np
import pytest

from tlpipe.adopting import composing, pixels, reading
from tlpipe.adopting.reading import End
from tlpipe.network.backend import keras
from tlpipe.runs.adopted import Normalization
from tlpipe_edge.errors import BadData, WrongUsage

layers = keras.layers
SIGNED = Normalization((127.5,) * 3, (127.5,) * 3)


def on_image(build: Callable[[Any], Any], *, shape: tuple[int | None, ...] = (48, 48, 3)) -> Any:
    keras.utils.set_random_seed(2)
    image = keras.Input(shape)
    return keras.Model(image, build(image))


def pooled(image: Any) -> Any:
    return layers.GlobalAveragePooling2D()(layers.Conv2D(6, 3, activation="relu")(image))


def backbone() -> Any:
    return foreign.classifier(layers.Conv2D(8, 3, strides=2), layers.BatchNormalization(), layers.ReLU(), name="base")


def nested() -> Any:
    """A backbone inside, as transfer learning does it."""
    return on_image(
        lambda image: layers.Dense(3, activation="softmax")(
            layers.Dropout(0.2)(
                layers.GlobalAveragePooling2D()(backbone()(layers.Rescaling(1 / 127.5, -1)(image), training=False))
            )
        )
    )


def head_inside() -> Any:
    """The head is in the model inside, behind another model."""
    inner = foreign.classifier(backbone(), layers.GlobalMaxPooling2D(), layers.Dense(3), name="inner")
    return foreign.classifier(layers.Rescaling(1 / 255), inner, layers.Softmax())


def pooled_backbone() -> Any:
    """The pooling is in the model inside, the head behind it; without a bias."""
    inner = foreign.classifier(layers.Conv2D(5, 3), layers.GlobalAveragePooling2D())
    return foreign.classifier(inner, layers.Dense(3, use_bias=False))


def any_size() -> Any:
    return on_image(lambda image: layers.Dense(3)(pooled(image)), shape=(None, None, 3))


def twice_softmax() -> Any:
    return foreign.classifier(layers.Flatten(), layers.Dense(3, activation="softmax"), layers.Softmax())


def convolution_at_the_end() -> Any:
    return foreign.classifier(layers.Conv2D(3, 5, strides=4), layers.GlobalAveragePooling2D(), layers.Softmax())


def batch_normalized() -> Any:
    return foreign.classifier(layers.Conv2D(4, 9), layers.Flatten(), layers.Dense(3), layers.BatchNormalization())


def with_tanh() -> Any:
    return foreign.classifier(
        layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(), layers.Dense(3, activation="tanh"), layers.Softmax()
    )


@pytest.mark.parametrize(
    ("made", "end", "normalization"),
    [
        (foreign.simple, End.SOFTMAX, ()),
        (lambda: foreign.simple(activation=None), End.LOGITS, ()),
        (nested, End.SOFTMAX, ("Rescaling",)),
        (head_inside, End.SOFTMAX, ("Rescaling",)),
        (pooled_backbone, End.LOGITS, ()),
        (any_size, End.LOGITS, ()),
        (twice_softmax, End.SOFTMAX, ()),
        (convolution_at_the_end, End.SOFTMAX, ()),
        (batch_normalized, End.LOGITS, ()),
        (with_tanh, End.SOFTMAX, ()),
        (lambda: on_image(lambda image: layers.Dense(3)(pooled(image / 127.5 - 1.0))), End.LOGITS, None),
    ],
)
def test_the_stored_model_gives_the_probabilities_of_the_given_one(
    made: Callable[[], Any], end: End, normalization: tuple[str, ...] | None, tmp_path: Path
) -> None:
    """Also after saving, and with another batch size."""
    model = made()
    found = reading.read(model, image_size=48 if made is any_size else None)

    assert (found.size, found.classes, found.end) == (48, 3, end)
    assert found.normalization == (("TrueDivide", "Subtract") if normalization is None else normalization)
    composing.compose(model, found, SIGNED).save(tmp_path / "model.keras")
    stored = keras.models.load_model(tmp_path / "model.keras")
    images = np.random.default_rng(0).integers(0, 256, (5, 48, 48, 3)).astype(np.float32)
    raw = foreign.scores(model, images / 127.5 - 1)
    expected = raw if end is End.SOFTMAX else np.exp(raw) / np.exp(raw).sum(axis=1, keepdims=True)
    assert stored.input_shape == (None, 48, 48, 3)
    assert np.allclose(foreign.scores(stored, images), expected, atol=1e-5)
    assert [layer.trainable for layer in stored.layers if layer.weights].count(True) == 0


def test_the_normalization_is_put_in_front(tmp_path: Path) -> None:
    """By channel, and with blue first, as Caffe has it."""
    model = foreign.simple()
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.float32)
    mean, std = (103.939, 116.779, 123.68), (1.0, 2.0, 3.0)
    composed = composing.compose(model, reading.read(model, image_size=None), Normalization(mean, std, bgr=True))
    composed.save(tmp_path / "model.keras")

    expected = foreign.scores(model, (images[..., ::-1] - mean) / std)
    assert np.allclose(foreign.scores(keras.models.load_model(tmp_path / "model.keras"), images), expected, atol=1e-5)


def test_without_a_normalization_the_pixels_stay() -> None:
    model = nested()
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3)).astype(np.float32)
    composed = composing.compose(model, reading.read(model, image_size=None), None)

    assert np.allclose(foreign.scores(composed, images), foreign.scores(model, images), atol=1e-6)


def two_inputs() -> Any:
    first, second = keras.Input((48, 48, 3)), keras.Input((48, 48, 3))
    return keras.Model([first, second], layers.Dense(3)(pooled(layers.Add()([first, second]))))


def two_outputs() -> Any:
    image = keras.Input((48, 48, 3))
    return keras.Model(image, [layers.Dense(3)(pooled(image)), layers.Dense(2)(pooled(image))])


def averaged() -> Any:
    return on_image(
        lambda image: layers.Average()([layers.Dense(3, activation="softmax")(pooled(image)) for _ in range(2)])
    )


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (lambda: foreign.simple(activation="sigmoid"), "ends with sigmoid"),
        (lambda: foreign.simple(activation="relu"), "ends with the activation relu"),
        (lambda: foreign.simple(activation="log_softmax"), "ends with the activation log_softmax"),
        (lambda: foreign.simple(classes=1, activation="sigmoid"), "one output (yes or no)"),
        (lambda: on_image(lambda i: layers.Dense(3)(pooled(i)), shape=(48, 64, 3)), "not square: 48 x 64 pixels"),
        (lambda: on_image(lambda i: layers.Dense(3)(pooled(i)), shape=(48, 48, 1)), "the shape (None, 48, 48, 1)"),
        (lambda: keras.Sequential([keras.Input((9,)), layers.Dense(3)]), "the shape (None, 9)"),
        (lambda: foreign.classifier(layers.Conv2D(3, 3)), "the output has the shape (None, 46, 46, 3)"),
        (two_inputs, "2 inputs"),
        (two_outputs, "2 outputs"),
        (averaged, "the end of the model (Average) does not tell"),
        (lambda: keras.Sequential([layers.Flatten(), layers.Dense(3)]), "does not know its input"),
    ],
)
def test_other_models_are_refused_with_the_reason(made: Callable[[], Any], reason: str) -> None:
    with pytest.raises(BadData) as caught:
        reading.read(made(), image_size=None)
    assert reason in str(caught.value)


def test_the_size_is_named_if_and_only_if_it_is_open() -> None:
    with pytest.raises(WrongUsage, match="--image-size"):
        reading.read(any_size(), image_size=None)
    with pytest.raises(WrongUsage, match="the model takes 48"):
        reading.read(foreign.simple(), image_size=64)


def test_the_line_says_what_was_found() -> None:
    model = foreign.simple(activation=None, first=[layers.Rescaling(1 / 255)])

    assert str(reading.read(model, image_size=None)) == (
        "251 parameters; 48 x 48 pixels; normalization inside (Rescaling); "
        "3 classes, logits at the end, so softmax is added"
    )


def test_a_model_without_a_normalization_needs_one() -> None:
    """No guess: a wrong one gives a model that works badly without an error."""
    with pytest.raises(WrongUsage, match=r"--mean 127\.5 --std 127\.5"):
        pixels.normalization_of((), None)
    assert pixels.normalization_of((), SIGNED) == SIGNED
    assert pixels.normalization_of(("Rescaling",), None) is None


def test_a_second_normalization_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert pixels.normalization_of(("Rescaling",), SIGNED) == SIGNED
    assert "warning" in capsys.readouterr().err
    pixels.normalization_of(("Rescaling",), pixels.named(0, 1, bgr=False))
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("mean", "std", "expected"),
    [
        (127.5, 127.5, SIGNED),
        (0, 255, Normalization((0.0,) * 3, (255.0,) * 3)),
        ((1, 2, 3), 1, Normalization((1.0, 2.0, 3.0), (1.0,) * 3)),
        ((5.0,), (2.0,), Normalization((5.0,) * 3, (2.0,) * 3)),
        (None, None, None),
    ],
)
def test_one_number_or_three(mean: Any, std: Any, expected: Normalization | None) -> None:
    assert pixels.named(mean, std, bgr=False) == expected


@pytest.mark.parametrize(
    ("mean", "std", "bgr"),
    [
        (0, 0, False),
        (0, -1, False),
        ((1, 2), 1, False),
        (float("nan"), 1, False),
        (None, 255, False),
        (1, None, False),
        (None, None, True),
    ],
)
def test_a_wrong_normalization_is_refused(mean: Any, std: Any, bgr: bool) -> None:
    with pytest.raises(WrongUsage):
        pixels.named(mean, std, bgr=bgr)
