"""The end of a graph: what its output is, and how it becomes probabilities.

It is told by the operators: the scores of a model without a softmax may add up to 1 by chance.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData
from tlpipe_edge.tflite.graph import FLOATS, Graph, Step
from tlpipe_edge.tflite.verify import Unsuitable

SAME_VALUES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS", "TRANSPOSE", "QUANTIZE", "DEQUANTIZE", "CAST")
"""Operators that give other shapes or types to the same values, of which one axis alone is longer than 1."""
FEWER_VALUES = ("SLICE", "STRIDED_SLICE", "GATHER")
"""Operators that select some of the values, such as all but those of a background class."""
MEANS = ("MEAN", "AVERAGE_POOL_2D")
"""Operators that average over positions."""
COMBINING = ("ADD", "ADD_N", "SUB", "MUL", "DIV", "MAXIMUM", "MINIMUM", "NEG", "CONCATENATION")
"""Operators that compute each value from few others, without the weights of a layer."""


class Kind(Enum):
    """What the values of an output are."""

    PROBABILITIES = "probabilities"
    LOGITS = "logits"


@dataclass(frozen=True)
class Ending:
    """The ``kind`` of an output; of probabilities, the values that stand for 0 and 1. ``note`` says what is done."""

    kind: Kind
    minimum: float = 0.0
    maximum: float = 1.0
    note: str = ""

    def probabilities(self, output: np.ndarray) -> np.ndarray:
        """Probabilities (classes,) float32 from the dequantized output, of any shape with so many values.

        Raise BadData if a logit is not finite.
        """
        scores = output.reshape(-1)
        if self.kind is Kind.LOGITS:
            return softmax(scores)
        if (self.minimum, self.maximum) == (0.0, 1.0):
            return scores
        return np.clip((scores - np.float32(self.minimum)) / np.float32(self.maximum - self.minimum), 0, 1)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n,) float32 of logits (n,). Raise BadData if one is not finite."""
    if not np.isfinite(logits).all():
        raise BadData("the model gives scores that are not finite", "Use another model, or another image.")
    wide = logits.astype(np.float64)  # in float32, the difference of two logits can overflow
    raised = np.exp(wide - np.max(wide))
    return (raised / raised.sum()).astype(np.float32)


def read(graph: Graph, *, where: str) -> Ending:
    """The end of a graph that ``verify`` has accepted. Raise Unsuitable if its output is no probability per class."""
    output = graph.tensor(graph.outputs[0])
    softmaxes = _after_softmax(graph, classes=max(output.shape))
    factor = softmaxes.get(graph.outputs[0])
    if factor is not None:
        return _probabilities(output, factor)
    last = _looked_through(graph, graph.outputs[0])
    name = last.name if last else "none"
    if graph.outputs[0] in softmaxes:
        all_classes = last is not None and not _is_softmax(graph, last)
        reason = f"followed by {name}, so its scores are no probabilities" if all_classes else "not over all classes"
        raise _unsuitable(f"its softmax is {reason}", where)
    if name == "LOGISTIC":
        raise _unsuitable("it ends with a sigmoid, so several labels may be true at once, or none", where)
    if output.dtype not in FLOATS and not output.scale:
        raise _unsuitable(f"its {output.dtype} scores have no scale", where)
    fused = f" with {last.activation}" if last and last.activation != "NONE" else ""
    return Ending(
        Kind.LOGITS, note=f"the model ends with {name}{fused}, not with a softmax: a softmax is applied to its scores"
    )


def _unsuitable(reason: str, where: str) -> Unsuitable:
    return Unsuitable(reason, "Use a model that ends with a softmax over its classes, or with its logits.", where=where)


def _after_softmax(graph: Graph, *, classes: int) -> dict[int, float | None]:
    """Tensor -> the sum of its values, if these are probabilities of a softmax, times a constant, or a sum of several.

    None is for a tensor that is computed from those of a softmax otherwise, or of one that is not over all ``classes``.
    Other tensors are not there. Selected or clipped values count as all.
    """
    found: dict[int, float | None] = {}
    for step in graph.steps:
        if _is_softmax(graph, step):
            whole = graph.tensor(step.outputs[0]).shape[-1:] >= (classes,)
            found[step.outputs[0]] = 1.0 if whole else None
        elif step.name in (*SAME_VALUES, *FEWER_VALUES, *MEANS) and step.inputs[:1] and step.inputs[0] in found:
            found[step.outputs[0]] = found[step.inputs[0]]
        elif step.name in COMBINING and any(number in found for number in step.inputs):
            found[step.outputs[0]] = _combined(graph, step, found) if step.activation == "NONE" else None
    return found


def _combined(graph: Graph, step: Step, found: Mapping[int, float | None]) -> float | None:
    factors = [found.get(number) for number in step.inputs]
    if step.name in ("ADD", "ADD_N"):
        known = [factor for factor in factors if factor is not None]
        return sum(known) if len(known) == len(factors) else None
    at = 0 if factors[:1] == [None] else 1
    factor, constant = factors[1 - at], graph.constant(step.inputs[at]) if len(factors) == 2 else None
    if factor is None or constant is None or constant.size != 1:
        return None
    if step.name in ("MAXIMUM", "MINIMUM"):
        return factor
    if step.name in ("MUL", "DIV") and 0 < constant.item() < math.inf and (at == 1 or step.name == "MUL"):
        return factor * constant.item() if step.name == "MUL" else factor / constant.item()
    return None


def _looked_through(graph: Graph, number: int) -> Step | None:
    """The operator whose values tensor ``number`` has, in another shape or type, or some of them."""
    step = graph.makers.get(number)
    for _ in graph.steps:  # a damaged file may lead in a circle
        if step is None or not step.inputs or step.name not in (*SAME_VALUES, *FEWER_VALUES):
            break
        step = graph.makers.get(step.inputs[0])
    return step


def _is_softmax(graph: Graph, step: Step) -> bool:
    """Whether it is one, or divides the result of EXP by its sum, as converters from other frameworks write it."""
    if step.name != "DIV":
        return step.name == "SOFTMAX"
    raised, total, *_ = (*map(graph.makers.get, step.inputs), None, None)
    if raised is None or total is None:
        return False
    return (raised.name, total.name) == ("EXP", "SUM") and total.inputs[:1] == raised.outputs[:1]


def _probabilities(output: Tensor, factor: float) -> Ending:
    """The ending with a softmax. An integer output without a usable scale stands for 0 to 1 in its whole range."""
    if output.dtype in FLOATS or (output.scale and output.scale != 1):
        return Ending(Kind.PROBABILITIES, maximum=factor)
    limits, zero = np.iinfo(output.dtype), output.zero_point if output.scale else 0
    minimum, maximum = limits.min - zero, limits.max - zero
    return Ending(
        Kind.PROBABILITIES,
        float(minimum),
        float(maximum),
        f"its {output.dtype} output has {'a scale of 1' if output.scale else 'no scale'}: "
        f"{minimum} to {maximum} are taken as 0 to 1",
    )
