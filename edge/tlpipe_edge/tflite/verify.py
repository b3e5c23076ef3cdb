"""Checks the structure of a model before a TFLite runtime loads it, and refuses a damaged or hostile one.

A runtime trusts the file: a wrong index or size makes it read outside its memory. So every reference and every size is
checked here, with our own reader. ``sandbox`` finds the faults that only running a model can show.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tlpipe_edge.contract.manifest import MAX_SIZE
from tlpipe_edge.errors import BadData, listed
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
from tlpipe_edge.tflite.names import OPERATORS
from tlpipe_edge.tflite.names import TYPES as TYPE_NAMES

REFUSED = {
    "not built in, or a placeholder": "CUSTOM DELEGATE PLACEHOLDER_FOR_GREATER_OP_CODES STABLEHLO_CUSTOM_CALL",
    "other graphs: calls, branches and loops": "CALL CALL_ONCE IF WHILE STABLEHLO_CASE STABLEHLO_COMPOSITE "
    "STABLEHLO_REDUCE STABLEHLO_REDUCE_WINDOW STABLEHLO_SCATTER STABLEHLO_SORT STABLEHLO_WHILE",
    "state that is kept from one image to the next": "ASSIGN_VARIABLE READ_VARIABLE VAR_HANDLE HASHTABLE "
    "HASHTABLE_FIND HASHTABLE_IMPORT HASHTABLE_SIZE HASHTABLE_LOOKUP LSTM RNN SVDF BIDIRECTIONAL_SEQUENCE_LSTM "
    "BIDIRECTIONAL_SEQUENCE_RNN UNIDIRECTIONAL_SEQUENCE_LSTM UNIDIRECTIONAL_SEQUENCE_RNN",
    "random numbers": "MULTINOMIAL RANDOM_STANDARD_NORMAL RANDOM_UNIFORM STABLEHLO_RNG_BIT_GENERATOR",
    "results whose size depends on the image": "RANGE UNIQUE WHERE",
}
"""Operators that no image classifier needs, by the reason. All others are accepted, so a new network needs no new
version on the device. Flex operators are custom operators."""
LAST_OPERATOR = len(OPERATORS) - 1
"""The last operator in the schema of LiteRT 2.3.0. Later ones are unknown here."""

REFUSED_CODES = frozenset(OPERATORS.index(name) for names in REFUSED.values() for name in names.split())


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
MAX_NAME = 60
"""Maximum bytes of the name of a custom operator in an error."""
EDGE_TPU = "edgetpu-custom-op"
END_TYPES = ("float32", "uint8", "int8")
"""The types of inputs and outputs."""
_OTHER_TYPE = f"Convert the model with inputs and outputs of {listed(END_TYPES)}."
MAX_INPUTS = 64
"""Maximum number of inputs and outputs of one operator."""


class Unsuitable(BadData):
    """A model that need not be damaged, but is no image classifier that can be run here."""


def check(model: bytes, *, where: str, classes: int | None = None) -> None:
    """Raise BadData, with ``where``, unless ``model`` is one valid graph, from one image to ``classes`` scores.

    Without ``classes``, there may be any number of scores from 2 on. Every index and buffer is in range, weights have
    the size of their tensor, sizes are limited, scales are positive. No operator is in ``REFUSED``. Its inputs are
    computed before it, and no index or size depends on the image. The error is Unsuitable if the model may be sound,
    but is no such classifier.
    """
    root = flatbuffer.root(model, TFLITE, where=where)
    try:
        _check(root, classes)
    except _Unsuited as fault:
        raise Unsuitable(f"refused: {fault}", fault.advice, where=where) from fault
    except _Fault as fault:
        raise BadData(f"refused: {fault}", "Copy the model again, or export it again.", where=where) from fault


class _Fault(Exception):
    """What is wrong with a model, in a few words."""


class _Unsuited(_Fault):
    """Why a model that may be sound cannot be run here, and what to do."""

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice or "Use an image classifier with one input, one output and fixed sizes."


def _require(condition: bool, fault: str) -> None:
    if not condition:
        raise _Fault(fault)


def _suits(condition: bool, reason: str, advice: str = "") -> None:
    if not condition:
        raise _Unsuited(reason, advice)


def _check(root: Table, classes: int | None) -> None:
    version = root.number(ModelTable.VERSION, "I")
    _require(version == VERSION, f"its schema version is {version}, not {VERSION}")
    _suits(not list(_parts(root, ModelTable.EXTERNAL_BUFFERS, "external buffers")), "its weights lie in other files")
    buffers = [_buffer_size(buffer) for buffer in _parts(root, ModelTable.BUFFERS, "buffers")]
    for entry in _parts(root, ModelTable.METADATA, "metadata"):
        _require(entry.number(Entry.BUFFER, "I") < len(buffers), "a metadata buffer that does not exist")
    for number in root.numbers(ModelTable.METADATA_BUFFER, "i"):
        _require(0 <= number < len(buffers), "a metadata buffer that does not exist")
    graphs = list(_parts(root, ModelTable.SUBGRAPHS, "graphs"))
    _require(bool(graphs), "no graph")
    _check_number_of_ends(graphs[0])
    codes = [_operator_code(code) for code in _parts(root, ModelTable.OPERATOR_CODES, "operator codes")]
    _suits(len(graphs) == 1, f"{len(graphs)} graphs, expected one")
    _check_graph(graphs[0], buffers, codes, classes)


def _check_number_of_ends(graph: Table) -> None:
    """First of all, because it says best what a model is."""
    inputs, outputs = (len(graph.numbers(slot, "i")) for slot in (SubGraph.INPUTS, SubGraph.OUTPUTS))
    detector = ": an object detector, not a classifier" if outputs == 4 else ", but a classifier has one"
    _suits(outputs == 1, f"{outputs} outputs{detector}")
    _suits(inputs == 1, f"{inputs} inputs, but a classifier has one")


def _parts(table: Table, slot: int, what: str) -> Iterable[Table]:
    for number, part in enumerate(table.tables(slot)):
        _suits(number < MAX_PARTS, f"more than {MAX_PARTS} {what}")
        yield part


def _buffer_size(buffer: Table) -> int:
    """The bytes of a buffer. LiteRT 2.3.0 follows an offset outside the file, and crashes."""
    _require(buffer.number(Buffer.OFFSET, "Q") <= 1, "weights that lie outside its structure")
    return len(buffer.octets(Buffer.DATA))


def _operator_code(code: Table) -> int:
    custom = str(code.octets(OperatorCode.CUSTOM)[:MAX_NAME], "utf-8", "replace")
    if custom == EDGE_TPU:
        raise _Unsuited("it is compiled for an Edge TPU", "Use the file that it was compiled from.")
    if custom.startswith("Flex"):
        raise _Unsuited(f"the operator {custom}, which needs TensorFlow", "Convert it with built-in operators alone.")
    _suits(not custom, f"the custom operator {custom}", "Use a model with built-in operators alone.")
    builtin = max(code.number(OperatorCode.DEPRECATED_BUILTIN, "b"), code.number(OperatorCode.BUILTIN, "i"))
    _suits(
        0 <= builtin <= LAST_OPERATOR, f"operator {builtin}, which is newer than this program", "Upgrade tlpipe-edge."
    )
    _suits(builtin not in REFUSED_CODES, f"operator {OPERATORS[builtin]}, which no image classifier needs")
    return int(builtin)


def _check_graph(graph: Table, buffers: list[int], codes: list[int], classes: int | None) -> None:
    parts = _parts(graph, SubGraph.TENSORS, "tensors")
    tensors = [_check_tensor(tensor, number, buffers) for number, tensor in enumerate(parts)]
    total = sum(tensor.size for tensor in tensors if not tensor.constant)
    _suits(total <= MAX_BYTES, f"its tensors take {total:,} bytes")

    (image,), (scores,) = (graph.numbers(slot, "i") for slot in (SubGraph.INPUTS, SubGraph.OUTPUTS))
    _require(0 <= image < len(tensors) and 0 <= scores < len(tensors), "an input or output that does not exist")
    _require(not tensors[image].constant, "an input that is a constant")
    _check_image(tensors[image])
    _check_scores(tensors[scores], classes)
    _check_operators(graph, tensors, codes, image, scores)


def _check_image(tensor: "_Tensor") -> None:
    """One RGB image of a fixed size, with as many rows as columns."""
    square = "Use a model of square RGB images, with an input of shape (1, size, size, 3)."
    _suits(tensor.dtype in END_TYPES, f"an input of {tensor.dtype}, not of {listed(END_TYPES)}", _OTHER_TYPE)
    shape, signature = tensor.shape, tensor.signature
    _suits(len(shape) == 4, f"an input of shape {shape}, not one image of shape (1, size, size, 3)", square)
    batch, height, width, channels = shape
    _suits(batch == 1, f"an input of {batch} images, not of one", "Convert the model for one image.")
    _suits(
        min(signature[1:], default=1) > 0, "an input without a fixed size", "Convert the model for one size of images."
    )
    first = channels > 4 and height in (1, 3)
    _suits(
        not first, f"an input of shape {shape}: channels first (NCHW)", "Convert the model for channels last (NHWC)."
    )
    _suits(channels == 3, f"an input of {channels} channel{'s' * (channels > 1)}, not of the three of RGB", square)
    _suits(height == width, f"an input of {width} x {height} pixels, which is not square", square)
    _suits(
        height <= MAX_SIZE,
        f"an input of {height} pixels, more than {MAX_SIZE}",
        "Convert the model for smaller images.",
    )


def _check_scores(tensor: "_Tensor", classes: int | None) -> None:
    """One score for each class, in any shape without another axis."""
    _suits(tensor.dtype in END_TYPES, f"an output of {tensor.dtype}, not of {listed(END_TYPES)}", _OTHER_TYPE)
    one_each = "Use an image classifier with one score for each class, and two classes or more."
    shape, number = tensor.shape, math.prod(tensor.shape)
    _suits(max(shape, default=1) == number, f"an output of shape {shape}, not one score for each class", one_each)
    if classes is None:
        _suits(number > 1, "one score, so there are no classes to choose from", one_each)
    else:
        _require(number == classes, f"an output of shape {shape} for {classes} labels")


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
        _suits(len(inputs) + len(outputs) <= MAX_INPUTS, f"an operator with {len(inputs)} inputs")
        for number in inputs:
            _require(number == -1 or number in there, f"an operator that uses tensor {number} before it is computed")
            unsafe = number in depend and tensors[number].is_index
            _suits(not unsafe, f"an operator that takes indices or sizes computed from the image, tensor {number}")
        if codes[operator.number(Operator.CODE, "I")] not in SHAPE_OPERATORS and depend & set(inputs):
            depend |= set(outputs)
        for number in outputs:
            _require(0 <= number < len(tensors) and number not in there, f"an operator that gives tensor {number}")
            there.add(number)
    _require(scores in there, "an output that no operator gives")


@dataclass(frozen=True)
class _Tensor:
    """``size`` in bytes; whether it is a ``constant``; whether it has a type of indices, axes and sizes.

    ``signature`` is empty, or the shape with -1 for each length that may be any number.
    """

    dtype: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    size: int
    constant: bool
    is_index: bool


def _check_tensor(tensor: Table, number: int, buffers: list[int]) -> _Tensor:
    shape = tensor.numbers(TensorTable.SHAPE, "i")
    _suits(len(shape) <= MAX_DIMENSIONS and min(shape, default=1) >= 1, f"tensor {number} of shape {shape[:9]}")
    code = tensor.number(TensorTable.TYPE, "b")
    kind = _TYPE_BY_CODE.get(code)
    if kind is None:
        raise _Unsuited(f"tensor {number} of a type that is not supported")
    size = kind.size * math.prod(shape)
    _suits(size <= MAX_TENSOR_BYTES, f"tensor {number} of {size:,} bytes")
    buffer = tensor.number(TensorTable.BUFFER, "I")
    _require(buffer < len(buffers), f"buffer {buffer}, which does not exist")
    _require(buffers[buffer] in (0, size), f"{buffers[buffer]:,} bytes of weights for a tensor of {size:,}")
    _suits(tensor.table(TensorTable.SPARSITY) is None, "sparse weights")
    _suits(tensor.number(TensorTable.IS_VARIABLE, "B") == 0, "a variable")
    quantization = tensor.table(TensorTable.QUANTIZATION)
    if quantization is not None:
        _check_quantization(quantization, number, shape, kind)
    signature = tensor.numbers(TensorTable.SHAPE_SIGNATURE, "i")
    return _Tensor(TYPE_NAMES[code], shape, signature, size, buffers[buffer] > 0, kind in INDEX_TYPES)


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
