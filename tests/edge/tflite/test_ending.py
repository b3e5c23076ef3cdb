"""Every end of a classifier becomes probabilities, which NumPy computes too, or is refused with its reason."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import small_models
from small_models import CLASSES, Builder

from tlpipe_edge import Classifier
from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite import ending, graph, sandbox
from tlpipe_edge.tflite.ending import Ending, Kind
from tlpipe_edge.tflite.verify import Unsuitable

pytestmark = pytest.mark.arm64


@pytest.fixture(autouse=True)
def no_child_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The models are ours, and starting a child for each takes longer than the tests."""
    monkeypatch.setattr(sandbox, "prove", lambda *_, **__: None)


PIXELS = np.random.default_rng(3).integers(0, 256, (4, 4, 3), dtype=np.uint8)
EXPECTED = small_models.probabilities_of(PIXELS)
SHAPE = (1, CLASSES)
Network = Callable[[Builder, int], int]


def opened(folder: Path, content: bytes) -> Classifier:
    file = folder / "model.tflite"
    file.write_bytes(content)
    (folder / "labels.txt").write_text("a\nb\nc\n")
    return Classifier.open(file, mean=0, std=1)


def content_of(network: Network) -> bytes:
    builder = Builder()
    pixels = small_models.image(builder)
    return builder.content([pixels], [network(builder, small_models.head(builder, pixels))])


def plain(_: Builder, logits: int) -> int:
    return logits


def fused(builder: Builder, logits: int) -> int:
    name, inputs, outputs, _ = builder.operators[-1]
    builder.operators[-1] = (name, inputs, outputs, "RELU6")
    return logits


def added(builder: Builder, logits: int) -> int:
    return builder.operator("ADD", [logits, builder.constant([[1, 1, 1]])], builder.tensor(SHAPE))


def averaged(builder: Builder, logits: int) -> int:
    rows = builder.operator("RESHAPE", [logits, builder.constant([1, 1, 3], "int32")], builder.tensor((1, 1, 3)))
    return builder.operator("MEAN", [rows, builder.constant([1], "int32")], builder.tensor(SHAPE))


def log_softmax(builder: Builder, logits: int) -> int:
    return builder.operator("LOG_SOFTMAX", [logits], builder.tensor(SHAPE))


def deep(builder: Builder, logits: int) -> int:
    """(1, 1, 1, classes)."""
    shape = (1, 1, 1, CLASSES)
    return builder.operator("RESHAPE", [logits, builder.constant(shape, "int32")], builder.tensor(shape))


def flat(builder: Builder, logits: int) -> int:
    """(classes,)."""
    return builder.operator("RESHAPE", [logits, builder.constant([CLASSES], "int32")], builder.tensor((CLASSES,)))


def flat_softmax(builder: Builder, logits: int) -> int:
    return flat(builder, small_models.softmax(builder, logits))


def divided(builder: Builder, logits: int) -> int:
    """A softmax in three operators."""
    raised = builder.operator("EXP", [logits], builder.tensor(SHAPE))
    total = builder.operator("SUM", [raised, builder.constant([1], "int32")], builder.tensor((1, 1)))
    return builder.operator("DIV", [raised, total], builder.tensor(SHAPE))


def hundredfold(builder: Builder, logits: int) -> int:
    scores = small_models.softmax(builder, logits)
    return builder.operator("MUL", [scores, builder.constant(100.0)], builder.tensor(SHAPE))


def quantized_logits(builder: Builder, logits: int) -> int:
    return builder.operator("QUANTIZE", [logits], builder.tensor(SHAPE, "int8", quantized=(1 / 16, -3)))


def quantized(builder: Builder, logits: int) -> int:
    scores = small_models.softmax(builder, logits)
    return builder.operator("QUANTIZE", [scores], builder.tensor(SHAPE, "uint8", quantized=(1 / 256, 0)))


def dequantized(builder: Builder, logits: int) -> int:
    return builder.operator("DEQUANTIZE", [quantized(builder, logits)], builder.tensor(SHAPE))


def scale_of_1(builder: Builder, logits: int) -> int:
    """255 times the probabilities, as integers."""
    scores = small_models.softmax(builder, logits)
    large = builder.operator("MUL", [scores, builder.constant(255.0)], builder.tensor(SHAPE))
    return builder.operator("QUANTIZE", [large], builder.tensor(SHAPE, "uint8", quantized=(1.0, 0)))


def cast(builder: Builder, logits: int) -> int:
    """255 times the probabilities, as integers without a scale."""
    scores = small_models.softmax(builder, logits)
    large = builder.operator("MUL", [scores, builder.constant(255.0)], builder.tensor(SHAPE))
    return builder.operator("CAST", [large], builder.tensor(SHAPE, "uint8"))


def ensemble(builder: Builder, logits: int) -> int:
    """The mean of two softmaxes."""
    scores = [small_models.softmax(builder, logits) for _ in range(2)]
    total = builder.operator("ADD", scores, builder.tensor(SHAPE))
    return builder.operator("MUL", [builder.constant(0.5), total], builder.tensor(SHAPE))


def halves(builder: Builder, logits: int) -> int:
    """The same, each divided before."""
    scores = [small_models.softmax(builder, logits) for _ in range(2)]
    parts = [builder.operator("DIV", [each, builder.constant(2.0)], builder.tensor(SHAPE)) for each in scores]
    return builder.operator("ADD", parts, builder.tensor(SHAPE))


def clipped(builder: Builder, logits: int) -> int:
    """As for a logarithm."""
    scores = small_models.softmax(builder, logits)
    low = builder.operator("MAXIMUM", [scores, builder.constant(1e-7)], builder.tensor(SHAPE))
    return builder.operator("MINIMUM", [low, builder.constant(1.0)], builder.tensor(SHAPE))


def transposed(builder: Builder, logits: int) -> int:
    """(classes, 1)."""
    turned = [small_models.softmax(builder, logits), builder.constant([1, 0], "int32")]
    return builder.operator("TRANSPOSE", turned, builder.tensor((CLASSES, 1)))


def averaged_softmax(builder: Builder, logits: int) -> int:
    """Of a fully convolutional network, over its positions."""
    shape = (1, 1, 1, CLASSES)
    rows = builder.operator("SOFTMAX", [deep(builder, logits)], builder.tensor(shape))
    return builder.operator("MEAN", [rows, builder.constant([1, 2], "int32")], builder.tensor(SHAPE))


@pytest.mark.parametrize(
    ("network", "note"),
    [
        (small_models.softmax, ""),
        (flat_softmax, ""),
        (divided, ""),
        (hundredfold, ""),
        (ensemble, ""),
        (halves, ""),
        (clipped, ""),
        (transposed, ""),
        (averaged_softmax, ""),
        (quantized, ""),
        (dequantized, ""),
        (scale_of_1, "its uint8 output has a scale of 1: 0 to 255 are taken as 0 to 1"),
        (cast, "its uint8 output has no scale: 0 to 255 are taken as 0 to 1"),
        (plain, "the model ends with FULLY_CONNECTED, not with a softmax: a softmax is applied to its scores"),
        (added, "the model ends with ADD, not"),
        (averaged, "the model ends with MEAN, not"),
        (deep, "the model ends with FULLY_CONNECTED, not"),
        (flat, "the model ends with FULLY_CONNECTED, not"),
        (log_softmax, "the model ends with LOG_SOFTMAX, not"),
        (quantized_logits, "the model ends with FULLY_CONNECTED, not"),
    ],
)
def test_each_end_gives_the_probabilities_of_numpy(tmp_path: Path, network: Network, note: str) -> None:
    classifier = opened(tmp_path, content_of(network))
    prediction = classifier(PIXELS)

    scores = prediction.scores
    assert scores.shape == (CLASSES,) and scores.dtype == np.float32 and scores.min() >= 0 and scores.max() <= 1
    step = {"float32": 1e-6, "uint8": 1 / 255, "int8": 1 / 32}[classifier.session.output.dtype]  # int8: of the logits
    np.testing.assert_allclose(scores, EXPECTED, atol=1 / 255 if network is dequantized else step)
    said = [each for each in classifier.notes if "model ends" in each or "are taken" in each]
    assert len(said) == bool(note) and all(each.startswith(note) for each in said)
    (same,) = classifier([PIXELS])
    np.testing.assert_array_equal(same.scores, scores)


def test_an_activation_at_the_end_is_said(tmp_path: Path) -> None:
    classifier = opened(tmp_path, content_of(fused))

    assert any("ends with FULLY_CONNECTED with RELU6, not" in note for note in classifier.notes)
    raised = np.exp(np.clip(small_models.logits_of(PIXELS), 0, 6))
    np.testing.assert_allclose(classifier(PIXELS).scores, raised / raised.sum(), atol=1e-6)


def test_logits_that_add_up_to_1_are_logits_all_the_same(tmp_path: Path) -> None:
    """Their sum says nothing: the operators do."""
    builder = Builder()
    pixels = small_models.image(builder)
    logits = small_models.head(builder, pixels)
    constant = builder.operator("MUL", [logits, builder.constant([[0, 0, 0]])], builder.tensor(SHAPE))
    shifted = builder.operator("ADD", [constant, builder.constant([[0.5, 0.3, 0.2]])], builder.tensor(SHAPE))
    classifier = opened(tmp_path, builder.content([pixels], [shifted]))

    raised = np.exp([0.5, 0.3, 0.2])
    np.testing.assert_allclose(classifier(PIXELS).scores, raised / raised.sum(), atol=1e-6)


def sigmoid(builder: Builder, logits: int) -> int:
    return builder.operator("LOGISTIC", [logits], builder.tensor(SHAPE))


def without_a_scale(builder: Builder, logits: int) -> int:
    return builder.operator("CAST", [logits], builder.tensor(SHAPE, "uint8"))


def pairs(builder: Builder, logits: int) -> int:
    """A softmax over each of its rows of one score."""
    rows = builder.operator("RESHAPE", [logits, builder.constant([3, 1], "int32")], builder.tensor((3, 1)))
    scores = builder.operator("SOFTMAX", [rows], builder.tensor((3, 1)))
    return builder.operator("RESHAPE", [scores, builder.constant([1, 3], "int32")], builder.tensor(SHAPE))


def turned_over(builder: Builder, logits: int) -> int:
    scores = small_models.softmax(builder, logits)
    return builder.operator("SUB", [builder.constant(1.0), scores], builder.tensor(SHAPE))


def weighted(builder: Builder, logits: int) -> int:
    scores = small_models.softmax(builder, logits)
    return builder.operator("MUL", [scores, builder.constant([[1, 2, 3]])], builder.tensor(SHAPE))


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        (sigmoid, "it ends with a sigmoid, so several labels may be true at once, or none"),
        (without_a_scale, "its uint8 scores have no scale"),
        (pairs, "its softmax is not over all classes"),
        (turned_over, "its softmax is followed by SUB, so its scores are no probabilities"),
        (weighted, "its softmax is followed by MUL, so its scores are no probabilities"),
    ],
)
def test_an_end_without_a_probability_for_each_class_is_refused(tmp_path: Path, network: Network, reason: str) -> None:
    with pytest.raises(Unsuitable) as raised:
        opened(tmp_path, content_of(network))

    assert raised.value.reason == reason and raised.value.where.endswith("model.tflite") and raised.value.advice


def test_a_circle_of_operators_ends() -> None:
    """``verify`` refuses it; ``info`` looks at it all the same."""
    builder = Builder()
    pixels, one, other = small_models.image(builder), builder.tensor(SHAPE), builder.tensor(SHAPE)
    builder.operator("RESHAPE", [other], one)
    builder.operator("RESHAPE", [one], other)
    (found,) = graph.read(builder.content([pixels], [one]), where="model")

    assert ending.read(found, where="model").kind is Kind.LOGITS


@pytest.mark.parametrize("logits", [[1e30, -1e30, 0], [-3e38, 3e38, 0], [0, 0, 0], [88.8, 710, 0]])
def test_a_softmax_does_not_overflow(logits: list[float]) -> None:
    scores = Ending(Kind.LOGITS).probabilities(np.array(logits, np.float32))

    assert scores.dtype == np.float32 and scores.sum() == pytest.approx(1) and scores.argmax() == np.argmax(logits)


def test_scores_that_are_not_finite_are_an_error() -> None:
    with pytest.raises(BadData, match="not finite"):
        Ending(Kind.LOGITS).probabilities(np.array([0, np.nan, np.inf], np.float32))
