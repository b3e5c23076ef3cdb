"""A .tflite file from elsewhere: its labels and its normalization, found, named or assumed."""

from pathlib import Path

import numpy as np
import pytest
import small_models
from small_models import Builder

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage
from tlpipe_edge.tflite import metadata, sandbox
from tlpipe_edge.tflite.metadata import Metadata

pytestmark = pytest.mark.arm64

PIXELS = np.random.default_rng(5).integers(0, 256, (4, 4, 3), dtype=np.uint8)
CROP = "this file does not state a crop, so center-crop is used"


@pytest.fixture(autouse=True)
def no_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are ours, and starting a child for each takes longer than the tests."""
    monkeypatch.setattr(sandbox, "prove", lambda *_, **__: None)


def content(dtype: str = "float32", quantized: tuple[float, int] | None = None) -> bytes:
    """A model with a softmax, of an input of this type."""
    builder = Builder()
    pixels = builder.tensor((1, 4, 4, 3), dtype, quantized=quantized)
    values = pixels
    if quantized:
        values = builder.operator("DEQUANTIZE", [pixels], small_models.image(builder))
    return builder.content([pixels], [small_models.softmax(builder, small_models.head(builder, values))])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file without metadata and without labels."""
    file = tmp_path / "birds.tflite"
    file.write_bytes(content())
    return file


@pytest.mark.parametrize("name", ["labels.txt", "birds.txt", "dict.txt"])
def test_a_labels_file_beside_the_model_is_taken_and_said(model: Path, name: str) -> None:
    beside = model.with_name(name)
    beside.write_text("0 crow\n1 jay\n2 owl\n")
    classifier = Classifier.open(model)

    assert classifier.labels == ("crow", "jay", "owl") and classifier.name == "birds"
    assert classifier.notes[0] == f"the labels are those of {beside}" and classifier.notes[-1] == CROP


def test_labels_txt_comes_first_and_a_named_file_before_it(model: Path) -> None:
    for name in ("labels", "birds", "named"):
        model.with_name(f"{name}.txt").write_text(f"{name} a\n{name} b\n{name} c\n")

    assert Classifier.open(model).labels[0] == "labels a"
    named = Classifier.open(model, labels=str(model.with_name("named.txt")))
    assert named.labels[0] == "named a" and not any("labels" in note for note in named.notes)


def test_without_labels_it_is_said_how_to_name_them(model: Path) -> None:
    with pytest.raises(MissingInput, match=r"birds\.tflite: it does not name its labels \(no TFLite Metadata\)") as no:
        Classifier.open(model)
    assert "--labels FILE" in no.value.advice
    other = model.with_name("my_labels.txt")
    other.write_text("a\nb\nc\n")
    with pytest.raises(MissingInput) as raised:
        Classifier.open(model)
    assert f"--labels {other}" in raised.value.advice


def test_labels_of_another_model_are_refused(model: Path) -> None:
    model.with_name("labels.txt").write_text("a\nb\nc\nd\ne\n")

    with pytest.raises(BadData, match=r"labels\.txt: 5 labels for a model with 3 outputs"):
        Classifier.open(model)
    with pytest.raises(MissingInput, match="no such labels file"):
        Classifier.open(model, labels="gone.txt")


def described(*labels: str, mean: float = 0, std: float = 1) -> bytes:
    return metadata.write(content(), Metadata("stated", "", labels, (mean,), (std,)))


def test_metadata_is_believed_without_a_note(model: Path) -> None:
    model.write_bytes(described("x", "y", "z", std=255))
    model.with_name("labels.txt").write_text("a\nb\nc\n")
    classifier = Classifier.open(model)

    assert (classifier.name, classifier.labels, classifier.notes) == ("stated", ("x", "y", "z"), (CROP,))
    np.testing.assert_allclose(classifier.scores(PIXELS), small_models.probabilities_of(PIXELS / 255), atol=1e-6)


def test_what_the_user_says_goes_before_metadata_and_is_said(model: Path) -> None:
    model.write_bytes(described("x", "y", "z", std=255))
    labels = model.with_name("mine.txt")
    labels.write_text("a\nb\nc\n")
    classifier = Classifier.open(model, labels=labels, mean=(1, 2, 3), std=64)

    assert classifier.labels == ("a", "b", "c")
    assert classifier.notes == (
        f"the labels are those of {labels}, not those in the model",
        "the input is (pixel - (1, 2, 3)) / 64, not pixel / 255 as in its metadata",
        CROP,
    )
    np.testing.assert_allclose(
        classifier.scores(PIXELS), small_models.probabilities_of((PIXELS - np.float32([1, 2, 3])) / 64), atol=1e-6
    )


def test_repeated_labels_in_metadata_become_distinct(model: Path) -> None:
    model.write_bytes(described("crane", "owl", "crane"))
    classifier = Classifier.open(model)

    assert classifier.labels == ("crane (0)", "owl", "crane (2)")
    assert any("repeated labels" in note for note in classifier.notes)


@pytest.mark.parametrize(
    ("dtype", "quantized", "expected", "note"),
    [
        (
            "float32",
            None,
            (PIXELS - 127.5) / 127.5,
            "the input is assumed to be (pixel - 127.5) / 127.5, because most models with a float32 input expect it; "
            "--mean and --std change it",
        ),
        (
            "uint8",
            (1 / 128, 128),
            (PIXELS - 128.0) / 128,
            "the input is assumed to be (pixel - 128) / 128, because its uint8 input has scale 0.007812 and zero point "
            "128; --mean and --std change it",
        ),
        (
            "int8",
            (1 / 255, -128),
            PIXELS / 255.0,
            "the input is assumed to be pixel / 255, because its int8 input has scale 0.003922 and zero point "
            "-128; --mean and --std change it",
        ),
    ],
)
def test_an_unstated_normalization_is_assumed_and_said(
    model: Path, dtype: str, quantized: tuple[float, int] | None, expected: np.ndarray, note: str
) -> None:
    model.write_bytes(content(dtype, quantized))
    model.with_name("labels.txt").write_text("a\nb\nc\n")
    classifier = Classifier.open(model)

    assert classifier.notes[1] == note
    np.testing.assert_allclose(classifier.scores(PIXELS), small_models.probabilities_of(expected), atol=1e-6)


def test_a_uint8_input_gets_the_pixels_unchanged(model: Path) -> None:
    """For every scale: what the network makes of them is stated by the tensor."""
    seen: list[np.ndarray] = []
    for scale, zero_point in ((1 / 128, 128), (0.00787, 127), (4.75 / 255, 114), (1.0, 0)):
        model.write_bytes(content("uint8", (scale, zero_point)))
        model.with_name("labels.txt").write_text("a\nb\nc\n")
        classifier = Classifier.open(model)
        classifier.session.set_input = seen.append  # type: ignore[method-assign]
        classifier.set_input(np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5)

    assert len(seen) == 4
    for tensor in seen:
        np.testing.assert_array_equal(tensor[0].ravel(), np.arange(48) * 5)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"mean": (1, 2)}, "2 numbers, but mean is one, or three for RGB"),
        ({"std": ()}, "0 numbers, but std is one, or three for RGB"),
        ({"std": 0}, "0 is out of range"),
        ({"std": -1}, "-1 is out of range"),
        ({"mean": float("nan")}, "nan is out of range"),
        ({"mean": 1e30}, "1e\\+30 is out of range"),
    ],
)
def test_a_normalization_that_is_none_is_wrong_usage(model: Path, options: dict[str, float], reason: str) -> None:
    with pytest.raises(WrongUsage, match=reason):
        Classifier.open(model, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("one", "other"), [("mean", "std"), ("std", "mean")])
def test_half_a_normalization_is_wrong_usage(model: Path, one: str, other: str) -> None:
    model.with_name("labels.txt").write_text("a\nb\nc\n")

    with pytest.raises(WrongUsage, match=f"{one}: needs {other}, too"):
        Classifier.open(model, **{one: 127.5})  # type: ignore[arg-type]


@pytest.mark.parametrize("options", [{"labels": "labels.txt"}, {"mean": 0}, {"std": 1}])
def test_a_bundle_takes_none_of_the_options(drawn: Bundle, options: dict[str, object]) -> None:
    with pytest.raises(WrongUsage, match=f"{next(iter(options))} is for a .tflite file; a bundle states it"):
        Classifier.open(drawn.path, **options)  # type: ignore[arg-type]
