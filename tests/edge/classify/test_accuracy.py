"""Scores against truth, by hand."""

import math

import numpy as np
import pytest

from tlpipe_edge.classify.accuracy import accuracy, agreement, predictions, top_k_hits, wilson

NAN = math.nan
LABELS = ("a", "b", "c")


def test_the_lowest_index_wins_a_tie() -> None:
    scores = np.array([[0.2, 0.4, 0.4], [0.5, 0.5, 0.0]])

    assert predictions(scores).tolist() == [1, 0]


def test_an_image_without_scores_is_no_class() -> None:
    assert predictions(np.array([[NAN, NAN], [0.1, 0.9]])).tolist() == [-1, 1]


def test_a_top_k_hit_needs_fewer_than_k_that_score_as_high() -> None:
    scores = np.array([[0.3, 0.3, 0.3, 0.1]] * 4)
    truth = np.array([0, 1, 2, 3])

    assert top_k_hits(scores, truth, 1).tolist() == [False] * 4
    assert top_k_hits(scores, truth, 2).tolist() == [False] * 4
    assert top_k_hits(scores, truth, 3).tolist() == [True, True, True, False]
    assert not top_k_hits(np.array([[NAN, NAN]]), np.array([0]), 2).any()


def test_all_figures_of_five_images() -> None:
    scores = np.array([[0.8, 0.1, 0.1], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7], [NAN] * 3, [0.6, 0.3, 0.1]])
    result = accuracy(scores, np.array([0, 1, 2, 2, 0]), labels=LABELS)

    assert (result.images, result.failed, result.ties) == (5, 1, 1)
    assert result.top1 == 3 / 5
    assert result.top5 == 4 / 5  # of three classes every one is in the top 5, but for the image that failed
    assert [(each.label, each.images, each.correct) for each in result.per_class] == [
        ("a", 2, 2),
        ("b", 1, 0),
        ("c", 2, 1),
    ]
    assert result.top1_interval == wilson(3, 5)


def test_a_class_without_images_has_no_rate() -> None:
    result = accuracy(np.array([[0.9, 0.1, 0.0]]), np.array([0]), labels=LABELS)

    assert result.per_class[0].top1 == 1.0
    assert math.isnan(result.per_class[1].top1)


@pytest.mark.parametrize(
    ("correct", "images", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17:857-872, table I, method 3 (Wilson): to four digits.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_are_the_published_ones(correct: int, images: int, low: float, high: float) -> None:
    assert wilson(correct, images) == pytest.approx((low, high), abs=5e-5)


def test_agreement_leaves_out_what_neither_could_read() -> None:
    ours = np.array([[0.9, 0.1], [0.9, 0.1], [NAN, NAN], [NAN, NAN]])
    theirs = np.array([[0.6, 0.4], [0.4, 0.6], [0.6, 0.4], [NAN, NAN]])

    assert agreement(ours, theirs) == pytest.approx(1 / 3)
    assert math.isnan(agreement(ours[3:], theirs[3:]))


@pytest.mark.parametrize("shape", [(0, 3), (2, 2)])
def test_shapes_that_do_not_fit_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="labels"):
        accuracy(np.zeros(shape), np.zeros(shape[0], int), labels=LABELS)
