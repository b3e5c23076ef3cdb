"""The bound of the drop below Keras: that it covers, what it is where it is known, and where it cannot lie."""

import numpy as np
import pytest
from scipy.stats import multinomial

from tlpipe.evaluation.significance import LEVEL, difference_interval, drop_bound, mcnemar

Z2 = 1.6448536269514722**2


@pytest.mark.parametrize("images", [20, 40])
@pytest.mark.parametrize(
    ("lost", "won"), [(0.0, 0.0), (0.01, 0.0), (0.05, 0.0), (0.02, 0.02), (0.05, 0.02), (0.02, 0.05), (0.1, 0.1)]
)
def test_the_true_drop_is_below_the_bound_in_95_of_100_experiments(images: int, lost: float, won: float) -> None:
    """Over all results that an experiment can have. The score test is not exact: it falls short by less than 2 %."""
    covered = sum(
        multinomial.pmf([b, c, images - b - c], images, [lost, won, 1 - lost - won])
        for b in range(images + 1)
        for c in range(images + 1 - b)
        if drop_bound(b, c, images) >= lost - won
    )
    assert covered >= 0.93


def test_a_simulation_covers_as_well() -> None:
    """Drawn images, as an evaluation sees them, most of them without a difference."""
    random = np.random.default_rng(0)
    drawn = random.multinomial(300, [0.01, 0.004, 0.986], size=1000)
    covered = [drop_bound(int(b), int(c), 300) >= 0.006 for b, c, _ in drawn]
    assert np.mean(covered) >= 0.94


@pytest.mark.parametrize("images", [1, 20, 307, 100_000])
def test_without_a_difference_it_depends_on_the_number_of_images_alone(images: int) -> None:
    assert drop_bound(0, 0, images) == pytest.approx(Z2 / (images + Z2), abs=1e-6)


def test_it_is_above_what_was_measured_and_falls_with_more_images() -> None:
    for b, c in ((0, 0), (5, 2), (2, 5), (0, 7), (7, 0)):
        bounds = [drop_bound(b * times, c * times, 20 * times) for times in (1, 4, 16)]
        assert bounds == sorted(bounds, reverse=True)
        assert (b - c) / 20 < bounds[-1]
    assert drop_bound(20, 0, 20) == 1.0
    assert -1 < drop_bound(0, 20, 20) < -0.7


def test_it_agrees_with_the_score_test_by_hand() -> None:
    """At the bound, Tango's statistic is -z: with the maximum-likelihood estimate of the cells under that drop."""
    b, c, n = 9, 3, 200
    drop = drop_bound(b, c, n)
    grid = np.linspace(1e-9, 1 - drop, 2_000_001)[:-1]  # the share of images that only the second has right
    other = 1 - drop - 2 * grid
    sound = (other > 0) & (grid + drop > 0)
    grid, other = grid[sound], other[sound]
    best = grid[np.argmax(b * np.log(grid + drop) + c * np.log(grid) + (n - b - c) * np.log(other))]
    statistic = (b - c - n * drop) / np.sqrt(n * (2 * best + drop * (1 - drop)))
    assert statistic**2 == pytest.approx(Z2, rel=1e-3) and statistic < 0


def test_no_image_is_an_error() -> None:
    for bound in (drop_bound, difference_interval):
        with pytest.raises(ValueError, match="no image"):
            bound(0, 0, 0)


def test_the_interval_of_a_published_example() -> None:
    """Bentur et al. (2009), 21 pairs: -0.517 to -0.026 in Fagerland, Lydersen and Laake (2014), Stat Med 33:2850."""
    assert difference_interval(7, 1, 21) == pytest.approx((-0.517, -0.026), abs=5e-4)


@pytest.mark.parametrize("images", [20, 60, 341])
def test_the_interval_and_mcnemars_test_do_not_contradict(images: int) -> None:
    """A difference beyond chance has an interval without 0; the exact test is the stricter one of the two."""
    for b in range(20):
        for c in range(min(20, images - b + 1)):
            low, high = difference_interval(b, c, images)
            assert low <= (c - b) / images <= high
            assert (-high, -low) == difference_interval(c, b, images)
            assert mcnemar(b, c) >= LEVEL or not low <= 0 <= high
            assert mcnemar(b, c) < 0.2 or low <= 0 <= high


@pytest.mark.parametrize(("lost", "won"), [(0.01, 0.0), (0.02, 0.02), (0.05, 0.02), (0.1, 0.1)])
def test_the_interval_has_the_true_difference_in_95_of_100_experiments(lost: float, won: float) -> None:
    covered = sum(
        multinomial.pmf([b, c, 40 - b - c], 40, [lost, won, 1 - lost - won])
        for b in range(16)
        for c in range(16)
        if difference_interval(b, c, 40)[0] <= won - lost <= difference_interval(b, c, 40)[1]
    )
    assert covered >= 0.94
