"""Reads and writes TFLite Metadata, the description of a model inside its .tflite file.

A model has a second flatbuffer, ModelMetadata, in the buffer named TFLITE_METADATA. The label file that it names is in
a zip archive at the end of the file. Android Studio and MediaPipe Tasks read both.
The format: https://ai.google.dev/edge/litert/conversion/tensorflow/metadata and metadata_schema.fbs (in
google-ai-edge/mediapipe, mediapipe/tasks/metadata), the source of the slots and enum values below.
"""

import io
import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import islice

import flatbuffers

from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import flatbuffer, signature
from tlpipe_edge.tflite.building import floats, table, vector
from tlpipe_edge.tflite.flatbuffer import (
    TFLITE,
    Buffer,
    Entry,
    ModelTable,
    SubGraph,
    Table,
    TensorTable,
)

ENTRY = "TFLITE_METADATA"
IDENTIFIER = b"M001"
LABELS_FILE = "labels.txt"
"""The signature of a model, and the names of its input and its output in it: TensorFlow's usual key."""
MAX_LABELS_BYTES = 1 << 20
"""Maximum size of an unpacked label file; the 1,000 labels of ImageNet have 22 thousand bytes."""


class _Described(IntEnum):  # table ModelMetadata
    NAME = 0
    DESCRIPTION = 1
    SUBGRAPHS = 3
    MIN_PARSER_VERSION = 7


class _Graph(IntEnum):  # table SubGraphMetadata
    INPUTS = 2
    OUTPUTS = 3


class _End(IntEnum):  # table TensorMetadata
    NAME = 0
    DESCRIPTION = 1
    CONTENT = 3
    PROCESS_UNITS = 4
    STATS = 5
    FILES = 6


class _Union(IntEnum):  # tables Content and ProcessUnit: each holds one union
    TYPE = 0
    VALUE = 1


class _Normalization(IntEnum):  # table NormalizationOptions
    MEAN = 0
    STD = 1


class _Stats(IntEnum):  # table Stats
    MAX = 0
    MIN = 1


class _File(IntEnum):  # table AssociatedFile
    NAME = 0
    TYPE = 2


FEATURE_PROPERTIES, IMAGE_PROPERTIES = 1, 2  # ContentProperties
NORMALIZATION_OPTIONS = 1  # ProcessUnitOptions
RGB = 1  # ColorSpaceType, slot 0 of ImageProperties
TENSOR_AXIS_LABELS = 2  # AssociatedFileType
UINT8 = 3  # TensorType, in the schema of the model


@dataclass(frozen=True)
class Metadata:
    """The metadata of an image classifier.

    ``labels`` are in the order of the output. The model expects (pixel - mean) / std of pixels 0..255, with one value,
    or one per channel: 0 and 1 if normalization is part of the graph. Without ``states_normalization`` it is unknown.
    Raise BadData if a label has several lines, a text is not valid Unicode, or the normalization is invalid.
    """

    name: str
    description: str
    labels: tuple[str, ...]
    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    states_normalization: bool = True

    def __post_init__(self) -> None:
        for label in self.labels:
            if "\n" in label or "\r" in label:
                raise BadData(f"label {label!r}: more than one line", "Rename the class.")
        try:
            "".join((self.name, self.description, *self.labels)).encode()
        except UnicodeEncodeError as error:
            raise BadData(f"{error.object[error.start]!r} in a name or label: not Unicode", "Rename it.") from error
        finite = all(map(math.isfinite, self.mean + self.std)) and all(self.std)
        if not finite or len(self.mean) != len(self.std) or len(self.mean) not in (1, 3):
            raise BadData(f"invalid normalization: (pixel - {self.mean}) / {self.std}", "Export the model again.")


def read(model: bytes, *, where: str = "model") -> Metadata | None:
    """The metadata of a .tflite file, or None if it has none; ``where`` names the file in errors.

    ``labels`` is empty if there is no label file. Raise BadData if the structure of the model, its metadata or its
    label file is damaged.
    """
    content = _content(flatbuffer.root(model, TFLITE, where=where))
    if content is None:
        return None
    described = flatbuffer.root(content, IDENTIFIER, where=f"{where}: {ENTRY}")
    graph = _first(described, _Described.SUBGRAPHS)
    image, scores = _first(graph, _Graph.INPUTS), _first(graph, _Graph.OUTPUTS)
    normalization = _of_type(image, _End.PROCESS_UNITS, _Union.TYPE, NORMALIZATION_OPTIONS)
    options = normalization and normalization.table(_Union.VALUE)
    file = _of_type(scores, _End.FILES, _File.TYPE, TENSOR_AXIS_LABELS)
    return Metadata(
        described.string(_Described.NAME),
        described.string(_Described.DESCRIPTION),
        _unpack_labels(model, file.string(_File.NAME), where) if file else (),
        options.numbers(_Normalization.MEAN, "f") if options else (0.0,),
        options.numbers(_Normalization.STD, "f") if options else (1.0,),
        states_normalization=options is not None,
    )


def write(model: bytes, metadata: Metadata, *, where: str = "model") -> bytes:
    """A .tflite file with ``metadata``, which replaces that of ``model``, and with a signature, if it has none.

    The model has one input, an RGB image, and one output, the probabilities of its classes. Raise BadData if it has
    not, if the numbers of labels and classes differ, or if a label is blank. The same arguments give the same bytes
    (with the same release of flatbuffers).

    The references of a flatbuffer are relative and point forward. So the old file stays as it is, and a new root table
    in front of it refers to its parts and to the new ones. Parts without a reference stay in the file, unused.
    """
    old = flatbuffer.root(model, TFLITE, where=where)
    old_buffers = list(old.tables(ModelTable.BUFFERS))
    if any(buffer.number(Buffer.OFFSET, "Q") > 1 for buffer in old_buffers):
        raise BadData(
            "its weights are stored after the FlatBuffer (a model above 2 GB), which is not supported",
            "Export a smaller model.",
            where=where,
        )
    if not all(map(str.strip, metadata.labels)):
        raise BadData("a label is blank", "Name each class.", where=where)
    described = _describe(metadata, *_ends(old, classes=len(metadata.labels)))
    end = -(-len(model) // 16) * 16  # weights lie at multiples of 16 bytes, and still do when moved by one

    builder = flatbuffers.Builder(end + len(described) + (1 << 16))
    builder.CreateByteVector(model.ljust(end, b"\0"))  # from here on, `end - position` refers to a part of the old file
    builder.Prep(16, len(described))
    buffer = table(builder, {Buffer.DATA: builder.CreateByteVector(described)})
    buffers = [*(end - old_buffer.position for old_buffer in old_buffers), buffer]
    entry = table(builder, {Entry.NAME: builder.CreateString(ENTRY)}, words=[(Entry.BUFFER, len(old_buffers))])
    entries = [*(end - other.position for other in old.tables(ModelTable.METADATA) if not _is_ours(other)), entry]
    parts = {
        slot: end - position for slot in ModelTable if slot != ModelTable.VERSION and (position := old.target(slot))
    }
    parts |= {ModelTable.BUFFERS: vector(builder, buffers), ModelTable.METADATA: vector(builder, entries)}
    if next(old.tables(ModelTable.SIGNATURE_DEFS), None) is None:
        parts[ModelTable.SIGNATURE_DEFS] = vector(builder, [signature.of(builder, old)])
    builder.Finish(table(builder, parts, words=[(ModelTable.VERSION, old.number(ModelTable.VERSION, "I"))]), TFLITE)
    return _pack_labels(bytes(builder.Output()), metadata.labels)


def _content(model: Table) -> memoryview | None:
    """The buffer named TFLITE_METADATA."""
    for entry in filter(_is_ours, model.tables(ModelTable.METADATA)):
        for buffer in islice(model.tables(ModelTable.BUFFERS), entry.number(Entry.BUFFER, "I"), None):
            return buffer.octets(Buffer.DATA)
        raise BadData("its metadata is missing", "Copy it again.", where=model.where)
    return None


def _is_ours(entry: Table) -> bool:
    return entry.octets(Entry.NAME) == ENTRY.encode()


def _first(parent: Table | None, slot: int) -> Table | None:
    return next(parent.tables(slot), None) if parent else None


def _of_type(parent: Table | None, slot: int, type_slot: int, wanted: int) -> Table | None:
    """The first table of a vector whose one-byte type is ``wanted``."""
    tables = parent.tables(slot) if parent else ()
    return next((table for table in tables if table.number(type_slot, "B") == wanted), None)


def _ends(model: Table, *, classes: int) -> tuple[Table, Table]:
    """The input and the output tensor of an image classifier. Raise BadData if the model is not one."""
    graph = _first(model, ModelTable.SUBGRAPHS)
    tensors = list(graph.tables(SubGraph.TENSORS)) if graph else []
    # Read as unsigned, a negative index is out of range too.
    ends = [graph.numbers(slot, "I") for slot in (SubGraph.INPUTS, SubGraph.OUTPUTS)] if graph else []
    if [len(indices) for indices in ends] != [1, 1] or max(ends)[0] >= len(tensors):
        raise BadData("it must have one input and one output tensor", "Export an image classifier.", where=model.where)
    image, scores = (tensors[index] for (index,) in ends)
    shape = scores.numbers(TensorTable.SHAPE, "i")
    if shape != (1, classes):
        raise BadData(f"{classes} labels for an output of shape {shape}", "Name each class once.", where=model.where)
    return image, scores


def _describe(metadata: Metadata, image: Table, scores: Table) -> bytes:
    """The flatbuffer ModelMetadata."""
    builder = flatbuffers.Builder(1024)

    def union(kind: int, value: int) -> int:
        return table(builder, {_Union.VALUE: value}, octets=[(_Union.TYPE, kind)])

    def stats(tensor: Table, minimum: Sequence[float], maximum: Sequence[float]) -> int:
        if tensor.number(TensorTable.TYPE, "b") == UINT8:
            minimum, maximum = [0.0], [255.0]
        return table(builder, {_Stats.MAX: floats(builder, maximum), _Stats.MIN: floats(builder, minimum)})

    mean, std = metadata.mean, metadata.std
    normalization = {_Normalization.MEAN: floats(builder, mean), _Normalization.STD: floats(builder, std)}
    black = [(0 - offset) / divisor for offset, divisor in zip(mean, std, strict=True)]
    white = [(255 - offset) / divisor for offset, divisor in zip(mean, std, strict=True)]
    inputs = {
        _End.NAME: builder.CreateString("image"),
        _End.DESCRIPTION: builder.CreateString("The image to classify."),
        _End.CONTENT: union(IMAGE_PROPERTIES, table(builder, {}, octets=[(0, RGB)])),
        _End.PROCESS_UNITS: vector(builder, [union(NORMALIZATION_OPTIONS, table(builder, normalization))]),
        _End.STATS: stats(image, black, white),
    }
    file = table(builder, {_File.NAME: builder.CreateString(LABELS_FILE)}, octets=[(_File.TYPE, TENSOR_AXIS_LABELS)])
    outputs = {
        _End.NAME: builder.CreateString("probability"),
        _End.DESCRIPTION: builder.CreateString("The probability of each class (softmax)."),
        _End.CONTENT: union(FEATURE_PROPERTIES, table(builder, {})),
        _End.STATS: stats(scores, [0.0], [1.0]),
        _End.FILES: vector(builder, [file]),
    }
    graph = {
        _Graph.INPUTS: vector(builder, [table(builder, inputs)]),
        _Graph.OUTPUTS: vector(builder, [table(builder, outputs)]),
    }
    described = {
        _Described.NAME: builder.CreateString(metadata.name),
        _Described.DESCRIPTION: builder.CreateString(metadata.description),
        _Described.SUBGRAPHS: vector(builder, [table(builder, graph)]),
        _Described.MIN_PARSER_VERSION: builder.CreateString("1.0.0"),  # the first version has all that is used here
    }
    builder.Finish(table(builder, described), IDENTIFIER)
    return bytes(builder.Output())


def _pack_labels(model: bytes, labels: tuple[str, ...]) -> bytes:
    """``model`` and a zip archive whose positions count from the first byte of the model, as readers expect."""
    text = "".join(label + "\n" for label in labels)
    file = io.BytesIO(model)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo(LABELS_FILE), text)  # ZipInfo's date is 1980-01-01, not today
    return file.getvalue()


def _unpack_labels(model: bytes, name: str, where: str) -> tuple[str, ...]:
    """One label per line, with either kind of line end, without blank lines at the end."""
    try:
        with zipfile.ZipFile(io.BytesIO(model)) as archive:
            info = archive.getinfo(name)
            if info.file_size > MAX_LABELS_BYTES or info.compress_type not in (
                zipfile.ZIP_STORED,
                zipfile.ZIP_DEFLATED,
            ):
                raise ValueError(f"{info.file_size} bytes, compression {info.compress_type}")
            with archive.open(info) as file:
                text = file.read(MAX_LABELS_BYTES).decode()  # an archive may unpack to more than it states
    except Exception as error:  # zipfile raises a dozen classes for a damaged archive
        raise BadData(
            f"its label file {name!r} cannot be read ({error})", "Copy the model again.", where=where
        ) from error
    lines = text.rstrip("\r\n").split("\n")
    return tuple(line.removesuffix("\r") for line in lines) if lines != [""] else ()
