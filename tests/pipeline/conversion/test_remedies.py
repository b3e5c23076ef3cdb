"""Each remedy gives one fully integer file, which XNNPACK takes in one piece, with the kernels that were chosen."""

import dataclasses
from typing import Any

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from tlpipe.conversion import convert, recipes, remedies
from tlpipe.conversion.arithmetic import rounded_kernel
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.correction import corrected
from tlpipe.conversion.folded import fold
from tlpipe.conversion.layer_rules import NoRule
from tlpipe.conversion.remedies import CONVERTER, CORRECTED, ROUNDED, Remedy
from tlpipe.demo import digits
from tlpipe.network import build

(INT8,) = recipes.parse(["int8"])
SIZE = 64


GIVEN = Representative((), np.random.default_rng(0).integers(0, 256, (8, SIZE, SIZE, 3), dtype=np.uint8))


def built(backbone: str) -> Any:
    given: dict[str, Any] = {"labels": ("a", "b", "c"), "dropout": 0.0, "seed": 0, "size": SIZE}
    if backbone == "mobilenet_v2":
        return build.build(backbone, alpha=0.35, weights=str(digits.BACKBONE), **given)
    return build.build(backbone, alpha=1.0, weights="none", **given)


@pytest.fixture(scope="module", params=["mobilenet_v2", "efficientnet_lite0"])
def model(request: pytest.FixtureRequest) -> Any:
    return built(request.param)


def given_to_xnnpack(interpreter: Interpreter) -> list[tuple[str, str]]:
    """Of each piece of the network that XNNPACK takes, the operator before it and that after it."""
    interpreter.allocate_tensors()
    operators = interpreter._get_ops_details()
    before = {output: each["op_name"] for each in operators for output in each["outputs"]}
    pieces = [each for each in operators if each["op_name"] == "DELEGATE"]
    ends = [
        (
            {before[tensor] for tensor in piece["inputs"] if tensor in before},
            {each["op_name"] for each in operators if set(piece["outputs"]) & set(each["inputs"])},
        )
        for piece in pieces
    ]
    return [(" ".join(sorted(first)), " ".join(sorted(last))) for first, last in ends]


@pytest.mark.parametrize("remedy", [CONVERTER, CORRECTED, ROUNDED], ids=lambda remedy: str(remedy.name))
def test_the_file_is_fully_integer_and_one_piece(model: Any, remedy: Remedy) -> None:
    interpreter = Interpreter(model_content=remedy.convert(model, INT8, GIVEN))
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()

    assert (image["dtype"], image["quantization"]) == (np.uint8, (1.0, 0))
    assert (scores["dtype"], scores["quantization"]) == (np.uint8, (1 / 256, 0))
    assert {each["dtype"] for each in interpreter.get_tensor_details()} <= {np.int8, np.uint8, np.int32}
    assert given_to_xnnpack(interpreter) == [
        ("QUANTIZE", "SOFTMAX")
    ]  # which turn uint8 into int8, and logits to scores


def test_the_kernels_are_those_that_were_chosen(model: Any) -> None:
    """The converter finds the same grid for each channel, and rounds to the level that was chosen."""
    network = corrected(fold(model), GIVEN.pixels, for_outputs=True)
    function = convert.traced_with_ranges(network, SIZE)
    interpreter = Interpreter(model_content=convert.to_tflite(function, INT8, representative=GIVEN.first(1).tensors()))
    stored = []
    for each in interpreter.get_tensor_details():
        scales = each["quantization_parameters"]["scales"]
        if each["dtype"] == np.int8 and len(scales) > 1:
            axis = each["quantization_parameters"]["quantized_dimension"]
            shape = [-1 if place == axis else 1 for place in range(len(each["shape"]))]
            stored.append(interpreter.get_tensor(each["index"]) * scales.reshape(shape))
    expected = [tensor for tensor in network.tensors if tensor.kernel is not None]
    assert len(stored) == len(expected)
    for tensor in expected:
        kernel = rounded_kernel(tensor)
        assert tensor.kernel is not None
        np.testing.assert_allclose(kernel, tensor.kernel, atol=1e-6 + 1e-5 * np.abs(kernel).max())
        order = {"convolution": (3, 0, 1, 2), "depthwise": (3, 0, 1, 2), "dense": (1, 0)}[tensor.kind]
        wanted = kernel.transpose(order)
        alike = [each for each in stored if each.shape == wanted.shape and np.allclose(each, wanted, atol=1e-4)]
        assert alike, tensor.name


def test_a_network_that_computes_something_else_is_no_network_for_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    network = built("mobilenet_v2")
    tensors = remedies.folded(network, GIVEN.pixels)
    head = tensors[-2]
    assert head.bias is not None
    other = (*tensors[:-2], dataclasses.replace(head, bias=head.bias + np.float32([1, 0, 0])), tensors[-1])
    monkeypatch.setattr(remedies, "fold", lambda _: other)

    with pytest.raises(NoRule, match="other scores"):
        remedies.folded(network, GIVEN.pixels)
