"""The limits of a gate: what exceeds them, and what a number of images can tell apart."""

import pytest

from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.errors import WrongUsage


@pytest.mark.parametrize(
    ("images", "limits", "said"),
    [
        (
            341,
            Limits(0.01, 0.98),
            "top-1 at most 1 point below Keras and agreement at least 98 %. One image of 341 is 0.3 points.",
        ),
        (20, Limits(0.01), "One image of 20 is 5.0 points: more images are needed for such a limit."),
        (10, Limits(None, 0.9), "One image of 10 is 10.0 points."),
        (20, Limits(None, 0.9), "agreement at least 90 %. One image of 20 is 5.0 points."),
    ],
)
def test_the_limits_say_what_the_images_can_tell_apart(images: int, limits: Limits, said: str) -> None:
    assert limits.stated(images).endswith(said)
    assert "One validation image of" in limits.stated(images, "validation")


def exceeded(limits: Limits, *, keras_top1: float, agreement: float | None = 1.0) -> tuple[str, ...]:
    """By a file with a top-1 of 0.7."""
    return tuple(limits.exceeded(top1=0.7, keras_top1=keras_top1, agreement=agreement))


def test_exactly_the_limit_passes() -> None:
    assert not exceeded(Limits(0.1), keras_top1=0.8)
    assert exceeded(Limits(0.0999), keras_top1=0.8)
    assert not exceeded(Limits(0.0), keras_top1=0.6)
    assert not exceeded(Limits(None, 0.98), keras_top1=0.7, agreement=0.98)
    failed = exceeded(Limits(0.05, 0.98), keras_top1=0.8, agreement=0.9799)
    assert failed == ("top-1 70.0 % is 10.0 points below Keras", "agreement 98.0 % with Keras")
    assert exceeded(Limits(None, 0.5), keras_top1=0.7, agreement=None) == ("agreement 0.0 % with Keras",)


@pytest.mark.parametrize("given", [{"max_drop": 2.0, "min_agreement": None}, {"max_drop": None, "min_agreement": -0.1}])
def test_a_limit_is_a_share(given: dict[str, float | None]) -> None:
    with pytest.raises(WrongUsage, match="not a share"):
        Limits.given(**given)
    assert not Limits.given(max_drop=None, min_agreement=None) and Limits.given(max_drop=0.0, min_agreement=None)
