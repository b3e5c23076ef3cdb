"""Walks over the operations of a model, also of the models inside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlpipe.network.backend import keras

if TYPE_CHECKING:
    Models = tuple[tuple[keras.Model, keras.KerasTensor], ...]


@dataclass(frozen=True)
class Step:
    """An operation on the way back from the output; ``source`` is its only input.

    ``way`` leads from the image to ``source``: for each model around the operation, the outermost first, the tensor in
    it, which is the input of the next one, and at last ``source``.
    """

    operation: keras.Operation
    way: "Models"

    @property
    def source(self) -> keras.KerasTensor:
        """The input of the operation."""
        return self.way[-1][1]


def is_model(operation: keras.Operation) -> bool:
    """Whether an operation is a model inside a model."""
    return isinstance(operation, keras.Model)


def forwards(model: keras.Model) -> Iterator[keras.Operation]:
    """All operations in an order in which each comes after its inputs; those of a model inside come in its place."""
    graph = model._functional if isinstance(model, keras.Sequential) else model
    for operation in graph.operations:
        if is_model(operation):
            yield from forwards(operation)
        else:
            yield operation


def backwards(model: keras.Model) -> Iterator[Step]:
    """The operations from the output towards the image, to the first one with several inputs."""
    outer: list[tuple[keras.Model, keras.KerasTensor]] = []
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history
        operation = history.operation
        if isinstance(operation, keras.layers.InputLayer):
            if not outer:
                return
            model, tensor = outer.pop()
            continue
        sources = operation._inbound_nodes[history.node_index].input_tensors
        if len(sources) != 1:
            return
        if is_model(operation):
            outer.append((model, sources[0]))
            model, tensor = operation, operation.outputs[0]
            continue
        tensor = sources[0]
        yield Step(operation, (*outer, (model, tensor)))
