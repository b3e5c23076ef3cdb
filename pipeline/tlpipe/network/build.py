"""The Keras model: a backbone under a softmax head; which layers train.

The model is one flat graph: image -> input_scaling -> backbone layers -> pooling -> dropout -> head. The suffix shares
its layers with the model, so what trains the suffix trains the model.
"""

import hashlib
import math
import socket
import textwrap
import urllib.error
import warnings
from pathlib import Path

import numpy as np

from tlpipe.network import backbones
from tlpipe.network.backbones import Backbone
from tlpipe.network.backend import keras, silenced
from tlpipe_edge.errors import BadData, MissingInput, Unavailable, WrongUsage

DOWNLOAD_TIMEOUT = 30.0


def build(
    backbone: str, *, alpha: float, size: int, weights: str, labels: tuple[str, ...], dropout: float, seed: int
) -> keras.Model:
    """The whole model for (size, size, 3) images of 0..255, its head fresh.

    ``weights`` is "imagenet" (downloaded by Keras), "none" (random, seeded) or a weights file for the backbone without
    its top. Raises WrongUsage for a backbone that is not there, and as ``Backbone.check``; MissingInput or BadData for
    a weights file that is not there or does not fit, Unavailable when the download fails.
    """
    entry = backbones.find(backbone)
    entry.check(alpha=alpha, size=size, weights=weights)
    keras.utils.set_random_seed(seed)
    image = keras.Input((size, size, 3), name="image")
    pixels = keras.layers.Rescaling(entry.scale, entry.offset, name="input_scaling")(image)
    base = entry.build(alpha=alpha, weights=None, input_tensor=pixels)
    if weights == "imagenet":
        base.set_weights(_download(entry, alpha).get_weights())
    elif weights == "none":
        for layer in base.layers:
            if isinstance(layer, keras.layers.BatchNormalization):
                # Keras's 0.999 takes thousands of steps to forget its start, more than a small data set has.
                layer.momentum = 0.99
    else:
        _load_weights(entry, keras.Model(pixels, base.output), Path(weights), alpha)
    features = keras.layers.GlobalAveragePooling2D(name="pooling")(base.output)
    outputs = keras.layers.Dropout(dropout, name="dropout")(features)
    outputs = keras.layers.Dense(len(labels), activation="softmax", name="head")(outputs)
    return keras.Model(image, outputs, name=backbone)


def _download(entry: Backbone, alpha: float) -> keras.Model:
    """The bare backbone with the ImageNet weights that Keras publishes, at a size that Keras knows; they fit any."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        with silenced():
            try:
                return entry.build(alpha=alpha, weights="imagenet", input_shape=(224, 224, 3))
            except Exception as error:  # keras.utils.get_file raises a bare Exception while it handles urllib's
                raised, cause = error, error.__context__
    finally:
        socket.setdefaulttimeout(before)
    reason = cause.reason if isinstance(cause, urllib.error.URLError) else _reason(raised)
    raise Unavailable(
        f"the ImageNet weights cannot be downloaded ({reason})",
        "Name a file with --weights FILE, or connect this machine and try again.",
    ) from raised


def _load_weights(entry: Backbone, base: keras.Model, file: Path, alpha: float) -> None:
    if not file.is_file():
        others = "imagenet or none" if entry.imagenet else "none"
        raise MissingInput("no such weights file", f"Name {entry.weights_file}, or say {others}.", where=file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras names each layer that does not fit
            entry.load_weights(base, file)
    except Exception as error:  # h5py and Keras raise OSError, ValueError, KeyError and more
        raise BadData(
            f"not the weights of {entry.described(alpha)} ({_reason(error)})",
            f"Name {entry.weights_file}.",
            where=file,
        ) from error


def _reason(error: Exception) -> str:
    return textwrap.shorten(str(error), 120, placeholder=" …") if str(error) else type(error).__name__


def load(file: Path) -> keras.Model:
    """Read a ``model.keras``. Raises MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput("no Keras model here", "Train the run again, or name another file.", where=file)
    try:
        return keras.models.load_model(file)
    except Exception as error:  # zipfile, h5py, json and Keras raise a dozen kinds for a damaged archive
        raise BadData(f"not a Keras model ({_reason(error)})", "Train the run again.", where=file) from error


def backbone_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """The layers that "the top 50" counts: the backbone's own, in Keras's order, with its input layer."""
    names = [layer.name for layer in model.layers]
    return list(model.layers[names.index("input_scaling") : names.index("pooling")])


def trained_layers(model: keras.Model, top_layers: int) -> list[keras.layers.Layer]:
    """The layers with weights that train when the top ``top_layers`` do: never a BatchNormalization; always the head.

    Keras 3 runs an unfrozen BatchNormalization on batch statistics under ``fit`` even when the model was called with
    training=False (keras issue 20285). One that is frozen is in inference mode for sure.
    """
    layers = backbone_layers(model)
    if not 0 <= top_layers <= len(layers):
        raise WrongUsage(f"{top_layers} top layers", f"The backbone has {len(layers)}: give a number from 0 to that.")
    top = layers[len(layers) - top_layers :]
    trained = [layer for layer in top if layer.weights and not isinstance(layer, keras.layers.BatchNormalization)]
    return [*trained, model.get_layer("head")]


def freeze_all_but(model: keras.Model, trained: list[keras.layers.Layer]) -> None:
    """Make exactly these layers trainable."""
    chosen = {layer.name for layer in trained}
    for layer in model.layers:
        layer.trainable = layer.name in chosen


def weights_sha256(model: keras.Model) -> str:
    """A hash of every weight's shape and values, in order."""
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(str(weight.shape).encode())
        digest.update(np.ascontiguousarray(weight).data)
    return digest.hexdigest()


def parameters(layers: list[keras.layers.Layer]) -> int:
    """How many numbers these layers hold."""
    return sum(math.prod(weight.shape) for layer in layers for weight in layer.weights)
