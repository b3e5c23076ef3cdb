"""TFLite Metadata on a model made here: one ADD of a constant, small enough to damage at every byte."""

import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable

import flatbuffers
import numpy as np
import pytest

from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import flatbuffer, graph, metadata, signature
from tlpipe_edge.tflite.flatbuffer import Buffer, Entry, ModelTable, Named, Signature, SubGraph, Table
from tlpipe_edge.tflite.interpreter import Session
from tlpipe_edge.tflite.metadata import Metadata

pytestmark = pytest.mark.arm64

LABELS = ("jeans", "long sleeve", "Größe 猫 🐈")
DESCRIBED = Metadata("clothing", "What people wear", LABELS)
WEIGHTS = np.array([0.5, -1.25, 3.0], np.float32)


def model(*, entry: str = "min_runtime_version", buffer: int = 2) -> bytes:
    """(1, 3) float32 -> ADD -> (1, 3) float32, with a metadata entry, as the converter leaves some."""
    builder = flatbuffers.Builder(1024)

    def table(*fields: Callable[[int], None]) -> int:
        builder.StartObject(len(fields))
        for slot, prepend in enumerate(fields):
            prepend(slot)
        return int(builder.EndObject())

    def reference(offset: int) -> Callable[[int], None]:
        return lambda slot: builder.PrependUOffsetTRelativeSlot(slot, offset, 0)

    def uint(value: int) -> Callable[[int], None]:
        return lambda slot: builder.PrependUint32Slot(slot, value, 0)

    def byte(value: int) -> Callable[[int], None]:
        return lambda slot: builder.PrependInt8Slot(slot, value, 0)

    def text(value: str) -> Callable[[int], None]:
        return reference(builder.CreateString(value))

    def integers(*values: int) -> Callable[[int], None]:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependInt32(value)
        return reference(builder.EndVector())

    def tables(*offsets: int) -> Callable[[int], None]:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return reference(builder.EndVector())

    def data(content: bytes) -> Callable[[int], None]:
        builder.Prep(16, len(content))
        return reference(builder.CreateByteVector(content))

    float32, add, add_options = 0, 0, 11
    tensors = (
        table(integers(1, 3), byte(float32), uint(0), text("input")),
        table(integers(3), byte(float32), uint(1), text("constant")),
        table(integers(1, 3), byte(float32), uint(0), text("output")),
    )
    operator = table(uint(0), integers(0, 1), integers(2), byte(add_options), reference(table()))
    graph = table(tables(*tensors), integers(0), integers(2), tables(operator), text("main"))
    root = table(
        uint(3),
        tables(table(byte(add), text(""), uint(1), uint(add))),
        tables(graph),
        text("made by a test"),
        tables(table(), table(data(WEIGHTS.tobytes())), table(data(b"1.5.0"))),
        integers(),
        tables(table(text(entry), uint(buffer))),
    )
    builder.Finish(root, b"TFL3")
    return bytes(builder.Output())


MODEL = model()
WRITTEN = metadata.write(MODEL, DESCRIBED)


def parsed(content: bytes) -> Table:
    return flatbuffer.root(content, flatbuffer.TFLITE, where="model")


def entries(content: bytes) -> dict[str, bytes]:
    """The named buffers of a model."""
    buffers = [bytes(buffer.octets(Buffer.DATA)) for buffer in parsed(content).tables(ModelTable.BUFFERS)]
    named = parsed(content).tables(ModelTable.METADATA)
    return {entry.string(Entry.NAME): buffers[entry.number(Entry.BUFFER, "I")] for entry in named}


def with_label_file(content: bytes, *, name: str = "labels.txt", compression: int = zipfile.ZIP_STORED) -> bytes:
    """WRITTEN with another label file behind it: of several archives, the last one counts."""
    file = io.BytesIO(WRITTEN)
    file.seek(0, io.SEEK_END)
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "described",
    [
        DESCRIBED,
        Metadata("", "", LABELS, (0.485, 0.456, 0.406), (0.25, 0.5, 1.0)),
        Metadata("a", "", LABELS, (127.5,), (127.5,)),
    ],
)
def test_what_was_written_is_read(described: Metadata) -> None:
    read = metadata.read(metadata.write(MODEL, described))

    assert read is not None
    assert (read.name, read.description, read.labels) == (described.name, described.description, described.labels)
    assert read.mean == pytest.approx(described.mean, rel=1e-7)  # a float32 in the file
    assert read.std == described.std


def test_a_model_without_metadata_has_none() -> None:
    assert metadata.read(MODEL) is None


def test_the_model_computes_the_same_with_and_without() -> None:
    tensor = np.array([[0.1, 2.0, -7.5]], np.float32)

    np.testing.assert_array_equal(Session(WRITTEN).run(tensor), (tensor + WEIGHTS)[0])
    np.testing.assert_array_equal(Session(WRITTEN).run(tensor), Session(MODEL).run(tensor))


def test_the_rest_of_the_model_stays() -> None:
    old, new = parsed(MODEL), parsed(WRITTEN)

    assert new.number(ModelTable.VERSION, "I") == 3
    assert new.string(ModelTable.DESCRIPTION) == "made by a test"
    assert [code.string(1) for code in new.tables(ModelTable.OPERATOR_CODES)] == [""]
    (graph,) = new.tables(ModelTable.SUBGRAPHS)
    assert (graph.numbers(SubGraph.INPUTS, "i"), graph.numbers(SubGraph.OUTPUTS, "i")) == ((0,), (2,))
    assert entries(WRITTEN).keys() == {"min_runtime_version", "TFLITE_METADATA"}
    assert entries(WRITTEN)["min_runtime_version"] == b"1.5.0"
    for before, after in zip(old.tables(ModelTable.BUFFERS), new.tables(ModelTable.BUFFERS), strict=False):
        assert before.octets(Buffer.DATA) == after.octets(Buffer.DATA)


@pytest.mark.parametrize("padding", range(0, 16, 4))
def test_weights_stay_aligned(padding: int) -> None:
    written = metadata.write(MODEL + bytes(padding), DESCRIBED)
    positions = [buffer.target(Buffer.DATA) for buffer in parsed(written).tables(ModelTable.BUFFERS)]

    assert [position and (position + 4) % 16 for position in positions] == [None, 0, 0, 0]


def test_a_signature_names_the_ends() -> None:
    (signature,) = parsed(WRITTEN).tables(ModelTable.SIGNATURE_DEFS)
    ends = [list(signature.tables(slot)) for slot in (Signature.INPUTS, Signature.OUTPUTS)]

    assert graph.signatures(WRITTEN, where="model") == ("serving_default",)
    assert [[(end.string(Named.NAME), end.number(Named.TENSOR, "I")) for end in each] for each in ends] == [
        [("image", 0)],
        [("scores", 2)],
    ]


def test_a_signature_that_is_there_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature, "KEY", "another")

    assert graph.signatures(metadata.write(WRITTEN, DESCRIBED), where="model") == ("serving_default",)
    assert graph.signatures(metadata.write(MODEL, DESCRIBED), where="model") == ("another",)


def test_writing_again_replaces() -> None:
    again = metadata.write(WRITTEN, Metadata("other", "", ("a", "b", "c")))

    assert metadata.read(again) == Metadata("other", "", ("a", "b", "c"))
    assert len(list(parsed(again).tables(ModelTable.METADATA))) == 2
    assert zipfile.ZipFile(io.BytesIO(again)).namelist() == ["labels.txt"]
    np.testing.assert_array_equal(Session(again).run(np.zeros((1, 3), np.float32)), WEIGHTS)


def test_the_same_input_gives_the_same_bytes() -> None:
    (label_file,) = zipfile.ZipFile(io.BytesIO(WRITTEN)).infolist()

    assert metadata.write(MODEL, DESCRIBED) == WRITTEN
    assert label_file.date_time == (1980, 1, 1, 0, 0, 0)


def test_the_label_file_is_found_without_this_program() -> None:
    (label_file,) = zipfile.ZipFile(io.BytesIO(WRITTEN)).infolist()

    assert WRITTEN[label_file.header_offset :].startswith(b"PK\3\4"), "positions count from the file's first byte"
    assert "jeans\nlong sleeve\nGröße 猫 🐈\n".encode() in WRITTEN, "stored, not compressed"


@pytest.mark.parametrize("text", ["a\nb c\nd", "a\nb c\nd\n", "a\r\nb c\r\nd\r\n", "a\nb c\nd\n\n\r\n"])
def test_label_files_of_others_are_read(text: str) -> None:
    read = metadata.read(with_label_file(text.encode(), compression=zipfile.ZIP_DEFLATED))

    assert read is not None
    assert read.labels == ("a", "b c", "d")


def test_a_blank_line_keeps_its_index() -> None:
    read = metadata.read(with_label_file(b"a\n\nc\n"))

    assert read is not None
    assert read.labels == ("a", "", "c")


def bomb_that_lies() -> bytes:
    """Ten times the limit, in an archive that promises 100 bytes."""
    content = with_label_file(bytes(10 * metadata.MAX_LABELS_BYTES), compression=zipfile.ZIP_DEFLATED)
    directory = content.rindex(b"PK\1\2")
    return content[: directory + 24] + (100).to_bytes(4, "little") + content[directory + 28 :]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(
            with_label_file(bytes(2 * metadata.MAX_LABELS_BYTES), compression=zipfile.ZIP_DEFLATED), id="bomb"
        ),
        pytest.param(bomb_that_lies(), id="bomb that lies"),
        pytest.param(with_label_file(b"a\nb\nc", compression=zipfile.ZIP_LZMA), id="needs a large dictionary"),
        pytest.param(with_label_file(b"a\nb\nc", name="other.txt"), id="missing"),
        pytest.param(with_label_file(b"\xff\xfe\nb\nc"), id="not UTF-8"),
        pytest.param(WRITTEN.replace(b"jeans", b"jeanz"), id="wrong checksum"),
        pytest.param(WRITTEN[:-1], id="no archive"),
    ],
)
def test_a_label_file_that_cannot_be_used_is_refused(content: bytes) -> None:
    with pytest.raises(BadData, match=r"^model\.tflite: its label file 'labels\.txt' cannot be read"):
        metadata.read(content, where="model.tflite")


@pytest.mark.parametrize("content", [b"", b"TFL3", b"PK\3\4 is a zip", MODEL.replace(b"TFL3", b"TFL2")])
def test_another_kind_of_file_is_refused(content: bytes) -> None:
    with pytest.raises(BadData, match="its file identifier is not TFL3"):
        metadata.read(content)


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        (("a", "b\nc", "d"), "more than one line"),
        (("a", "b\r", "d"), "more than one line"),
        (("a", " ", "d"), "blank"),
        (("a", "\udcff", "d"), "not Unicode"),
        (("a", "b"), r"2 labels for an output of shape \(1, 3\)"),
    ],
)
def test_labels_that_a_label_file_cannot_hold_are_refused(labels: tuple[str, ...], reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        metadata.write(MODEL, Metadata("name", "", labels))


@pytest.mark.parametrize(
    ("mean", "std"),
    [((0.0,), (0.0,)), ((0.0,), (float("nan"),)), ((0.0, 0.0), (1.0, 1.0)), ((0.0,) * 3, (1.0,)), ((), ())],
)
def test_a_normalization_that_makes_no_sense_is_refused(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    with pytest.raises(BadData, match="invalid normalization"):
        Metadata("name", "", LABELS, mean, std)


@pytest.mark.parametrize(("buffer", "reason"), [(99, "its metadata is missing"), (2, "file identifier is not M001")])
def test_an_entry_that_leads_nowhere_is_refused(buffer: int, reason: str) -> None:
    with pytest.raises(BadData, match=reason):
        metadata.read(model(entry="TFLITE_METADATA", buffer=buffer))


def test_a_bomb_is_not_unpacked() -> None:
    content = bomb_that_lies()
    tracemalloc.start()
    with pytest.raises(BadData):
        metadata.read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 5 * metadata.MAX_LABELS_BYTES, "the archive unpacks to ten times the limit"


def test_a_field_that_is_left_out_reads_as_nothing() -> None:
    described = flatbuffer.root(entries(WRITTEN)["TFLITE_METADATA"], metadata.IDENTIFIER, where="model")

    version = 2  # of ModelMetadata, between fields that are there
    assert (described.table(version), described.string(version), described.number(version, "I")) == (None, "", 0)


def test_a_structure_that_leaves_the_file_is_refused() -> None:
    root = parsed(WRITTEN).position
    before_the_file = WRITTEN[:root] + (root + 8).to_bytes(4, "little") + WRITTEN[root + 4 :]
    weights = WRITTEN.index(WEIGHTS.tobytes())
    behind_the_file = WRITTEN[: weights - 4] + (1 << 20).to_bytes(4, "little") + WRITTEN[weights:]

    with pytest.raises(BadData, match="damaged"):
        metadata.read(before_the_file)
    with pytest.raises(BadData, match="damaged"):
        entries(behind_the_file)


def test_damage_is_refused_or_harmless() -> None:
    """BadData is the only error, wherever the file ends and whatever is in it."""
    chance = random.Random(0)
    damaged = [WRITTEN[:length] for length in range(len(WRITTEN))]
    for position in range(len(WRITTEN)):
        for value in (0xFF, chance.randrange(256)):
            damaged.append(WRITTEN[:position] + bytes([value]) + WRITTEN[position + 1 :])
    refused = 0
    for content in damaged:
        try:
            metadata.read(content)
            metadata.write(content, DESCRIBED)
        except BadData:
            refused += 1

    assert refused > len(WRITTEN)
