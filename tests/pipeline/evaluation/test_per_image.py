"""The predictions for each image: what is written is read again, and what does not fit is refused."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reports import DRAWN

from tlpipe.evaluation import per_image
from tlpipe.evaluation.per_image import PREDICTIONS, Predictions
from tlpipe_edge.contract import arrays
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.errors import BadData, MissingInput

HASHES = ["3c" * 32, "", "5e" * 32, "01" * 32]


@pytest.fixture
def drawn(tmp_path: Path) -> Bundle:
    """A bundle of three classes with predictions for four images, one of which cannot be read."""
    bundle = Bundle.open(shutil.copytree(DRAWN, tmp_path / "drawn"))
    (bundle.path / EVALUATION).write_text("{}")
    per_image.write(bundle.path, of(bundle, images=per_image.of_hashes(HASHES)), evaluation="{}")
    return bundle


def of(bundle: Bundle, *, images: np.ndarray) -> Predictions:
    true_labels = np.arange(len(images)) % 3
    predicted = np.where(images.any(axis=1), true_labels, -1)
    scores = np.where(predicted < 0, np.nan, np.linspace(0.5, 1, len(images))).astype(np.float32)
    sha256 = bundle.manifest.artifacts[0].sha256
    return Predictions(images, true_labels, predicted, {sha256: predicted}, scores, {sha256: scores / 2})


def test_what_is_written_is_read_again(drawn: Bundle) -> None:
    found = per_image.read(drawn)

    assert [bytes(each).hex() for each in found.images] == [each or "00" * 32 for each in HASHES]
    assert found.true_labels.tolist() == [0, 1, 2, 0]
    assert found.keras.tolist() == [0, -1, 2, 0]
    assert {sha256: each.tolist() for sha256, each in found.artifacts.items()} == {
        drawn.manifest.artifacts[0].sha256: [0, -1, 2, 0]
    }
    assert found.keras_scores is not None
    assert np.nan_to_num(found.keras_scores, nan=-1).tolist() == pytest.approx([0.5, -1, 5 / 6, 1])
    assert found.scores[drawn.manifest.artifacts[0].sha256][3] == 0.5


def test_those_of_an_earlier_version_have_no_scores(drawn: Bundle) -> None:
    with np.load(drawn.path / PREDICTIONS) as stored:
        older = {name: each for name, each in stored.items() if "scores" not in name}
    np.savez(drawn.path / PREDICTIONS, **older)
    found = per_image.read(drawn)

    assert found.keras.tolist() == [0, -1, 2, 0] and (found.keras_scores, found.scores) == (None, {})


def test_keras_alone_from_the_export(drawn: Bundle) -> None:
    """The reference has its scores of all classes."""
    reference = drawn.reference()
    found = per_image.of_export(drawn)

    assert [bytes(each).hex() for each in found.images] == list(reference.images)
    assert found.keras.tolist() == reference.probabilities.argmax(axis=1).tolist() and not found.artifacts
    assert found.keras_scores is not None and (found.keras_scores == reference.probabilities.max(axis=1)).all()


def test_an_export_with_damaged_names_is_refused(drawn: Bundle) -> None:
    arrays_of_it = arrays.load(drawn.path / "reference.npz", "again")
    np.savez(drawn.path / "reference.npz", **arrays_of_it | {"images": np.array(["xy"] * len(arrays_of_it["images"]))})
    manifest = drawn.manifest
    unlisted = Bundle(drawn.path, replace(manifest, files=()))

    with pytest.raises(BadData, match=r"reference\.npz: damaged \(images: not a sha256\)"):
        per_image.of_export(unlisted)


def test_they_are_those_of_the_evaluation(bundle: Bundle, evaluation: dict[str, Any]) -> None:
    """Counted once more from the predictions."""
    found = per_image.read(bundle)

    assert len(found.images) == evaluation["images"]
    assert (found.keras == found.true_labels).mean() == evaluation["keras"]["top1"]
    for stated in evaluation["artifacts"]:
        predicted = found.artifacts[stated["sha256"]]
        assert (predicted == found.true_labels).mean() == stated["top1"]
        assert (predicted == found.keras).mean() == stated["agreement"]
        for index, label in enumerate(bundle.manifest.labels):
            correct = (predicted == index) & (found.true_labels == index)
            assert correct.sum() == stated["per_class"][label]["correct"]


def test_a_hundred_thousand_images_are_a_few_megabytes(drawn: Bundle) -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (100_000, 32), np.uint8)
    true_labels, *others = random.integers(0, 3, (6, 100_000), np.int32)
    predictions = Predictions(images, true_labels, others[0], {f"{n}" * 64: each for n, each in enumerate(others[1:])})
    per_image.write(drawn.path, predictions, evaluation="{}")

    assert (drawn.path / PREDICTIONS).stat().st_size < 5_000_000
    assert np.array_equal(per_image.read(drawn).artifacts["3" * 64], others[4])


def test_predictions_of_another_evaluation_are_not_used(drawn: Bundle) -> None:
    (drawn.path / EVALUATION).write_text('{"schema": 1}')
    with pytest.raises(MissingInput, match="predictions of another evaluation\nRun tlpipe evaluate again"):
        per_image.read(drawn)
    (drawn.path / EVALUATION).unlink()
    with np.load(drawn.path / PREDICTIONS) as stored:
        more_classes = dict(stored) | {"keras": np.full(4, 99, np.int32)}
    np.savez(drawn.path / PREDICTIONS, **more_classes)
    with pytest.raises(MissingInput, match="predictions of another evaluation"):
        per_image.read(drawn)
    (drawn.path / PREDICTIONS).unlink()
    with pytest.raises(MissingInput, match="no per-image predictions\nRun tlpipe evaluate again"):
        per_image.read(drawn)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", b"no archive"])
def test_a_damaged_file_is_named(drawn: Bundle, content: bytes) -> None:
    (drawn.path / PREDICTIONS).write_bytes(content)

    with pytest.raises(BadData, match=r"predictions\.npz: damaged"):
        per_image.read(drawn)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("images", None, "'images'"),
        ("images", np.zeros((4, 31), np.uint8), r"images: uint8, shape \(4, 31\)"),
        ("images", np.zeros((4, 32), np.int8), "images: int8"),
        ("images", np.zeros((0, 32), np.uint8), r"images: uint8, shape \(0, 32\)"),
        ("true_labels", np.full(4, -1, np.int32), "true_labels: not a label index"),
        ("true_labels", np.zeros(5, np.int32), r"true_labels: int32, shape \(5,\), for 4 images"),
        ("keras", np.full(4, 3, np.int32), "keras: not a label index"),
        ("keras", np.zeros(4, np.float32), "keras: float32"),
        ("keras", np.array([None] * 4), "Object arrays cannot be loaded"),
        ("predicted", np.full((1, 4), -2, np.int32), "predicted by .{8}: not a label index"),
        ("predicted", np.zeros((2, 4), np.int32), "zip"),
        ("keras_scores", np.full(4, 1.5, np.float32), "keras_scores: not from 0 to 1"),
        ("keras_scores", np.zeros(4), "keras_scores: float64"),
        ("scores", np.full((1, 4), -0.5, np.float32), "scores of .{8}: not from 0 to 1"),
        ("scores", np.zeros((1, 5), np.float32), r"scores of .{8}: float32, shape \(5,\), for 4 images"),
        ("scores", None, "'scores'"),
        ("predicted", np.int32(0), "iteration over a 0-d array|not iterable"),
    ],
)
def test_what_does_not_fit_is_refused(drawn: Bundle, name: str, value: Any, said: str) -> None:
    file = drawn.path / PREDICTIONS
    with np.load(file) as stored:
        changed = dict(stored) | {name: value}
    np.savez(file, **{key: each for key, each in changed.items() if each is not None})

    with pytest.raises(BadData, match=rf"predictions\.npz: damaged \(.*({said})"):
        per_image.read(drawn)


def test_what_would_fill_the_memory_is_refused(drawn: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compressed, zeros are nothing."""
    file = drawn.path / PREDICTIONS
    np.savez_compressed(file, images=np.zeros(30_000_000, np.uint8))
    assert file.stat().st_size < 100_000
    monkeypatch.setattr(arrays, "MAX_BYTES", 20_000_000)

    with pytest.raises(BadData, match=r"predictions\.npz: damaged \(more than 20 MB\)"):
        per_image.read(drawn)
