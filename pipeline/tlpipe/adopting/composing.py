"""Puts an adopted model into the shape of our own: image of 0..255 -> normalization -> model -> probabilities."""

from tlpipe.adopting.graph import Step
from tlpipe.adopting.reading import End, Found
from tlpipe.network.backbones import HEAD, IMAGE, SCALING
from tlpipe.network.backend import keras
from tlpipe.runs.adopted import Normalization

MAX_NAME = 80
"""Characters of the name of a model."""
NETWORK = "network"
"""The given model, or what of it comes before its head."""


def compose(model: keras.Model, found: Found, normalization: Normalization | None) -> keras.Model:
    """One functional model of (size, size, 3) images of 0..255, which gives probabilities (classes,).

    Without ``normalization``, the pixels go into ``model`` as they are. If the model has a ``found.head``, it is the
    layer "head" here, on the output of the layer "network"; the model shares all other layers with the given one.
    """
    image = tensor = keras.Input((found.size, found.size, 3), name=IMAGE)
    if normalization is not None:
        if normalization.bgr:
            tensor = keras.ops.flip(tensor, axis=-1)
        scale = [1 / std for std in normalization.std]
        offset = [-mean / std for mean, std in zip(normalization.mean, normalization.std, strict=True)]
        tensor = keras.layers.Rescaling(scale, offset, name=SCALING)(tensor)
    if found.head is not None:
        tensor = _before(model, found.head)(tensor)
        output = _head(found.head, tensor)
    else:
        output = keras.Model(model.inputs, model.outputs[0], name=NETWORK)(tensor)
        if found.end is End.LOGITS:
            output = keras.layers.Softmax(name="softmax")(output)
    composed = keras.Model(image, output, name=model.name[:MAX_NAME])
    composed.trainable = False
    return composed


def _before(model: keras.Model, head: Step) -> keras.Model:
    """The model from its input to the input of its head, through the models around the head."""
    image = tensor = keras.Input(model.inputs[0].shape[1:])
    for around, end in head.way:
        tensor = keras.Model(around.inputs, end)(tensor) if end is not around.inputs[0] else tensor
    return keras.Model(image, tensor, name=NETWORK)


def _head(step: Step, features: keras.KerasTensor) -> keras.KerasTensor:
    given = step.operation
    head = keras.layers.Dense(given.units, activation="softmax", name=HEAD)
    output = head(features)
    kernel, *bias = given.get_weights()
    head.set_weights([kernel, *(bias or [head.get_weights()[1]])])
    return output
