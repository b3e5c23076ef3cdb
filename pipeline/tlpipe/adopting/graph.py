"""Walks over the operations of a model, also of the models inside it."""

from collections.abc import Iterator

from tlpipe.network.backend import keras


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


def backwards(model: keras.Model) -> Iterator[keras.Operation]:
    """The operations from the output towards the image, to the first one with several inputs."""
    outer: list[keras.KerasTensor] = []
    tensor = model.outputs[0]
    while True:
        history = tensor._keras_history
        operation = history.operation
        if isinstance(operation, keras.layers.InputLayer):
            if not outer:
                return
            tensor = outer.pop()
            continue
        sources = operation._inbound_nodes[history.node_index].input_tensors
        if len(sources) != 1:
            return
        if is_model(operation):
            outer.append(sources[0])
            tensor = operation.outputs[0]
            continue
        tensor = sources[0]
        yield operation
