"""The Keras model: a backbone under a softmax head; which layers train.

The model is one flat graph: image -> input_scaling -> backbone layers -> pooling -> dropout -> head. The suffix shares
its layers with the model, so what trains the suffix trains the model.
"""

import math
from pathlib import Path

from tlpipe.network import backbones
from tlpipe.network.backbones import HEAD, IMAGE, NONE, POOLING, SCALING
from tlpipe.network.backend import keras
from tlpipe.network.weights import get as get_weights
from tlpipe.network.weights import load as load_weights
from tlpipe.network.weights import reason
from tlpipe.storage import disk_errors
from tlpipe_edge.errors import BadData, MissingInput


def build(
    backbone: str, *, alpha: float, size: int, weights: str, labels: tuple[str, ...], dropout: float, seed: int
) -> keras.Model:
    """The model for (size, size, 3) images of 0..255, with a new head.

    ``weights`` is "imagenet" (downloaded by Keras), "none" (random, seeded) or a weights file for the backbone without
    its top. Raise WrongUsage for a backbone that is not there, and as ``Backbone.check`` and ``weights.load``.
    """
    entry = backbones.find(backbone)
    entry.check(alpha=alpha, size=size, weights=weights)
    if weights != NONE:
        get_weights(entry, alpha, weights)  # before the seed: a download draws random numbers
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3), name=IMAGE)
    pixels = keras.layers.Rescaling(entry.scale, entry.offset, name=SCALING)(image)
    base = entry.build(alpha=alpha, weights=None, input_tensor=pixels)
    if weights == NONE:
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                # Keras's 0.999 takes thousands of steps to forget its start, more than a small data set has.
                layer.momentum = 0.99
    else:
        load_weights(entry, alpha, weights, keras.Model(pixels, base.output))
    features = keras.layers.GlobalAveragePooling2D(name=POOLING)(base.output)
    outputs = keras.layers.Dropout(dropout, name="dropout")(features)
    outputs = keras.layers.Dense(len(labels), activation="softmax", name=HEAD)(outputs)
    return keras.Model(image, outputs, name=backbone)


def load(file: Path) -> keras.Model:
    """Read a ``model.keras``. Raise MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput("no Keras model here", "Train the run again, or name another file.", where=file)
    try:
        return keras.models.load_model(file)
    except Exception as error:  # zipfile, h5py, json and Keras raise a dozen kinds for a damaged archive
        disk_errors.raise_of_the_disk(error)
        raise BadData(f"not a Keras model ({reason(error)})", "Train the run again.", where=file) from error


def backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that "the top 50" counts: the backbone's own, in Keras's order, with its input layer."""
    names = [layer.name for layer in model.layers]
    return list(model.layers[names.index(SCALING) : names.index(POOLING)])


def trained_layers(model: keras.Model, top_layers: int) -> list[keras.layers.Layer]:
    """The layers with weights that train with the top ``top_layers``: never a BatchNormalization; always the head.

    Keras 3 runs an unfrozen BatchNormalization on batch statistics under ``fit`` even when the model was called with
    training=False (keras issue 20285). One that is frozen is in inference mode for sure.
    """
    layers = backbone_layers(model)
    backbones.check_top_layers(top_layers, len(layers))
    top = layers[len(layers) - top_layers :]
    trained = [layer for layer in top if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)]
    return [*trained, model.get_layer(HEAD)]


def freeze_all_but(model: keras.Model, trained: list[keras.layers.Layer]) -> None:
    """Make only these layers trainable."""
    chosen = {layer.name for layer in trained}
    for layer in model.layers:
        layer.trainable = layer.name in chosen


def parameters(layers: list[keras.layers.Layer]) -> int:
    """The number of parameters of these layers."""
    return sum(math.prod(weight.shape) for layer in layers for weight in layer.weights)
