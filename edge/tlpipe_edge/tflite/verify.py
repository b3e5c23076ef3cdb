"""Checks the structure of a model before a TFLite runtime loads it, and refuses a damaged or hostile one.

A runtime trusts the file: a wrong index or size makes it read outside its memory. So every reference and every size is
checked here, with our own reader. ``sandbox`` finds the faults that only running a model can show.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import flatbuffer
from tlpipe_edge.tflite.flatbuffer import (
    TFLITE,
    Buffer,
    Entry,
    ModelTable,
    Operator,
    OperatorCode,
    Quantization,
    SubGraph,
    Table,
    TensorTable,
)

REFUSED = {
    # operators that are not built in, and placeholders for them
    "CUSTOM": 32,
    "DELEGATE": 51,
    "PLACEHOLDER_FOR_GREATER_OP_CODES": 127,
    "STABLEHLO_CUSTOM_CALL": 173,
    # other graphs: calls, branches and loops
    "CALL": 31,
    "CALL_ONCE": 129,
    "IF": 118,
    "WHILE": 119,
    "STABLEHLO_CASE": 209,
    "STABLEHLO_COMPOSITE": 206,
    "STABLEHLO_REDUCE": 174,
    "STABLEHLO_REDUCE_WINDOW": 198,
    "STABLEHLO_SCATTER": 190,
    "STABLEHLO_SORT": 199,
    "STABLEHLO_WHILE": 200,
    # state that is kept from one image to the next
    "ASSIGN_VARIABLE": 144,
    "READ_VARIABLE": 143,
    "VAR_HANDLE": 142,
    "HASHTABLE": 136,
    "HASHTABLE_FIND": 137,
    "HASHTABLE_IMPORT": 138,
    "HASHTABLE_SIZE": 139,
    "HASHTABLE_LOOKUP": 10,
    "LSTM": 16,
    "RNN": 24,
    "SVDF": 27,
    "BIDIRECTIONAL_SEQUENCE_LSTM": 52,
    "BIDIRECTIONAL_SEQUENCE_RNN": 46,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 44,
    "UNIDIRECTIONAL_SEQUENCE_RNN": 35,
    # random numbers
    "MULTINOMIAL": 149,
    "RANDOM_STANDARD_NORMAL": 146,
    "RANDOM_UNIFORM": 148,
    "STABLEHLO_RNG_BIT_GENERATOR": 204,
    # results whose size depends on the image
    "RANGE": 96,
    "UNIQUE": 103,
    "WHERE": 109,
}
"""Operators that no image classifier needs, by the codes of the enum BuiltinOperator. All others are accepted, so a new
network needs no new version on the device. Flex operators are custom operators."""
LAST_OPERATOR = 209
"""The last operator in the schema of LiteRT 2.3.0. Later ones are unknown here."""

_REFUSED_BY_CODE = {code: name for name, code in REFUSED.items()}


@dataclass(frozen=True)
class _Type:
    """The type of a tensor: bytes per element, and the range of its zero point (None if it has none)."""

    size: int
    zero_points: tuple[int, int] | None = None


TYPES = {
    "FLOAT32": (0, _Type(4)),
    "FLOAT16": (1, _Type(2)),
    "INT32": (2, _Type(4, (0, 0))),
    "UINT8": (3, _Type(1, (0, 255))),
    "INT64": (4, _Type(8, (0, 0))),
    "BOOL": (6, _Type(1)),
    "INT16": (7, _Type(2, (0, 0))),
    "INT8": (9, _Type(1, (-128, 127))),
}
"""Name -> code of the enum TensorType, and type."""

_TYPE_BY_CODE = dict(TYPES.values())
INDEX_TYPES = (TYPES["INT32"][1], TYPES["INT64"][1])
"""The types of indices, axes and sizes. Activations are floats, or integers of 8 or 16 bits."""
SHAPE_OPERATORS = {77, 110}
"""SHAPE and RANK: their results do not depend on the image."""

VERSION = 3
MAX_TENSOR_BYTES = 256_000_000
MAX_BYTES = 1_000_000_000
"""Maximum bytes of all tensors that are not weights, as if none shared memory."""
MAX_PARTS = 4_096
"""Maximum number of tensors, of buffers and of operators; MobileNetV2 has 290."""
MAX_DIMENSIONS = 8
MAX_INPUTS = 64
"""Maximum number of inputs and outputs of one operator."""


def check(model: bytes, *, where: str, classes: int) -> None:
    """Raise BadData, with ``where``, unless ``model`` is one valid graph, from one image to ``classes`` scores.

    Every index and buffer is in range, weights have the size of their tensor, sizes are limited, scales are positive.
    No operator is in ``REFUSED``. Its inputs are computed before it, and no index or size depends on the image.
    """
    root = flatbuffer.root(model, TFLITE, where=where)
    try:
        _check(root, classes)
    except _Fault as fault:
        raise BadData(f"refused: {fault}", "Copy the model again, or export it again.", where=where) from fault


class _Fault(Exception):
    """What is wrong with a model, in a few words."""


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise _Fault(fault)


def _check(root: Table, classes: int) -> None:
    version = root.number(ModelTable.VERSION, "I")
    _require(version == VERSION, f"its schema version is {version}, not {VERSION}")
    _require(not list(_parts(root, ModelTable.EXTERNAL_BUFFERS, "external buffers")), "its weights lie in other files")
    buffers = [_buffer_size(buffer) for buffer in _parts(root, ModelTable.BUFFERS, "buffers")]
    for entry in _parts(root, ModelTable.METADATA, "metadata"):
        _require(entry.number(Entry.BUFFER, "I") < len(buffers), "a metadata buffer that does not exist")
    for number in root.numbers(ModelTable.METADATA_BUFFER, "i"):
        _require(0 <= number < len(buffers), "a metadata buffer that does not exist")
    codes = [_operator_code(code) for code in _parts(root, ModelTable.OPERATOR_CODES, "operator codes")]
    graphs = list(_parts(root, ModelTable.SUBGRAPHS, "graphs"))
    _require(len(graphs) == 1, f"{len(graphs)} graphs, expected one")
    _check_graph(graphs[0], buffers, codes, classes)


def _parts(table: Table, slot: int, what: str) -> Iterable[Table]:
    for number, part in enumerate(table.tables(slot)):
        _require(number < MAX_PARTS, f"more than {MAX_PARTS} {what}")
        yield part


def _buffer_size(buffer: Table) -> int:
    """The bytes of a buffer. LiteRT 2.3.0 follows an offset outside the file, and crashes."""
    _require(buffer.number(Buffer.OFFSET, "Q") <= 1, "weights that lie outside its structure")
    return len(buffer.octets(Buffer.DATA))


def _operator_code(code: Table) -> int:
    _require(not code.octets(OperatorCode.CUSTOM), "a custom operator")
    builtin = max(code.number(OperatorCode.DEPRECATED_BUILTIN, "b"), code.number(OperatorCode.BUILTIN, "i"))
    _require(
        builtin not in _REFUSED_BY_CODE, f"operator {_REFUSED_BY_CODE.get(builtin)}, which no image classifier needs"
    )
    _require(0 <= builtin <= LAST_OPERATOR, f"operator {builtin}, which is newer than this program")
    return int(builtin)


def _check_graph(graph: Table, buffers: list[int], codes: list[int], classes: int) -> None:
    parts = _parts(graph, SubGraph.TENSORS, "tensors")
    tensors = [_check_tensor(tensor, number, buffers) for number, tensor in enumerate(parts)]
    total = sum(tensor.size for tensor in tensors if not tensor.constant)
    _require(total <= MAX_BYTES, f"its tensors take {total:,} bytes")

    ends = [graph.numbers(slot, "i") for slot in (SubGraph.INPUTS, SubGraph.OUTPUTS)]
    _require([len(end) for end in ends] == [1, 1], "not one input and one output")
    (image,), (scores,) = ends
    _require(0 <= image < len(tensors) and 0 <= scores < len(tensors), "an input or output that does not exist")
    _require(not tensors[image].constant, "an input that is a constant")
    shape = tensors[image].shape
    _require(len(shape) == 4 and shape[0] == 1 and shape[3] == 3, f"an input of shape {shape} for one RGB image")
    shape = tensors[scores].shape
    _require(shape == (1, classes), f"an output of shape {shape} for {classes} labels")
    _check_operators(graph, tensors, codes, image, scores)


def _check_operators(graph: Table, tensors: list["_Tensor"], codes: list[int], image: int, scores: int) -> None:
    """The inputs of each operator are computed before it, and none is an index or size that depends on the image.

    An index, an axis or a size that the runtime computes from the image could be any number: a model that runs with one
    image might crash with another.
    """
    there = {number for number, tensor in enumerate(tensors) if tensor.constant} | {image}
    depend = {image}
    for operator in _parts(graph, SubGraph.OPERATORS, "operators"):
        _require(operator.number(Operator.CODE, "I") < len(codes), "an operator code that does not exist")
        inputs, outputs = (operator.numbers(slot, "i") for slot in (Operator.INPUTS, Operator.OUTPUTS))
        _require(len(inputs) + len(outputs) <= MAX_INPUTS, f"an operator with {len(inputs)} inputs")
        for number in inputs:
            _require(number == -1 or number in there, f"an operator that uses tensor {number} before it is computed")
            unsafe = number in depend and tensors[number].is_index
            _require(not unsafe, f"an operator that takes indices or sizes computed from the image, tensor {number}")
        if codes[operator.number(Operator.CODE, "I")] not in SHAPE_OPERATORS and depend & set(inputs):
            depend |= set(outputs)
        for number in outputs:
            _require(0 <= number < len(tensors) and number not in there, f"an operator that gives tensor {number}")
            there.add(number)
    _require(scores in there, "an output that no operator gives")


@dataclass(frozen=True)
class _Tensor:
    """``size`` in bytes; whether it is a ``constant``; whether it has a type of indices, axes and sizes."""

    shape: tuple[int, ...]
    size: int
    constant: bool
    is_index: bool


def _check_tensor(tensor: Table, number: int, buffers: list[int]) -> _Tensor:
    shape = tensor.numbers(TensorTable.SHAPE, "i")
    _require(len(shape) <= MAX_DIMENSIONS and min(shape, default=1) >= 1, f"tensor {number} of shape {shape[:9]}")
    kind = _TYPE_BY_CODE.get(tensor.number(TensorTable.TYPE, "b"))
    if kind is None:
        raise _Fault(f"tensor {number} of a type that is not supported")
    size = kind.size * math.prod(shape)
    _require(size <= MAX_TENSOR_BYTES, f"tensor {number} of {size:,} bytes")
    buffer = tensor.number(TensorTable.BUFFER, "I")
    _require(buffer < len(buffers), f"buffer {buffer}, which does not exist")
    _require(buffers[buffer] in (0, size), f"{buffers[buffer]:,} bytes of weights for a tensor of {size:,}")
    _require(tensor.table(TensorTable.SPARSITY) is None, "sparse weights")
    _require(tensor.number(TensorTable.IS_VARIABLE, "B") == 0, "a variable")
    quantization = tensor.table(TensorTable.QUANTIZATION)
    if quantization is not None:
        _check_quantization(quantization, number, shape, kind)
    return _Tensor(shape, size, buffers[buffer] > 0, kind in INDEX_TYPES)


def _check_quantization(quantization: Table, number: int, shape: tuple[int, ...], kind: _Type) -> None:
    scales = quantization.numbers(Quantization.SCALE, "f")
    _require(all(0 < scale < math.inf for scale in scales), f"a scale of tensor {number} that is no positive number")
    zero_points = quantization.numbers(Quantization.ZERO_POINT, "q")
    _require(len(zero_points) in (0, len(scales)), f"tensor {number} has different numbers of scales and zero points")
    if kind.zero_points is not None:
        minimum, maximum = kind.zero_points
        _require(
            all(minimum <= zero <= maximum for zero in zero_points), f"a zero point of tensor {number} out of range"
        )
    if len(scales) > 1:
        dimension = quantization.number(Quantization.DIMENSION, "i")
        fits = 0 <= dimension < len(shape) and len(scales) == shape[dimension]
        _require(fits, f"{len(scales)} scales for tensor {number} of shape {shape}")
