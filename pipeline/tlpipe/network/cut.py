"""Where a model is cut into a prefix, whose outputs are cached, and a suffix, which is trained."""

from tlpipe.network.backbones import IMAGE, POOLING, SCALING
from tlpipe.network.backend import keras


def cut_below(model: keras.Model, trained: list[keras.layers.Layer]) -> str:
    """The layer whose output is cached: the nearest narrow point below the first trained layer.

    A point is where a single tensor carries all that later layers need; it is narrow when the next layer widens it, or
    when it is pooled. Where there is none but the image itself, that is "image".
    """
    layers = model.layers
    position = {layer.name: index for index, layer in enumerate(layers)}
    first = min(position[layer.name] for layer in trained)
    if first > position[POOLING]:
        return POOLING
    last_reader = [
        max((position[node.operation.name] for node in layer._outbound_nodes), default=0) for layer in layers
    ]
    for index in range(first - 1, position[SCALING], -1):
        single = all(last_reader[earlier] <= index for earlier in range(index))
        if single and _channels(layers[index]) < _channels(layers[index + 1]):
            return str(layers[index].name)
    return IMAGE


def _channels(layer: keras.layers.Layer) -> int:
    return int(layer.output.shape[-1])


def prefix(model: keras.Model, cut: str) -> keras.Model:
    """The layers from the image to the cut."""
    # The last call, not `output`: of a model inside, that is the output in its own graph.
    end = model.get_layer(cut)._inbound_nodes[-1].output_tensors[0]
    return keras.Model(model.input, end, name="prefix")


def suffix(model: keras.Model, cut: str) -> keras.Model:
    """The layers from the cut to the scores; they are shared with ``model``, and so are their weights."""
    return keras.Model(model.get_layer(cut).output, model.output, name="suffix")
