"""What the layers of a model say: its input, the normalization inside, how it ends."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tlpipe.adopting import graph
from tlpipe.network.backend import keras
from tlpipe_edge.contract.manifest import MAX_SIZE
from tlpipe_edge.errors import BadData, WrongUsage

if TYPE_CHECKING:
    from collections.abc import Iterator

_SCALING = {"Rescaling", "Normalization"}
_ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide", "TrueDivide"}
_UNCHANGED = ("Dropout", "Identity", "Flatten", "Reshape", "ActivityRegularization", "GlobalAveragePooling2D")
_LINEAR = ("Dense", "EinsumDense", "Conv2D", "SeparableConv2D", "DepthwiseConv2D", "BatchNormalization")


class End(StrEnum):
    """What the output of a model is."""

    SOFTMAX = "softmax"
    LOGITS = "logits"


@dataclass(frozen=True)
class Found:
    """``size``: side of the input. ``normalization``: the layers at the beginning that scale pixels."""

    size: int
    classes: int
    normalization: tuple[str, ...]
    end: End
    parameters: int

    def __str__(self) -> str:
        inside = f"normalization inside ({', '.join(self.normalization)})" if self.normalization else "no normalization"
        end = "softmax at the end" if self.end is End.SOFTMAX else "logits at the end, so softmax is added"
        size = f"{self.size} x {self.size} pixels"
        return f"{self.parameters:,} parameters; {size}; {inside}; {self.classes} classes, {end}"


def read(model: keras.Model, *, image_size: int | None) -> Found:
    """Raise BadData if this is no classifier of square RGB images into two classes or more, WrongUsage if
    ``image_size`` is needed, or is not the one of the model."""
    size, classes = _size(model, image_size), _classes(model)
    end = _end(model)
    return Found(
        size=size,
        classes=classes,
        normalization=tuple(_normalization(model)),
        end=end,
        parameters=sum(math.prod(weight.shape) for weight in model.weights),
    )


def _size(model: keras.Model, wanted: int | None) -> int:
    inputs = model.inputs if model.built else None
    if not inputs:
        raise BadData("the model does not know its input", "Give it an Input layer, and save it again.")
    if len(inputs) != 1:
        raise BadData(f"the model has {len(inputs)} inputs, not one image", "Name a classifier of images.")
    shape = tuple(inputs[0].shape)
    if len(shape) != 4 or shape[3] != 3:
        order = "channels_last: (None, height, width, 3)"
        raise BadData(f"the input has the shape {shape}", f"A model of RGB images is needed, {order}.")
    height, width = shape[1:3]
    if height != width:
        reason = f"the input is not square: {height} x {width} pixels"
        raise BadData(reason, "Images become squares here and on the device; train it on squares.")
    size = height or wanted
    if size is None:
        raise WrongUsage("the model takes images of any size", "Name the one it was trained on with --image-size.")
    if wanted not in (None, size):
        raise WrongUsage(f"--image-size {wanted}: the model takes {size}", "Leave --image-size out.")
    if not 1 <= size <= MAX_SIZE:
        raise WrongUsage(f"invalid image size: {size}", f"Choose a size up to {MAX_SIZE}.")
    return int(size)


def _classes(model: keras.Model) -> int:
    outputs = model.outputs
    if len(outputs) != 1:
        raise BadData(f"the model has {len(outputs)} outputs, not one", "Name a classifier of images.")
    shape = tuple(outputs[0].shape)
    if len(shape) != 2 or shape[1] is None:
        raise BadData(f"the output has the shape {shape}, not (None, classes)", "Name a classifier of images.")
    if shape[1] == 1:
        reason = "the model has one output (yes or no), not one for each class"
        raise BadData(reason, "Train it with two outputs and softmax.")
    return int(shape[1])


def _normalization(model: keras.Model) -> "Iterator[str]":
    """The layers that scale or shift pixels, before the first other one with weights."""
    for operation in graph.forwards(model):
        is_layer, kind = isinstance(operation, keras.Layer), type(operation).__name__
        if kind in (_SCALING if is_layer else _ARITHMETIC):
            yield kind
        elif is_layer and operation.weights:
            return


def _end(model: keras.Model) -> End:
    """Raise BadData for another activation than softmax or none, and for an end that does not tell."""
    last = type(model.outputs[0]._keras_history.operation).__name__
    for operation in graph.backwards(model):
        kind = type(operation).__name__
        activation = _activation(operation)
        if activation == "softmax":
            return End.SOFTMAX
        if activation != "linear":
            raise _other_end(activation)
        if kind in _LINEAR:
            return End.LOGITS
        if kind not in (*_UNCHANGED, "Activation"):
            last = kind
            break
    advice = "End the model with a Dense layer or with Softmax, and save it again."
    raise BadData(f"the end of the model ({last}) does not tell whether it gives probabilities or logits", advice)


def _activation(operation: keras.Operation) -> str:
    """The name of the activation of an operation; "linear" if it has none."""
    kind = type(operation).__name__
    if kind in ("Softmax", "Sigmoid", "LogSoftmax"):  # layers, or operations of Keras
        return {"LogSoftmax": "log_softmax"}.get(kind, kind.lower())
    found = getattr(operation, "activation", None)
    return "linear" if found is None else str(getattr(found, "__name__", type(found).__name__)).lower()


def _other_end(activation: str) -> BadData:
    if activation == "sigmoid":
        reason = "the model ends with sigmoid: each label is a yes or no of its own"
        return BadData(reason, "Only models that choose one of several classes can be adopted (softmax or logits).")
    return BadData(f"the model ends with the activation {activation}", "Train it with softmax, or without activation.")
