"""The layers that two .tflite files of one network share: the operators of both, in order, and their Keras names."""

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from tlpipe_edge.contract.explanation import Layer
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import graph as graphs
from tlpipe_edge.tflite.flatbuffer import TensorTable
from tlpipe_edge.tflite.graph import Graph, Step

CONVERTING = ("QUANTIZE", "DEQUANTIZE")
"""Operators that only change the type, and that only one of two files may have."""
FIRST = 5
"""How many of the operators that could not be compared are described."""
MAX_NAME = 80
_INTEGERS = ("int8", "uint8", "int16")
_KERNELS = ("CONV_2D", "DEPTHWISE_CONV_2D", "TRANSPOSE_CONV")
"""Operators whose second input is a kernel (out, height, width, in); in the third one the first."""
_WEIGHTED = ("convolution", "depthwise", "separable", "matmul", "tensordot", "einsum")
"""What the name of the tensor of a layer with weights begins with, in lower case. The layers that are fused with it are
in the name of the tensor, too."""
_INSIDE = ("batchnorm", "moments", "separable_conv2d")
"""Scopes inside a layer."""
_NUMBER = re.compile(r"_\d+$")


@dataclass(frozen=True)
class Pair:
    """A layer (still without its ratio), the number of its tensor in the float32 file and in the int8 file, and the
    type and the scale of the latter."""

    layer: Layer
    float32: int
    int8: int
    stored: Tensor


@dataclass(frozen=True)
class Matched:
    """The layers of both files in the order of execution, and descriptions of operators that only one of them has."""

    pairs: tuple[Pair, ...]
    uncompared: tuple[str, ...]


@dataclass(frozen=True)
class _Output:
    """A tensor, and the operator that computes it."""

    step: Step
    number: int
    tensor: Tensor

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        return self.step.name, self.tensor.shape


def matched(float32: bytes, int8: bytes) -> Matched:
    """Match the operators of two files, by operator and shape of the output.

    Raise BadData if a file is damaged, or if there is no layer that both have.
    """
    floats, quantized = (graphs.read(each, where=name)[0] for each, name in ((float32, "float32"), (int8, "int8")))
    ours, theirs = list(_outputs(floats)), list(_outputs(quantized))
    numbers = _same(ours, theirs)
    pairs = [
        Pair(_layer(floats, ours[one]), ours[one].number, theirs[other].number, theirs[other].tensor)
        for one, other in numbers
        if _comparable(ours[one].tensor, theirs[other].tensor)
    ]
    if not pairs:
        raise BadData("no layer is in both the int8 and the float32 network", "Export the run again.")
    found = {one for one, _ in numbers}, {other for _, other in numbers}
    only = [f"{_said(each)} (only float32)" for place, each in enumerate(ours) if place not in found[0]]
    only += [f"{_said(each)} (only int8)" for place, each in enumerate(theirs) if place not in found[1]]
    names = _keras_names([pair.layer for pair in pairs])
    named = (replace(pair, layer=replace(pair.layer, name=name)) for pair, name in zip(pairs, names, strict=True))
    return Matched(tuple(named), tuple(only))


def _outputs(graph: Graph) -> Iterator[_Output]:
    for step in graph.steps:
        if step.name not in CONVERTING:
            yield from (_Output(step, number, graph.tensor(number)) for number in step.outputs)


def _same(ours: Sequence[_Output], theirs: Sequence[_Output]) -> list[tuple[int, int]]:
    """The places of the same operators in both lists."""
    keys = [each.key for each in ours], [each.key for each in theirs]
    if keys[0] == keys[1]:
        return [(place, place) for place in range(len(ours))]
    blocks = difflib.SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks()
    return [(block.a + place, block.b + place) for block in blocks for place in range(block.size)]


def _comparable(one: Tensor, other: Tensor) -> bool:
    """Whether both are activations: others, such as shapes, are integers in both files."""
    if one.dtype != "float32":
        return False
    return other.dtype == "float32" or (other.dtype in _INTEGERS and other.scale > 0)


def _layer(graph: Graph, output: _Output) -> Layer:
    """The layer, with the scope in the name of its tensor or of its weights, "" if they have none: the converter names
    the output of the network anew."""
    step, kernel = output.step, None
    if step.name in _KERNELS and len(step.inputs) > 1:
        kernel = graph.tensor(step.inputs[1]).shape[1:3]
    weighted = (kernel is not None or step.name == "FULLY_CONNECTED") and len(step.inputs) > 1
    names = [
        str(graph.table(number).octets(TensorTable.NAME), "utf-8", "replace")
        for number in (output.number, *(step.inputs[1:2] if weighted else ()))
    ]
    scope = next(filter(None, (_scope(name, weighted=weighted) for name in names)), "")
    return Layer(scope[:MAX_NAME], step.name, step.activation, kernel, output.tensor.shape[1:], None)


def _said(output: _Output) -> str:
    return f"{output.step.name} {'x'.join(map(str, output.tensor.shape))}"


def _scope(tensor: str, *, weighted: bool) -> str:
    """The layer in the name of a tensor, which is MODEL/LAYER/OPERATION, and several of these, with ";", if they are
    fused: of those the one with weights, if the operator has any. "" if there is none."""
    parts = [part.split("/") for part in tensor.split(";")]
    with_weights = (each for each in parts if each[-1].lower().startswith(_WEIGHTED))
    chosen = next(with_weights, parts[0]) if weighted else parts[0]
    scopes = [scope for scope in chosen[:-1] if scope not in _INSIDE]
    return scopes[-1] if scopes else ""


def _keras_names(layers: Sequence[Layer]) -> list[str]:
    """The names of the layers, and that of the operator where a tensor has no scope.

    TensorFlow adds a number to a scope that was opened before, as Keras does when it builds a model: mostly _1, or the
    next one that no other layer ends with. If most scopes have the same one, it is taken off all of them.
    """
    ends = Counter(found[0] if (found := _NUMBER.search(layer.name)) else "" for layer in layers if layer.name)
    ((end, count),) = ends.most_common(1) or [("", 0)]
    numbered = end and 2 * count > ends.total()
    names = (_NUMBER.sub("", layer.name) if numbered else layer.name for layer in layers)
    return [name or layer.operator.lower() for name, layer in zip(names, layers, strict=True)]
