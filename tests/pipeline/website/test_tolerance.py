"""By how much the scores of a browser may differ in the self-test: what one step of the output tensor changes."""

import numpy as np
import pytest

from tlpipe.website.self_test import FLOAT_TOLERANCE, tolerance
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.tflite.ending import Ending, Kind

PROBABILITIES, LOGITS = Ending(Kind.PROBABILITIES), Ending(Kind.LOGITS)


def softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max())
    return raised / raised.sum()


@pytest.mark.parametrize(
    ("dtype", "scale", "ending", "expected"),
    [
        ("float32", 0.0, PROBABILITIES, FLOAT_TOLERANCE),
        ("float32", 0.0, LOGITS, FLOAT_TOLERANCE),
        ("uint8", 1 / 256, PROBABILITIES, 1 / 256),
        ("uint8", 0.0, Ending(Kind.PROBABILITIES, 0.0, 255.0), 1 / 255),
    ],
)
def test_of_probabilities_it_is_a_step(dtype: str, scale: float, ending: Ending, expected: float) -> None:
    assert tolerance(Tensor(dtype, (1, 2), scale, 0), ending) == pytest.approx(expected)


@pytest.mark.parametrize("step", [0.05, 0.2, 1.0])
def test_of_logits_it_is_what_a_step_of_each_changes_at_most(step: float) -> None:
    leads = np.linspace(-4, 4, 801)
    changes = [softmax(np.array([lead + step, -step])) - softmax(np.array([lead, 0.0])) for lead in leads]
    allowed = tolerance(Tensor("uint8", (1, 2), step, 128), LOGITS)
    assert allowed == pytest.approx(np.abs(changes).max(), rel=1e-3) and allowed < step
