"""Ranges of our own and corrected biases: means stay, and a device computes what was foreseen."""

from typing import Any

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tlpipe.conversion import convert, correction, recipes
from tlpipe.conversion.arithmetic import Range, computed, rounded, rounded_kernel
from tlpipe.conversion.correction import Corrected, corrected
from tlpipe.conversion.folded import fold
from tlpipe.conversion.tensor import Tensor
from tlpipe.demo import digits
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.tensors import tensor_maker

SIZE = 64


def drawn(seed: int, count: int) -> np.ndarray:
    """Blurred noise, of which a network makes more than of noise: (count, SIZE, SIZE, 3) uint8."""
    noise = np.random.default_rng(seed).integers(0, 256, (count, SIZE, SIZE, 3)).astype(np.uint8)
    return np.stack([cv2.normalize(cv2.GaussianBlur(each, (0, 0), 3), None, 0, 255, cv2.NORM_MINMAX) for each in noise])


PIXELS = drawn(0, 32)


@pytest.fixture(scope="module")
def tensors() -> tuple[Tensor, ...]:
    common: dict[str, Any] = {"labels": ("a", "b", "c"), "dropout": 0.0, "seed": 0}
    return fold(build.build("mobilenet_v2", alpha=0.35, size=SIZE, weights=str(digits.BACKBONE), **common))


@pytest.fixture(scope="module")
def network(tensors: tuple[Tensor, ...]) -> Corrected:
    return corrected(tensors, PIXELS)


def in_int8(network: Corrected, pixels: np.ndarray) -> dict[str, np.ndarray]:
    """Each tensor as int8 rounds it."""
    image, *others, softmax = network.tensors
    values: dict[str, Any] = {image.name: pixels.astype(np.float32)}
    for tensor in others:
        kernel = None if tensor.kernel is None else rounded_kernel(tensor)
        value = computed(tensor, [values[name] for name in tensor.inputs], kernel)
        values[tensor.name] = rounded(value, network.ranges[tensor.name])
    values[softmax.name] = computed(softmax, [values[name] for name in softmax.inputs])
    return {name: np.asarray(value) for name, value in values.items()}


def in_floats(tensors: tuple[Tensor, ...], pixels: np.ndarray) -> dict[str, np.ndarray]:
    values: dict[str, Any] = {tensors[0].name: pixels.astype(np.float32)}
    for tensor in tensors[1:]:
        values[tensor.name] = computed(tensor, [values[name] for name in tensor.inputs])
    return {name: np.asarray(value) for name, value in values.items()}


def test_one_level_of_a_range_is_zero_and_all_of_a_pixel_are_kept(network: Corrected) -> None:
    assert Range.around(0.3, 0.9).low == 0.0 and Range.around(-2.0, -1.0).high == 0.0
    for within in network.ranges.values():
        zero = -within.low / within.step
        assert zero == pytest.approx(round(zero), abs=1e-4)
    pixels = network.ranges["input_scaling_times"]
    assert (pixels.low, pixels.high) == (0.0, pytest.approx(2.0))
    assert network.ranges["Conv1"].low == 0.0


def test_a_range_is_cut_where_few_values_are_far_from_all_others() -> None:
    chance = np.random.default_rng(0)
    even = chance.uniform(-1, 1, 10_000).astype(np.float32)
    few_far = np.concatenate([chance.normal(0, 0.1, 200_000), [-1.0, 1.0]]).astype(np.float32)

    assert Range.nearest(even, -1.0, 1.0) == Range.around(-1.0, 1.0)
    cut, whole = Range.nearest(few_far, -1.0, 1.0), Range.around(-1.0, 1.0)
    assert whole.low < cut.low < -0.4 and 0.4 < cut.high < whole.high
    errors = [float(((each.rounded(few_far) - few_far) ** 2).mean()) for each in (cut, whole)]
    assert errors[0] < errors[1]
    assert np.abs(whole.rounded(few_far) - rounded(few_far, whole)).mean() < 1e-6  # but for ties


def test_only_convolutions_without_relu_have_a_cut_range(tensors: tuple[Tensor, ...], network: Corrected) -> None:
    exact = in_floats(tensors, PIXELS)
    for tensor in tensors:
        if tensor.kind in ("convolution", "depthwise", "add", "dense", "mean"):
            within, values = network.ranges[tensor.name], exact[tensor.name]
            linear = tensor.kind in ("convolution", "depthwise") and tensor.ceiling is None
            assert linear or within.high >= values.max() - within.step, tensor.name
    cut = [
        tensor.name
        for tensor in tensors
        if network.ranges.get(tensor.name, Range(0, 9e9)).high < exact[tensor.name].max() * 0.95
    ]
    assert cut and all(name.endswith("_project") for name in cut)


def test_the_means_of_channels_are_those_of_the_floats(tensors: tuple[Tensor, ...], network: Corrected) -> None:
    """Of each convolution, but for what a ReLU cuts off, to a fraction of what they are without correction."""
    plain = Corrected(tensors, network.ranges)
    wanted, found, before = in_floats(tensors, PIXELS), in_int8(network, PIXELS), in_int8(plain, PIXELS)

    def gap(values: dict[str, np.ndarray], name: str) -> float:
        axes = tuple(range(wanted[name].ndim - 1))
        return float(np.abs(values[name].mean(axes) - wanted[name].mean(axes)).mean())

    names = [tensor.name for tensor in tensors if tensor.kernel is not None]
    assert np.median([gap(found, name) / gap(before, name) for name in names]) < 0.2


def test_the_features_of_other_images_are_nearer_too(tensors: tuple[Tensor, ...], network: Corrected) -> None:
    others = drawn(1, 32)
    wanted = in_floats(tensors, others)["pooling"]

    def distance(of: Corrected) -> float:
        return float(((in_int8(of, others)["pooling"] - wanted) ** 2).mean())

    assert distance(network) < 0.9 * distance(Corrected(tensors, network.ranges))


def test_a_device_computes_what_was_foreseen(network: Corrected) -> None:
    (int8,) = recipes.parse(["int8"])
    representative = [[image[None].astype(np.float32)] for image in PIXELS[:2]]
    function = convert.traced_with_ranges(network, SIZE)
    content = convert.to_tflite(function, int8, representative=lambda: representative)
    session = Session(content)
    assert (session.input.scale, session.input.zero_point, session.output.scale) == (1.0, 0, 1 / 256)

    details = Interpreter(model_content=content).get_tensor_details()
    steps = np.array([each["quantization"][0] for each in details])
    for name, within in network.ranges.items():
        assert np.isclose(steps, within.step, rtol=1e-4).any(), name

    foreseen = in_int8(network, PIXELS)[network.tensors[-1].name]
    fill = tensor_maker(session.input)
    found = np.stack([session.run(fill(image)) for image in PIXELS])
    assert np.abs(found - foreseen).mean() < 2 / 256  # the kernels round ties in their own way, one level apart


def residual() -> tuple[Tensor, ...]:
    """Six blocks with sums, each of which needs the one before twice."""
    keras.utils.set_random_seed(0)
    image = keras.Input((16, 16, 3))
    values = keras.layers.Conv2D(8, 3, padding="same")(image)
    for _ in range(6):
        inner = keras.layers.Conv2D(8, 3, padding="same", activation="relu")(values)
        values = keras.layers.Add()([values, keras.layers.Conv2D(8, 3, padding="same")(inner)])
    pooled = keras.layers.GlobalAveragePooling2D()(values)
    return fold(keras.Model(image, keras.layers.Dense(3, activation="softmax")(pooled)))


def test_what_is_not_kept_is_computed_again_and_no_more_often_than_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    given, pixels = residual(), PIXELS[:, :16, :16]
    kept = corrected(given, pixels, for_outputs=True)
    calls: list[str] = []

    def counted(tensor: Tensor, *values: Any) -> Any:
        calls.append(tensor.name)
        return computed(tensor, *values)

    monkeypatch.setattr(correction, "computed", counted)
    monkeypatch.setattr(correction, "KEPT_VALUES", 100)
    again = corrected(given, pixels, for_outputs=True)

    assert again.ranges == kept.ranges
    for one, other in zip(kept.tensors, again.tensors, strict=True):
        for first, second in ((one.bias, other.bias), (one.kernel, other.kernel)):
            np.testing.assert_array_equal(0 if first is None else first, 0 if second is None else second)
    batches, passes = 2, 5  # in floats; for the Gram matrix, and twice for the bias, as int8 rounds it; and its levels
    assert len(calls) <= batches * passes * len(given) ** 2


def test_what_no_later_tensor_needs_is_forgotten() -> None:
    given, pixels = residual(), PIXELS[:, :16, :16]
    network = correction._Network(given, pixels, for_outputs=False)
    for tensor in given[1:-1]:
        network.settle(tensor)
        assert len(network._exact) == len(network._levels) <= 3
    assert set(network._exact) == {given[-2].name}
