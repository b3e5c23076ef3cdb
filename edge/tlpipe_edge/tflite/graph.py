"""The operators and tensors of a .tflite file, for descriptions of any model and for a look at both ends of a graph.

The file may come from anywhere, so all that is read of it is limited. ``verify`` checks whether it is safe to run.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import TypeVar

import numpy as np

from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import flatbuffer
from tlpipe_edge.tflite.flatbuffer import (
    TFLITE,
    Buffer,
    ModelTable,
    Operator,
    OperatorCode,
    Quantization,
    Signature,
    SubGraph,
    Table,
    TensorTable,
)
from tlpipe_edge.tflite.names import ACTIVATIONS, OPERATORS, TYPES

Part = TypeVar("Part")

MAX_PARTS = 100_000
"""Maximum number of tensors, operators and references between them, in all graphs of a file."""
MAX_NAME = 120
"""Maximum bytes of a name that are shown."""
MAX_SHOWN = 16
"""Maximum number of signatures, inputs and outputs that are shown."""
MAX_CONSTANT = 1_000_000
"""Maximum elements of a constant that is read: above those of the first layer of any network."""
FLOATS = ("float32", "float16")
_ACTIVATION_SLOTS = {
    "ADD": 0,
    "CONV_2D": 3,
    "DEPTHWISE_CONV_2D": 4,
    "DIV": 0,
    "FULLY_CONNECTED": 0,
    "MUL": 0,
    "SUB": 0,
    "TRANSPOSE_CONV": 3,
}
"""Operator -> the slot of the fused activation in its options."""


@dataclass(frozen=True)
class Step:
    """An operator with the numbers of its tensors; an input of -1 is left out. ``name``: "CUSTOM FlexErf"."""

    name: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(repr=False)

    @property
    def activation(self) -> str:
        """The activation that is fused with the operator, such as "RELU6", or "NONE"."""
        slot = _ACTIVATION_SLOTS.get(self.name)
        code = self.options.number(slot, "b") if self.options and slot is not None else 0
        return ACTIVATIONS[code] if 0 <= code < len(ACTIVATIONS) else f"activation {code}"


@dataclass(frozen=True)
class Graph:
    """``inputs`` and ``outputs`` are numbers of tensors; ``steps`` are in the order in which they run."""

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    steps: tuple[Step, ...]
    tables: tuple[Table, ...] = field(repr=False)
    buffers: tuple[Table, ...] = field(repr=False)

    @cached_property
    def makers(self) -> Mapping[int, Step]:
        """Number of a tensor -> the operator that computes it."""
        return {number: step for step in self.steps for number in step.outputs}

    def tensor(self, number: int) -> Tensor:
        """A tensor with the first of its scales. Raise BadData if it does not exist."""
        table = self.table(number)
        code = table.number(TensorTable.TYPE, "b")
        quantization = table.table(TensorTable.QUANTIZATION)
        scales = quantization.numbers(Quantization.SCALE, "f") if quantization else ()
        zero_points = quantization.numbers(Quantization.ZERO_POINT, "q") if quantization else ()
        return Tensor(
            TYPES[code] if 0 <= code < len(TYPES) else f"type {code}",
            table.numbers(TensorTable.SHAPE, "i"),
            *(scales[:1] or (0.0,)),
            *(zero_points[:1] or (0,)),
        )

    def signature(self, number: int) -> tuple[int, ...]:
        """The shape of a tensor with -1 for each length that may be any number."""
        table = self.table(number)
        return table.numbers(TensorTable.SHAPE_SIGNATURE, "i") or table.numbers(TensorTable.SHAPE, "i")

    def name(self, number: int) -> str:
        """The name of a tensor, cut to ``MAX_NAME`` bytes."""
        return _text(self.table(number), TensorTable.NAME)

    def constant(self, number: int) -> np.ndarray | None:
        """A constant of floats as float32, stored as they are or in float16; None if it is no such, or too large."""
        maker = self.makers.get(number)
        if maker and maker.name == "DEQUANTIZE" and maker.inputs:
            number = maker.inputs[0]
        tensor = self.tensor(number)
        at = self.table(number).number(TensorTable.BUFFER, "I")
        content = self.buffers[at].octets(Buffer.DATA) if at < len(self.buffers) else memoryview(b"")
        count = math.prod(tensor.shape)
        if tensor.dtype not in FLOATS or not 0 < count <= MAX_CONSTANT:
            return None
        if len(content) != count * np.dtype(tensor.dtype).itemsize:
            return None
        values = np.frombuffer(content, np.dtype(tensor.dtype).newbyteorder("<"))
        return values.astype(np.float32).reshape(tensor.shape)

    def table(self, number: int) -> Table:
        """The table of a tensor. Raise BadData if it does not exist."""
        if not 0 <= number < len(self.tables):
            raise BadData(f"damaged: tensor {number} does not exist", "Copy the model again.")
        return self.tables[number]


def read(model: bytes, *, where: str) -> tuple[Graph, ...]:
    """All graphs of a model; the first is the one that runs. Raise BadData, with ``where``, if it is damaged."""
    root = flatbuffer.root(model, TFLITE, where=where)
    try:
        return _read(root)
    except BadData as error:
        raise error.at(where) from error


def signatures(model: bytes, *, where: str) -> tuple[str, ...]:
    """The names of the first ``MAX_SHOWN`` signatures of a model. Raise BadData if it is damaged."""
    tables = flatbuffer.root(model, TFLITE, where=where).tables(ModelTable.SIGNATURE_DEFS)
    return tuple(_text(table, Signature.KEY) for table in islice(tables, MAX_SHOWN))


def _text(table: Table, slot: int) -> str:
    """A string that is shown, cut to ``MAX_NAME`` bytes."""
    return str(table.octets(slot)[:MAX_NAME], "utf-8", "replace")


def _read(root: Table) -> tuple[Graph, ...]:
    rest = _Limit()
    buffers = tuple(rest.counted(root.tables(ModelTable.BUFFERS)))
    names = [_name(code) for code in rest.counted(root.tables(ModelTable.OPERATOR_CODES))]
    graphs = []
    for table in rest.counted(root.tables(ModelTable.SUBGRAPHS)):
        tables = tuple(rest.counted(table.tables(SubGraph.TENSORS)))
        steps = tuple(_step(each, names, rest) for each in rest.counted(table.tables(SubGraph.OPERATORS)))
        inputs, outputs = table.numbers(SubGraph.INPUTS, "i"), table.numbers(SubGraph.OUTPUTS, "i")
        graph = Graph(inputs, outputs, steps, tables, buffers)
        for number in rest.counted((*inputs, *outputs)):
            graph.table(number)
        graphs.append(graph)
    if not graphs:
        raise BadData("damaged: it has no graph", "Copy the model again.")
    return tuple(graphs)


class _Limit:
    """Counts the parts of a file, which may refer to one part any number of times."""

    def __init__(self) -> None:
        self._left = MAX_PARTS

    def counted(self, parts: Iterable[Part]) -> Iterable[Part]:
        for part in parts:
            self._left -= 1
            if self._left < 0:
                raise BadData(f"more than {MAX_PARTS:,} tensors and operators", "Name another model.")
            yield part


def _name(code: Table) -> str:
    builtin = max(code.number(OperatorCode.DEPRECATED_BUILTIN, "b"), code.number(OperatorCode.BUILTIN, "i"))
    name = OPERATORS[builtin] if 0 <= builtin < len(OPERATORS) else f"operator {builtin}"
    custom = _text(code, OperatorCode.CUSTOM)
    return f"{name} {custom}" if custom else name


def _step(operator: Table, names: list[str], rest: _Limit) -> Step:
    at = operator.number(Operator.CODE, "I")
    if at >= len(names):
        raise BadData("damaged: an operator code that does not exist", "Copy the model again.")
    inputs, outputs = (tuple(rest.counted(operator.numbers(slot, "i"))) for slot in (Operator.INPUTS, Operator.OUTPUTS))
    return Step(names[at], inputs, outputs, operator.table(Operator.OPTIONS))
