"""A Keras model as the tensors of its int8 graph: normalizations and ReLUs are folded into the layers before them.

The converter folds them as well. Here it is done before it, so that ranges and biases can be chosen for what is
computed on the device.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from tlpipe.conversion.layer_rules import NOTHING, NoRule, tensors
from tlpipe.conversion.tensor import Tensor
from tlpipe.network.backend import keras

if TYPE_CHECKING:
    from keras.src.ops.node import Node

layers = keras.layers


def fold(model: keras.Model) -> tuple[Tensor, ...]:
    """The tensors of a classifier in an order in which each comes after its inputs: first the image, last the softmax.

    Raise NoRule for a layer that is not known here, or is used more than once, and if the model ends without a softmax.
    """
    if len(model.outputs) != 1:
        raise NoRule(f"{len(model.outputs)} outputs")
    folding = _Folding()
    folding.add(model, {})
    ordered = tuple(folding.found.values())
    if [tensor.kind for tensor in ordered].count("softmax") != 1 or ordered[-1].kind != "softmax":
        raise NoRule("no softmax at its end, and nowhere else")
    return ordered


@dataclass(frozen=True)
class _Held:
    """An output of a layer: the tensor that holds it, and how many layers are folded into that so far."""

    name: str
    version: int = 0


class _Folding:
    """The tensors ``found`` so far. A layer is folded into the tensor before it only if no other one reads that."""

    def __init__(self) -> None:
        self.found: dict[str, Tensor] = {}
        self._versions: dict[str, int] = {}
        self._read: set[str] = set()
        self._used: set[int] = set()

    def add(self, model: keras.Model, given: Mapping[int, _Held]) -> _Held:
        """The layers of a model and of those inside it; returns what holds its output. ``given``: what holds its
        inputs, by their ids."""
        held = dict(given)
        for node in _nodes(model):
            operation, inputs = node.operation, [held[id(tensor)] for tensor in node.input_tensors]
            if isinstance(operation, layers.InputLayer) and id(node.outputs[0]) in held:
                continue
            if len(node.outputs) != 1:
                raise NoRule(f"{operation.name}: {len(node.outputs)} outputs")
            if isinstance(operation, keras.Model):
                inside = {id(tensor): each for tensor, each in zip(_graph(operation).inputs, inputs, strict=True)}
                held[id(node.outputs[0])] = self.add(operation, inside)
            else:
                held[id(node.outputs[0])] = self._held(node, inputs)
        return held[id(_graph(model).outputs[0])]

    def _held(self, node: "Node", inputs: list[_Held]) -> _Held:
        """What holds the output of a layer. Raise NoRule."""
        layer = node.operation
        if isinstance(layer, NOTHING):
            return inputs[0]
        if id(layer) in self._used:
            raise NoRule(f"{layer.name}: used more than once")
        self._used.add(id(layer))
        for each in inputs:
            if each.version != self._versions[each.name]:
                raise NoRule(f"{layer.name}: it reads a tensor that another layer is folded into")
        made = tensors(node, [self.found[each.name] for each in inputs], self._free(layer.name))
        if inputs and made[0] is self.found[inputs[0].name]:  # an activation that is none
            return inputs[0]
        folded = bool(inputs) and made[0].name == inputs[0].name
        if folded and inputs[0].name in self._read:
            raise NoRule(f"{layer.name}: what it is folded into is also read by another layer")
        self._read |= {each.name for each in inputs[folded:]}
        for tensor in made:
            self._versions[tensor.name] = self._versions.get(tensor.name, -1) + 1
            self._read |= {name for name in tensor.inputs if name != tensor.name and len(made) > 1}
            self.found[tensor.name] = tensor
        return _Held(made[-1].name, self._versions[made[-1].name])

    def _free(self, name: str) -> str:
        """The name of a layer, with a number if another one has it."""
        names = (f"{name}_{number}" if number else name for number in count())
        ends = ("", "_times", "_depthwise", "_softmax")
        return next(each for each in names if not any(each + end in self.found for end in ends))


def _graph(model: keras.Model) -> keras.Model:
    return model._functional if isinstance(model, keras.Sequential) else model


def _nodes(model: keras.Model) -> Iterator["Node"]:
    by_depth = _graph(model)._nodes_by_depth
    return (node for depth in sorted(by_depth, reverse=True) for node in by_depth[depth])
