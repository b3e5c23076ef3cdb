"""The page computes tensors, scores, the moving average and percentiles as the device does."""

import json
from typing import Any, cast

import numpy as np
import pytest
from javascript import needs_node, run

from tlpipe_edge.bench.latency import Latency
from tlpipe_edge.camera.answer import UNKNOWN
from tlpipe_edge.camera.capture import Frame
from tlpipe_edge.camera.loop import _Smoother
from tlpipe_edge.camera.settings import Adjustable, Settings
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.contract.codec import as_json
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.tflite.ending import Ending, Kind
from tlpipe_edge.tflite.tensors import tensor_maker

pytestmark = needs_node
LABELS = ("ant", "bee", "cat", "dog")
CHANCE = np.random.default_rng(0)


def softened(count: int) -> np.ndarray:
    """Scores of ``count`` frames, float32."""
    raised = np.exp(3 * CHANCE.standard_normal((count, len(LABELS))))
    return (raised / raised.sum(axis=1, keepdims=True)).astype(np.float32)


FRAMES = [(threshold, smoothing, softened(25)) for threshold in (0.0, 0.5, 0.9) for smoothing in (0.0, 0.3, 0.7, 0.95)]
TIED = [np.array(scores, np.float32) for scores in ([0.25] * 4, [0.1, 0.4, 0.4, 0.1], [0.0, 0.0, 0.0, 1.0])]
TOPS = [(scores, k) for scores in [*TIED, *softened(20)] for k in (1, 2, 4)]
INPUTS = (
    Tensor("uint8", (1, 4, 4, 3), 1.0, 0),
    Tensor("uint8", (1, 4, 4, 3), 0.0, 0),
    Tensor("uint8", (1, 4, 4, 3), 0.00784314, 127),
    Tensor("uint8", (1, 4, 4, 3), 1.7, 3),
    Tensor("uint8", (1, 4, 4, 3), 2.0, 0),
    Tensor("float32", (1, 4, 4, 3)),
    Tensor("int32", (1, 4, 4, 3)),
)
QUANTIZED = Tensor("uint8", (1, 4), 1 / 256, 0)
FLOATS = Tensor("float32", (1, 4))
SCORES = Ending(Kind.PROBABILITIES)
OUTPUTS = [
    (CHANCE.integers(0, 256, 4).tolist(), QUANTIZED, SCORES),
    (CHANCE.integers(0, 256, 4).tolist(), Tensor("uint8", (1, 4), 0.0039, 11), SCORES),
    (softened(1)[0].tolist(), FLOATS, SCORES),
    ([3.5, -80.0, 3.25, 700.0], FLOATS, Ending(Kind.LOGITS)),
    (CHANCE.integers(0, 256, 4).tolist(), Tensor("uint8", (1, 4), 0.2, 128), Ending(Kind.LOGITS)),
    ([0, 17, 200, 255], Tensor("uint8", (1, 4)), Ending(Kind.PROBABILITIES, 0.0, 255.0)),
    (softened(1)[0].tolist(), FLOATS, Ending(Kind.PROBABILITIES, maximum=3.0)),
]
SAMPLES = [np.round(CHANCE.gamma(9, 2, size), 4).tolist() for size in (1, 2, 3, 30, 200, 1001)]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page computes from all of these."""
    folder = tmp_path_factory.mktemp("numbers")
    given = {
        "frames": [{"threshold": t, "smoothing": s, "scores": scores.tolist()} for t, s, scores in FRAMES],
        "tops": [{"scores": scores.tolist(), "k": k} for scores, k in TOPS],
        "inputs": [as_json(tensor) for tensor in INPUTS],
        "outputs": [
            {"values": values, "tensor": as_json(tensor), "ending": as_json(end) | {"kind": end.kind.value}}
            for values, tensor, end in OUTPUTS
        ],
        "samples": SAMPLES,
    }
    (folder / "given.json").write_text(json.dumps(given), "utf-8")
    run("numbers.js", folder)
    return cast(dict[str, Any], json.loads((folder / "found.json").read_text("utf-8")))


class Replay:
    """A classifier that gives scores one after the other."""

    def __init__(self, scores: np.ndarray) -> None:
        self.labels, self._scores = LABELS, iter(scores)

    def __call__(self, _: np.ndarray) -> Prediction:
        return Prediction(LABELS, next(self._scores), dict.fromkeys(("resize", "invoke", "total"), 0.0))


def test_smoothing_and_unknown(found: dict[str, Any]) -> None:
    frame = np.zeros((1, 1, 3), np.uint8)
    for (threshold, smoothing, scores), answers in zip(FRAMES, found["frames"], strict=True):
        smoother = _Smoother(cast(Classifier, Replay(scores)), Adjustable(Settings(threshold, smoothing)))
        for number, answer in enumerate(answers):
            device = smoother.answer(Frame(frame, number + 1))
            assert answer["scores"] == device.scores.tolist()
            (best,) = answer["best"]
            assert answer["scores"][best] == device.score
            assert (UNKNOWN if answer["isUnknown"] else LABELS[best]) == device.label
    labels = {each["isUnknown"] for answers in found["frames"] for each in answers}
    assert labels == {True, False}


def test_the_lowest_index_wins_a_tie(found: dict[str, Any]) -> None:
    for (scores, k), order in zip(TOPS, found["tops"], strict=True):
        assert [LABELS[index] for index in order] == [each.label for each in Prediction(LABELS, scores, {}).top_k(k)]


def test_input_tensors(found: dict[str, Any]) -> None:
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    for tensor, values in zip(INPUTS, found["inputs"], strict=True):
        assert values == tensor_maker(tensor)(pixels)[0, :, 0, 0].tolist(), tensor


def test_scores(found: dict[str, Any]) -> None:
    for (values, tensor, end), scores in zip(OUTPUTS, found["outputs"], strict=True):
        read = np.array(values, np.float32)
        if tensor.scale:
            read = np.float32(tensor.scale) * (read - np.float32(tensor.zero_point))
        device = (end or Ending(Kind.PROBABILITIES)).probabilities(read)
        # The exponential function of JavaScript may differ from that of C in its last bit.
        assert np.allclose(scores, device, rtol=1e-7 if end else 0, atol=0), (tensor, end)


def test_percentiles(found: dict[str, Any]) -> None:
    for samples, figures in zip(SAMPLES, found["samples"], strict=True):
        device = as_json(Latency(tuple(samples)).figures())
        assert figures == pytest.approx(device, rel=1e-12, abs=1e-12)
