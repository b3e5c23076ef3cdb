"""Our reader's numbers are those of the public schema: the classes that flatc generated from it come with LiteRT."""

from enum import IntEnum
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from tlpipe_edge.tflite import flatbuffer, graph, names, verify

schema: ModuleType = pytest.importorskip(
    "ai_edge_litert.schema_py_generated", reason="the generated schema comes with ai-edge-litert"
)

TABLES = {
    flatbuffer.ModelTable: ("Model", {}),
    flatbuffer.SubGraph: ("SubGraph", {}),
    flatbuffer.TensorTable: ("Tensor", {}),
    flatbuffer.Buffer: ("Buffer", {}),
    flatbuffer.Entry: ("Metadata", {}),
    flatbuffer.Quantization: ("QuantizationParameters", {"DIMENSION": "QUANTIZED_DIMENSION"}),
    flatbuffer.OperatorCode: (
        "OperatorCode",
        {"DEPRECATED_BUILTIN": "DEPRECATED_BUILTIN_CODE", "CUSTOM": "CUSTOM_CODE", "BUILTIN": "BUILTIN_CODE"},
    ),
    flatbuffer.Operator: ("Operator", {"CODE": "OPCODE_INDEX", "OPTIONS": "BUILTIN_OPTIONS"}),
    flatbuffer.Signature: ("SignatureDef", {"KEY": "SIGNATURE_KEY"}),
}
"""Our enum of slots -> the table of the schema, and where our names are shorter."""


def named(enum: Any) -> dict[str, int]:
    return {name: value for name, value in vars(enum).items() if not name.startswith("_")}


def test_operators_have_the_schemas_codes() -> None:
    codes = named(schema.BuiltinOperator)
    assert dict(zip(names.OPERATORS, range(len(names.OPERATORS)), strict=True)).items() <= codes.items()
    assert max(codes.values()) == verify.LAST_OPERATOR, "look at what is new: does it run code, loop, or remember?"


def test_activations_have_the_schemas_codes() -> None:
    assert dict(zip(names.ACTIVATIONS, range(6), strict=True)) == named(schema.ActivationFunctionType)


@pytest.mark.parametrize("operator", graph._ACTIVATION_SLOTS)
def test_fused_activations_lie_where_the_schema_says(operator: str) -> None:
    title = {"FULLY_CONNECTED": "FullyConnected", "TRANSPOSE_CONV": "TransposeConv"}.get(operator)
    title = title or operator.title().replace("_", "").replace("2d", "2D")
    added: list[int] = []
    recorder = type("Recorder", (), {"PrependInt8Slot": lambda _, slot, *__: added.append(slot)})()
    getattr(schema, f"{title}OptionsAddFusedActivationFunction")(recorder, 0)
    assert added == [graph._ACTIVATION_SLOTS[operator]]


def test_types_have_the_schemas_codes_and_numpys_sizes() -> None:
    types = {name.upper(): code for code, name in enumerate(names.TYPES)}
    assert types == named(schema.TensorType)
    assert {name: code for name, (code, _) in verify.TYPES.items()}.items() <= named(schema.TensorType).items()
    for name, (_, kind) in verify.TYPES.items():
        assert kind.size == np.dtype(name.lower()).itemsize


@pytest.mark.parametrize("ours", TABLES, ids=lambda enum: enum.__name__)
def test_slots_are_the_schemas(ours: type[IntEnum]) -> None:
    """The generated code adds a field with PrependSomethingSlot(slot, ...), in functions named after the field."""
    table, names = TABLES[ours]
    for slot in ours:
        field = names.get(slot.name, slot.name).title().replace("_", "")
        added: list[int] = []
        recorder = type("Recorder", (), {"__getattr__": lambda _, __: lambda number, *_: added.append(number)})()  # noqa: B023
        getattr(schema, f"{table}Add{field}")(recorder, 0)
        assert added == [slot], f"{table}.{field}"
