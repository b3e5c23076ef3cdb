"""The bar of training never runs past its end, however Keras groups the batches."""

import pytest

from tlpipe.training import recorder


@pytest.mark.parametrize(
    ("named", "steps", "ended"),
    [((15, 31, 47), 40, (16, 32, 40)), ((0, 1), 2, (1, 2)), ((3,), None, (4,))],
)
def test_batches_that_ended_are_at_most_those_of_the_epoch(
    named: tuple[int, ...], steps: int | None, ended: tuple[int, ...]
) -> None:
    assert tuple(recorder.ended(batch, {"steps": steps}) for batch in named) == ended
