"""What each layer of Keras is in an int8 graph: one rule for each kind."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np

from tlpipe.conversion.tensor import Kind, Tensor
from tlpipe.network.backend import keras

if TYPE_CHECKING:
    from keras.src.ops.node import Node

layers = keras.layers

_ACTIVATIONS = {"linear": None, "relu": np.inf, "relu6": 6.0}
"""The upper bound of the ReLU that an activation is; None if it is none."""
_WITH_RELU = ("convolution", "depthwise", "dense", "add", "plus")
"""What can have a ReLU: the operators of TFLite do both at once."""
NOTHING = (
    layers.Dropout,
    layers.SpatialDropout2D,
    layers.GaussianDropout,
    layers.GaussianNoise,
    layers.AlphaDropout,
    layers.ActivityRegularization,
    layers.Identity,
    layers.RandomFlip,
    layers.RandomRotation,
    layers.RandomTranslation,
    layers.RandomZoom,
    layers.RandomContrast,
    layers.RandomBrightness,
)
"""Layers that only do something in training."""


class NoRule(Exception):
    """A layer for which there is no rule here; its text names the layer and says why."""


def tensors(node: "Node", inputs: list[Tensor], name: str) -> list[Tensor]:
    """What a layer gives, by the name that is free for it: new tensors, or the one before it, changed, by its old name.
    Raise NoRule."""
    operation = node.operation
    if not isinstance(operation, layers.Layer):
        return _of_operation(node, inputs, name)
    rule = _RULES.get(type(operation))
    if rule is None:
        raise NoRule(f"{operation.name}: no rule for {type(operation).__name__}")
    if getattr(operation, "data_format", None) == "channels_first":
        raise NoRule(f"{operation.name}: channels first")
    return rule(operation, inputs, name)


def _of_operation(node: "Node", inputs: list[Tensor], name: str) -> list[Tensor]:
    """An operation of Keras outside of layers, as ``preprocess_input`` has them: a constant, or the colors reversed."""
    operation, kind, given = node.operation, type(node.operation).__name__, node.arguments.args
    if kind == "Flip" and operation.axis in (-1, 3):
        return [Tensor(name, "flip", (inputs[0].name,))]
    numbers = [each for each in given if isinstance(each, int | float)]
    first_is_tensor = len(given) == 2 and not isinstance(given[0], int | float)
    if len(inputs) == 1 and len(numbers) == 1 and (first_is_tensor or kind in ("Add", "Multiply")):
        number = np.float32(numbers[0])
        changes = {"TrueDivide": ("times", 1 / number), "Multiply": ("times", number), "Add": ("plus", number)}
        changes["Subtract"] = ("plus", -number)
        if kind in changes:
            change, constant = changes[kind]
            return [Tensor(name, cast("Kind", change), (inputs[0].name,), constant=np.asarray(constant, np.float32))]
    raise NoRule(f"{operation.name}: an operation outside of layers")


def _image(_layer: keras.Layer, _inputs: list[Tensor], name: str) -> list[Tensor]:
    return [Tensor(name, "image", ())]


def _scaled(inputs: list[Tensor], name: str, scale: np.ndarray, offset: np.ndarray) -> list[Tensor]:
    times = Tensor(f"{name}_times", "times", (inputs[0].name,), constant=np.asarray(scale, np.float32))
    return [times, Tensor(name, "plus", (times.name,), constant=np.asarray(offset, np.float32))]


def _rescaling(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    return _scaled(inputs, name, layer.scale, layer.offset)


def _normalized(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if layer.invert:
        raise NoRule(f"{layer.name}: an inverted normalization")
    mean, deviation = np.ravel(layer.mean), np.maximum(np.sqrt(np.ravel(layer.variance)), keras.config.epsilon())
    return _scaled(inputs, name, 1 / deviation, -mean / deviation)


def _convolution(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    copies = layer.depth_multiplier if depthwise else layer.groups
    if (copies, *layer.dilation_rate) != (1, 1, 1):
        raise NoRule(f"{layer.name}: a convolution with groups, a depth multiplier or dilation")
    if len(set(layer.strides)) > 1:
        raise NoRule(f"{layer.name}: two strides")
    kernel = np.asarray(layer.kernel)
    tensor = Tensor(
        name,
        "depthwise" if depthwise else "convolution",
        (inputs[0].name,),
        kernel,
        _bias(layer, kernel.shape[2 if depthwise else 3]),
        stride=int(layer.strides[0]),
        padding=layer.padding,
    )
    return _activated(tensor, layer)


def _separable(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if (layer.depth_multiplier, *layer.dilation_rate) != (1, 1, 1) or len(set(layer.strides)) > 1:
        raise NoRule(f"{layer.name}: a convolution with a depth multiplier, dilation or two strides")
    kernel, last = np.asarray(layer.depthwise_kernel), np.asarray(layer.pointwise_kernel)
    none, stride = np.zeros(kernel.shape[2], np.float32), int(layer.strides[0])
    first = Tensor(
        f"{name}_depthwise", "depthwise", (inputs[0].name,), kernel, none, stride=stride, padding=layer.padding
    )
    second = Tensor(name, "convolution", (first.name,), last, _bias(layer, last.shape[3]))
    return [first, *_activated(second, layer)]


def _dense(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if len(layer.input.shape) != 2:
        raise NoRule(f"{layer.name}: a dense layer of more than one axis")
    kernel = np.asarray(layer.kernel)
    return _activated(Tensor(name, "dense", (inputs[0].name,), kernel, _bias(layer, kernel.shape[1])), layer)


def _bias(layer: keras.Layer, channels: int) -> np.ndarray:
    return np.asarray(layer.bias) if layer.use_bias else np.zeros(channels, np.float32)


def _activated(tensor: Tensor, layer: keras.Layer) -> list[Tensor]:
    """The tensor with the activation of the layer. Raise NoRule for one that is not in ``_ACTIVATIONS``."""
    name = getattr(layer.activation, "__name__", "unknown")
    if name == "softmax":
        return [tensor, Tensor(f"{tensor.name}_softmax", "softmax", (tensor.name,))]
    if name not in _ACTIVATIONS:
        raise NoRule(f"{layer.name}: no rule for the activation {name}")
    ceiling = _ACTIVATIONS[name]
    return [tensor] if ceiling is None else [_with_relu(tensor, layer, ceiling)]


def _with_relu(tensor: Tensor, layer: keras.Layer, ceiling: float) -> Tensor:
    if ceiling not in (6.0, np.inf):
        raise NoRule(f"{layer.name}: a ReLU with an upper bound of {ceiling:g}")
    if tensor.ceiling is not None or tensor.kind not in _WITH_RELU:
        raise NoRule(f"{layer.name}: no rule for a ReLU after this")
    return replace(tensor, ceiling=ceiling)


def _activation(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if getattr(layer.activation, "__name__", "") == "softmax":
        return _softmax(layer, inputs, name)
    return _activated(inputs[0], layer)


def _relu(layer: keras.Layer, inputs: list[Tensor], _name: str) -> list[Tensor]:
    if layer.negative_slope or layer.threshold:
        raise NoRule(f"{layer.name}: a ReLU with a slope or a threshold")
    return [_with_relu(inputs[0], layer, np.inf if layer.max_value is None else float(layer.max_value))]


def _normalization(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    before = inputs[0]
    if layer.axis not in (-1, len(layer.input.shape) - 1):
        raise NoRule(f"{layer.name}: a normalization of another axis than the channels")
    gamma = np.asarray(layer.gamma) if layer.scale else np.float32(1)
    beta = np.asarray(layer.beta) if layer.center else np.float32(0)
    scale = gamma / np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
    offset = beta - np.asarray(layer.moving_mean) * scale
    if before.kernel is None or before.bias is None or before.ceiling is not None:
        return _scaled(inputs, name, scale, offset)
    kernel = before.kernel * (scale[:, None] if before.kind == "depthwise" else scale)
    bias = before.bias * scale + offset
    return [replace(before, kernel=np.asarray(kernel, np.float32), bias=np.asarray(bias, np.float32))]


def _add(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if len(inputs) != 2:
        raise NoRule(f"{layer.name}: a sum of {len(inputs)} tensors")
    return [Tensor(name, "add", tuple(tensor.name for tensor in inputs))]


def _pad(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    return [Tensor(name, "pad", (inputs[0].name,), pads=layer.padding)]


def _flat(_layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    return [Tensor(name, "flat", (inputs[0].name,))]


def _of_all(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if layer.keepdims:
        raise NoRule(f"{layer.name}: a pooling that keeps its axes")
    kind: Kind = "largest" if isinstance(layer, layers.GlobalMaxPooling2D) else "mean"
    return [Tensor(name, kind, (inputs[0].name,))]


def _pool(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if len({*layer.pool_size}) > 1 or len({*layer.strides}) > 1:
        raise NoRule(f"{layer.name}: a window or a stride of two sizes")
    kind: Kind = "maximum" if isinstance(layer, layers.MaxPooling2D) else "average"
    window, stride = int(layer.pool_size[0]), int(layer.strides[0])
    return [Tensor(name, kind, (inputs[0].name,), stride=stride, padding=layer.padding, window=window)]


def _softmax(layer: keras.Layer, inputs: list[Tensor], name: str) -> list[Tensor]:
    if len(layer.input.shape) != 2:
        raise NoRule(f"{layer.name}: a softmax of more than one axis")
    return [Tensor(name, "softmax", (inputs[0].name,))]


_RULES: dict[type[keras.Layer], Callable[[keras.Layer, list[Tensor], str], list[Tensor]]] = {
    layers.InputLayer: _image,
    layers.Rescaling: _rescaling,
    layers.Normalization: _normalized,
    layers.Conv2D: _convolution,
    layers.DepthwiseConv2D: _convolution,
    layers.SeparableConv2D: _separable,
    layers.Dense: _dense,
    layers.BatchNormalization: _normalization,
    layers.ReLU: _relu,
    layers.Activation: _activation,
    layers.Add: _add,
    layers.ZeroPadding2D: _pad,
    layers.Flatten: _flat,
    layers.GlobalAveragePooling2D: _of_all,
    layers.GlobalMaxPooling2D: _of_all,
    layers.MaxPooling2D: _pool,
    layers.AveragePooling2D: _pool,
    layers.Softmax: _softmax,
}
