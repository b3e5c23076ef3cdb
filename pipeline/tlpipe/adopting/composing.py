"""Puts an adopted model into the shape of our own: image of 0..255 -> normalization -> model -> probabilities."""

from tlpipe.adopting.reading import End, Found
from tlpipe.network.backbones import IMAGE, SCALING
from tlpipe.network.backend import keras
from tlpipe.runs.adopted import Normalization

MAX_NAME = 80
"""Characters of the name of a model."""
NETWORK = "network"
"""The given model inside ours."""


def compose(model: keras.Model, found: Found, normalization: Normalization | None) -> keras.Model:
    """One functional model of (size, size, 3) images of 0..255, which gives probabilities (classes,).

    Without ``normalization``, the pixels go into ``model`` as they are. The two share their layers.
    """
    image = tensor = keras.Input((found.size, found.size, 3), name=IMAGE)
    if normalization is not None:
        if normalization.bgr:
            tensor = keras.ops.flip(tensor, axis=-1)
        scale = [1 / std for std in normalization.std]
        offset = [-mean / std for mean, std in zip(normalization.mean, normalization.std, strict=True)]
        tensor = keras.layers.Rescaling(scale, offset, name=SCALING)(tensor)
    output = keras.Model(model.inputs, model.outputs[0], name=NETWORK)(tensor)
    if found.end is End.LOGITS:
        output = keras.layers.Softmax(name="softmax")(output)
    composed = keras.Model(image, output, name=model.name[:MAX_NAME])
    composed.trainable = False
    return composed
