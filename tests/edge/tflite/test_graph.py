"""The description of any model, whatever it is made of, within limits."""

import time

import flatbuffers
import numpy as np
import pytest
import small_models
from small_models import Builder

from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import graph, normalization, verify
from tlpipe_edge.tflite.verify import Unsuitable


def plain() -> Builder:
    builder = Builder()
    small_models.head(builder, small_models.image(builder))
    return builder


def test_a_graph_has_its_operators_and_the_names_of_its_tensors() -> None:
    (found,) = graph.read(plain().content([0], [3], signature="serving_default"), where="model")

    assert [step.name for step in found.steps] == ["MEAN", "FULLY_CONNECTED"]
    assert found.name(0) == "tensor 0" and found.tensor(0).shape == (1, 4, 4, 3)
    assert found.constant(1) is None, "its axes are no floats"
    np.testing.assert_array_equal(found.constant(4), small_models.SLOPES)
    assert graph.signatures(plain().content([0], [3], signature="serving_default"), where="m") == ("serving_default",)


@pytest.mark.parametrize(("inputs", "outputs"), [([99], [3]), ([0], [-1])])
def test_an_end_that_does_not_exist_is_damage(inputs: list[int], outputs: list[int]) -> None:
    with pytest.raises(BadData, match=r"model\.tflite: damaged: tensor (99|-1) does not exist"):
        graph.read(plain().content(inputs, outputs), where="model.tflite")


def test_a_file_that_repeats_its_parts_is_not_read_without_end() -> None:
    """Every graph is the same table, with the same operators: a small file states hundreds of millions."""
    builder = flatbuffers.Builder(1 << 20)
    operator = small_models._table(builder, {})
    operators = small_models._vector(builder, [operator] * 20_000)
    same = small_models._table(builder, {3: operators})
    graphs = small_models._vector(builder, [same] * 20_000)
    codes = small_models._vector(builder, [small_models._code(builder, "ADD")])
    builder.Finish(small_models._table(builder, {1: codes, 2: graphs}), b"TFL3")

    start = time.process_time()
    with pytest.raises(BadData, match="more than 100,000 tensors and operators"):
        graph.read(bytes(builder.Output()), where="model")
    assert time.process_time() - start < 60, "all of them take an hour"


def detector() -> bytes:
    builder = plain()
    outputs = [builder.tensor(shape) for shape in ((1, 10, 4), (1, 10), (1, 10), (1,))]
    builder.operators.append(("TFLite_Detection_PostProcess", (3,), tuple(outputs), "NONE"))
    return builder.content([0], outputs)


def shaped(*shape: int, dtype: str = "float32", signature: tuple[int, ...] = ()) -> bytes:
    builder = Builder()
    pixels = builder.tensor(shape, dtype, signature=signature)
    return builder.content([pixels], [small_models.head(builder, pixels)])


def giving(*shape: int, dtype: str = "float32") -> bytes:
    builder = Builder()
    pixels = small_models.image(builder)
    scores = builder.operator("RESHAPE", [small_models.head(builder, pixels)], builder.tensor(shape, dtype))
    return builder.content([pixels], [scores])


def custom(name: str) -> bytes:
    builder = Builder()
    pixels = small_models.image(builder)
    return builder.content([pixels], [builder.operator(name, [pixels], builder.tensor((1, 3)))])


def two_inputs() -> bytes:
    return plain().content([0, 1], [3])


UNSUITABLE = {
    "detector": (detector, "4 outputs: an object detector, not a classifier"),
    "two inputs": (two_inputs, "2 inputs, but a classifier has one"),
    "two outputs": (lambda: plain().content([0], [3, 2]), "2 outputs, but a classifier has one"),
    "two graphs": (lambda: plain().content([0], [3], graphs=2), "2 graphs, expected one"),
    "channels first": (lambda: shaped(1, 3, 32, 32), "an input of shape (1, 3, 32, 32): channels first (NCHW)"),
    "grey": (lambda: shaped(1, 4, 4, 1), "an input of 1 channel, not of the three of RGB"),
    "four channels": (lambda: shaped(1, 4, 4, 4), "an input of 4 channels, not of the three of RGB"),
    "not square": (lambda: shaped(1, 24, 32, 3), "an input of 32 x 24 pixels, which is not square"),
    "a batch": (lambda: shaped(8, 4, 4, 3), "an input of 8 images, not of one"),
    "a vector": (lambda: shaped(1, 48), "an input of shape (1, 48), not one image"),
    "any size": (lambda: shaped(1, 1, 1, 3, signature=(-1, -1, -1, 3)), "an input without a fixed size"),
    "int16": (lambda: shaped(1, 4, 4, 3, dtype="int16"), "an input of int16, not of float32, uint8 or int8"),
    "int64 scores": (lambda: giving(1, 3, dtype="int64"), "an output of int64, not of float32, uint8 or int8"),
    "a map": (lambda: giving(1, 2, 2, 3), "an output of shape (1, 2, 2, 3), not one score for each class"),
    "one score": (lambda: giving(1, 1), "one score, so there are no classes to choose from"),
    "Flex": (lambda: custom("FlexErf"), "the operator FlexErf, which needs TensorFlow"),
    "Edge TPU": (lambda: custom("edgetpu-custom-op"), "it is compiled for an Edge TPU"),
    "custom": (lambda: custom("MyOperator"), "the custom operator MyOperator"),
}


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("grey", "square RGB images"),
        ("not square", "square RGB images"),
        ("a vector", "square RGB images"),
        ("a batch", "for one image"),
        ("int16", "inputs and outputs of float32, uint8 or int8"),
        ("int64 scores", "inputs and outputs of float32, uint8 or int8"),
        ("a map", "one score for each class"),
        ("one score", "two classes or more"),
    ],
)
def test_the_advice_is_about_what_a_model_does_not_have(name: str, advice: str) -> None:
    with pytest.raises(Unsuitable) as raised:
        verify.check(UNSUITABLE[name][0](), where="model.tflite")
    assert advice in raised.value.advice


@pytest.mark.parametrize("name", UNSUITABLE)
def test_a_sound_model_that_is_no_classifier_is_told_from_a_damaged_one(name: str) -> None:
    make, reason = UNSUITABLE[name]
    content = make()

    with pytest.raises(Unsuitable) as raised:
        verify.check(content, where="model.tflite")
    assert raised.value.reason.startswith(f"refused: {reason}") and raised.value.advice
    assert graph.read(content, where="model.tflite")


def test_a_batch_of_any_size_is_one_image() -> None:
    verify.check(shaped(1, 4, 4, 3, signature=(-1, 4, 4, 3)), where="model")


def implied(builder: Builder, pixels: int) -> tuple[float, float]:
    (found,) = graph.read(builder.content([pixels], [pixels]), where="model")
    assumed = normalization.implied(found)
    return assumed.mean[0], assumed.std[0]


@pytest.mark.parametrize(
    ("dtype", "quantized", "mean", "std"),
    [
        ("float32", None, 127.5, 127.5),
        ("uint8", (1 / 128, 128), 128, 128),
        ("uint8", (1 / 255, 0), 0, 255),
        ("uint8", (1.0, 0), 0, 1),
        ("uint8", None, 0, 1),
        ("int8", (1 / 128, 0), 128, 128),
        ("int8", (1 / 255, -128), 0, 255),
        ("int8", None, 128, 1),
    ],
)
def test_the_input_implies_its_normalization(
    dtype: str, quantized: tuple[float, int] | None, mean: float, std: float
) -> None:
    builder = Builder()

    assert implied(builder, builder.tensor((1, 4, 4, 3), dtype, quantized=quantized)) == pytest.approx((mean, std))


@pytest.mark.parametrize(
    ("name", "constant", "mean", "std"),
    [
        ("MUL", 1 / 255, 0, 1),
        ("MUL", [1 / 58, 1 / 57, 1 / 57], 0, 1),
        ("MUL", 2.0, 127.5, 127.5),
        ("DIV", 127.5, 0, 1),
        ("SUB", [123.7, 116.8, 103.9], 0, 1),
        ("ADD", -127.5, 0, 1),
        ("ADD", 0.5, 127.5, 127.5),
    ],
)
def test_a_first_operator_that_scales_pixels_takes_them_as_they_are(
    name: str, constant: float | list[float], mean: float, std: float
) -> None:
    builder = Builder()
    pixels = small_models.image(builder)
    builder.operator(name, [pixels, builder.constant(constant)], small_models.image(builder))

    assert implied(builder, pixels) == (mean, std)


def test_a_constant_in_float16_is_read_too() -> None:
    builder = Builder()
    pixels = small_models.image(builder)
    stored = builder.constant(1 / 255, "float16")
    builder.operator("DEQUANTIZE", [stored], factor := builder.tensor(()))
    builder.operator("MUL", [pixels, factor], small_models.image(builder))

    assert implied(builder, pixels) == (0, 1)


def test_an_integer_tensor_after_a_float_input_implies_its_normalization() -> None:
    builder = Builder()
    pixels = small_models.image(builder)
    builder.operator("QUANTIZE", [pixels], builder.tensor((1, 4, 4, 3), "int8", quantized=(1 / 255, -128)))

    assert implied(builder, pixels) == pytest.approx((0, 255))
    assert np.isfinite(implied(builder, pixels)).all()


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize(("factor", "mean", "std"), [(1.0, 127.5, 127.5), (1 / 127.5, 0, 1), (1 / 255, 0, 1)])
def test_a_factor_in_the_weights_of_the_first_convolution_is_found(
    padded: bool, factor: float, mean: float, std: float
) -> None:
    builder = Builder()
    pixels = values = small_models.image(builder)
    if padded:
        values = builder.operator("PAD", [pixels, builder.constant([0], "int32")], builder.tensor((1, 6, 6, 3)))
    weights = np.random.default_rng(0).uniform(-0.2, 0.2, (8, 3, 3, 3)) * factor
    builder.operator("CONV_2D", [values, builder.constant(weights)], builder.tensor((1, 4, 4, 8)))

    assert implied(builder, pixels) == (mean, std)


@pytest.mark.parametrize("name", ["PAD", "QUANTIZE"])
def test_a_first_operator_without_an_output_implies_nothing(name: str) -> None:
    builder = Builder()
    pixels = small_models.image(builder)
    builder.operators.append((name, (pixels,), (), "NONE"))

    assert implied(builder, pixels) == (127.5, 127.5)
