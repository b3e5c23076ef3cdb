"""The document of ``explain``: what is written is read, and what is damaged or of another kind is not."""

import json
from dataclasses import replace
from typing import Any

import pytest

from tlpipe_edge.contract import explanation
from tlpipe_edge.contract.explanation import Explanation, Layer
from tlpipe_edge.errors import BadData

pytestmark = pytest.mark.arm64

LAYERS = (
    Layer("input_scaling", "MUL", "NONE", None, (64, 64, 3), None),
    Layer("Conv1", "CONV_2D", "RELU6", (3, 3), (32, 32, 16), 41.5),
    Layer("block_1_project", "CONV_2D", "NONE", (1, 1), (32, 32, 8), -3.25),
    Layer("head", "FULLY_CONNECTED", "NONE", None, (3,), 25.0),
    Layer("block_2_add", "ADD", "NONE", None, (32, 32, 8), 20.0),
    Layer("pooled", "AVERAGE_POOL_2D", "NONE", None, (1, 1, 8), 30.0),
    Layer("softmax", "SOFTMAX", "NONE", None, (3,), 50.0),
)
FOUND = Explanation("drawn-int8.tflite", "a" * 64, "b" * 64, 20, LAYERS, 2, ("PAD 1x66x66x3 (only int8)",))


def document(**others: Any) -> dict[str, Any]:
    """The document without its checksum, with other values."""
    written: dict[str, Any] = json.loads(FOUND.to_json())
    return {key: value for key, value in (written | others).items() if key != "checksum"}


def test_what_is_written_is_read() -> None:
    assert explanation.explanation(json.loads(FOUND.to_json()), "explanation.json") == FOUND
    in_memory = replace(FOUND, file=None)
    assert explanation.explanation(json.loads(in_memory.to_json()), "explanation.json") == in_memory


def test_a_key_of_a_later_version_is_ignored() -> None:
    assert explanation.explanation(document(another=1), "explanation.json") == FOUND


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ([], "not an explanation"),
        (document(schema=2), "schema"),
        (document(layers=[]), "layers"),
        (document(images=0), "images"),
        (document(sha256="short"), "sha256"),
        (document(file="../a.tflite"), "file"),
        (json.loads(FOUND.to_json().replace('"images": 20', '"images": 21')), "damaged or edited"),
    ],
)
def test_what_is_damaged_is_refused(damaged: Any, said: str) -> None:
    with pytest.raises(BadData, match=said) as refused:
        explanation.explanation(damaged, "exported/a/explanation.json")
    assert refused.value.where == "exported/a/explanation.json"


def test_the_worst_layers_are_those_with_the_lowest_ratio() -> None:
    assert explanation.worst(LAYERS) == (2, 4, 3, 5, 1)
    assert explanation.worst(LAYERS[:1]) == ()
    assert "<th>block_1_project</th><td>1x1 convolution, linear, 32x32x8</td><td>-3.2 dB</td>" in FOUND._repr_html_()


def test_a_layer_is_described() -> None:
    assert [layer.description for layer in LAYERS] == [
        "product, 64x64x3",
        "3x3 convolution, ReLU6, 32x32x16",
        "1x1 convolution, linear, 32x32x8",
        "dense, linear, 3",
        "sum, 32x32x8",
        "average pool 2d, 1x1x8",
        "softmax, 3",
    ]
