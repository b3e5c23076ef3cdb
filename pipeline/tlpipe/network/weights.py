"""The weights that a backbone starts from: a file of the user, or the ones that Keras publishes, kept in the cache."""

import socket
import tempfile
import textwrap
import urllib.error
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.network.backbones import Backbone, load_keras_weights
from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput, Unavailable

if TYPE_CHECKING:
    import keras

IMAGENET, NONE = "imagenet", "none"
SUFFIX = ".weights.h5"
DOWNLOAD_TIMEOUT = 30.0


def find(entry: Backbone, alpha: float, weights: str) -> Path | None:
    """The file of these weights; None for "none", and for "imagenet" before the download.

    Raise MissingInput for a file that is not there.
    """
    if weights == NONE:
        return None
    if weights == IMAGENET:
        return _downloaded(entry, alpha)
    file = Path(weights)
    if not file.is_file():
        others = f"{IMAGENET} or {NONE}" if entry.imagenet else NONE
        raise MissingInput("no such weights file", f"Name {entry.weights_file}, or pass {others}.", where=file)
    return file


def get(entry: Backbone, alpha: float, weights: str) -> Path:
    """The file of these weights, except "none"; "imagenet" is downloaded if it is not in the cache.

    Raise as ``find``, and Unavailable if the download fails.
    """
    return find(entry, alpha, weights) or _download(entry, alpha)


def load(entry: Backbone, alpha: float, weights: str, base: "keras.Model") -> None:
    """Read the weights into the backbone ``base``. Raise as ``get``, and BadData for a file that does not fit."""
    file = get(entry, alpha, weights)
    read = load_keras_weights if weights == IMAGENET else entry.load_weights
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Keras names each layer that does not fit
            read(base, file)
    except Exception as error:  # h5py and Keras raise OSError, ValueError, KeyError and more
        raise BadData(
            f"not the weights of {entry.described(alpha)} ({reason(error)})", f"Name {entry.weights_file}.", where=file
        ) from error


def reason(error: Exception) -> str:
    """The message of a library's error, in one short line."""
    return textwrap.shorten(str(error), 120, placeholder=" …") if str(error) else type(error).__name__


def _stem(entry: Backbone, alpha: float) -> str:
    """The name of a download in the cache, but for its sha256."""
    return f"weights/{entry.name}-{alpha:g}-keras-{version('keras')}-"


def _downloaded(entry: Backbone, alpha: float) -> Path | None:
    """The file of an earlier download. A damaged one is deleted."""
    stem = _stem(entry, alpha)
    for name in cache.names("weights"):
        file = cache.get(name) if name.startswith(stem) else None
        if file is not None:
            if name == f"{stem}{sha256_of(file)}{SUFFIX}":
                return file
            file.unlink(missing_ok=True)
    return None


def _download(entry: Backbone, alpha: float) -> Path:
    """The file in the cache, downloaded by Keras for an image size that it knows; the weights fit all sizes."""
    from tlpipe.network.backend import silenced

    progress.say("downloading the ImageNet weights")
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT)
    try:
        with silenced():
            try:
                model = entry.build(alpha=alpha, weights="imagenet", input_shape=(224, 224, 3))
            except Exception as error:  # keras.utils.get_file raises a bare Exception while it handles urllib's
                raised, cause = error, error.__context__
            else:
                return _keep(model, _stem(entry, alpha))
    finally:
        socket.setdefaulttimeout(before)
    why = cause.reason if isinstance(cause, urllib.error.URLError) else reason(raised)
    raise Unavailable(
        f"the ImageNet weights cannot be downloaded ({why})",
        "Name a file with --weights FILE, or connect this machine and try again.",
    ) from raised


def _keep(model: "keras.Model", stem: str) -> Path:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"downloaded{SUFFIX}"
        model.save_weights(file)
        return cache.put(f"{stem}{sha256_of(file)}{SUFFIX}", file.read_bytes())
