"""Accuracy of a benchmark: against labels, and against the Keras model image by image."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.bench import scoring
from tlpipe_edge.contract.benchmark import Comparison
from tlpipe_edge.contract.confusion import Confusion
from tlpipe_edge.contract.scores import ClassCount
from tlpipe_edge.images.labelled import LabelledImage, golden

LABELS = ("cross", "bars", "ring")


def known(*truth: int | None) -> list[LabelledImage]:
    return [LabelledImage(Path(f"{number}.png"), f"sha{number}", label) for number, label in enumerate(truth)]


def rows(*best: int) -> np.ndarray:
    """Scores whose best is at that place; NaN where it is -1."""
    scores = np.full((len(best), 3), 0.1, np.float32)
    for number, place in enumerate(best):
        scores[number, place] = 0.8
        if place < 0:
            scores[number] = np.nan
    return scores


def test_an_image_that_cannot_be_read_is_named_and_counts_as_wrong(drawn: Bundle, tmp_path: Path) -> None:
    items = golden(drawn, drawn.reference()).items
    bad = tmp_path / "bad.png"
    bad.write_text("no picture")
    images = [items[0], LabelledImage(bad, "", 1), items[1]]
    scored = scoring.score(lambda: Classifier.open(drawn.path), images, classes=3, description="classifying")

    assert list(scored.failed) == [1] and scored.failed[1].startswith("not an image")
    assert np.isnan(scored.scores).any(axis=1).tolist() == [False, True, False]
    rates = scoring.rates(scored.scores, images, labels=drawn.manifest.labels)
    assert rates.top1 == pytest.approx(2 / 3)
    assert np.sum(rates.confusion) == 2


def test_accuracy_is_over_the_images_whose_label_is_known() -> None:
    rates = scoring.rates(rows(0, 1, 2, 1), known(0, 2, None, 1), labels=LABELS)

    assert rates.top1 == pytest.approx(2 / 3)
    assert rates.confusion == ((1, 0, 0), (0, 1, 0), (0, 1, 0))
    assert (rates.per_class or {})["ring"] == ClassCount(1, 0, 0.0)
    low, high = rates.top1_interval or ()
    assert low < 2 / 3 < high


def test_the_confusions_of_many_classes_are_as_many_as_the_images() -> None:
    labels = [f"class {number}" for number in range(1_000)]
    scores = np.zeros((4, 1_000), np.float32)
    scores[range(4), [999, 7, 999, 7]] = 1
    scores[3, 0] = np.nan
    rates = scoring.rates(scores, known(999, 3, 3, 3), labels=labels)

    assert rates.confusion is None
    assert rates.confusion_cells == ((3, 7, 1), (3, 999, 1), (999, 999, 1))
    assert (rates.per_class or {})["class 3"] == ClassCount(3, 0, 0.0)
    assert len(rates.per_class or {}) == 1_000


def test_without_labels_nothing_is_claimed() -> None:
    rates = scoring.rates(rows(0, 1), known(None, None), labels=LABELS)

    assert rates == Confusion()


def test_a_class_without_images_has_no_rate() -> None:
    rates = scoring.rates(rows(0), known(0), labels=LABELS)

    assert (rates.per_class or {})["bars"] == ClassCount(0, 0, None)


def test_the_answers_of_keras_are_found_by_the_hash_of_the_image(drawn: Bundle) -> None:
    reference = drawn.reference()
    items = [*reversed(golden(drawn, reference).items), LabelledImage(Path("new.png"), "0" * 64, None)]
    found = scoring.keras_scores(items, reference, classes=3)

    for item, row in zip(items[:-1], found, strict=False):
        np.testing.assert_array_equal(row, reference.probabilities[reference.images.index(item.sha256)])
    assert np.isnan(found[-1]).all()
    assert np.isnan(scoring.keras_scores(items, None, classes=3)).all()


def test_where_both_differ_is_listed_with_both_answers() -> None:
    theirs, ours = rows(0, 1, 2, -1), rows(0, 2, 2, 1)
    compared = scoring.against_keras(ours, theirs, known(0, None, 2, 1), labels=LABELS)

    assert compared.agreement == pytest.approx(2 / 3) and compared.compared == 3
    (row,) = compared.disagreements or ()
    assert (row.image, row.file, row.truth) == ("sha1", "1.png", None)
    assert (row.keras, row.answer) == ("bars", "ring")
    assert (row.keras_score, row.score) == (pytest.approx(0.8), pytest.approx(0.8))


def test_an_image_that_only_keras_could_read_is_a_disagreement_without_an_answer() -> None:
    compared = scoring.against_keras(rows(0, -1), rows(0, 1), known(0, 1), labels=LABELS)

    assert compared.agreement == 0.5
    (row,) = compared.disagreements or ()
    assert (row.answer, row.score) == (None, None)


def test_without_an_answer_of_keras_there_is_no_agreement() -> None:
    compared = scoring.against_keras(rows(0), rows(-1), known(0), labels=LABELS)

    assert compared == Comparison(agreement=None, compared=0, disagreements=())


def test_the_reference_of_another_model_would_be_seen(drawn: Bundle) -> None:
    items = golden(drawn, drawn.reference()).items
    turned = np.roll(drawn.reference().probabilities, 1, axis=1)
    wrong = dataclasses.replace(drawn.reference(), probabilities=turned)
    scored = scoring.score(lambda: Classifier.open(drawn.path), items, classes=3, description="classifying")
    theirs = scoring.keras_scores(items, wrong, classes=3)

    compared = scoring.against_keras(scored.scores, theirs, items, labels=drawn.manifest.labels)
    assert compared.agreement == 0.0 and len(compared.disagreements or ()) == len(items)
