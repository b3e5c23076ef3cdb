"""The weights that a backbone starts from: a file of the user, or the ones that Keras publishes, kept in the cache."""

import functools
import os
import socket
import textwrap
import urllib.error
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.network import weights_file
from tlpipe.network.backbones import IMAGENET, NONE, Backbone, load_keras_weights
from tlpipe.network.weights_file import SUFFIX
from tlpipe.storage import cache, disk_errors
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput, Unavailable

if TYPE_CHECKING:
    import keras

DOWNLOAD_TIMEOUT = 30.0
REACH_TIMEOUT = 10.0
"""Seconds to wait for the host of the download, before anything else is done."""


def find(entry: Backbone, alpha: float, weights: str) -> Path | None:
    """The file of these weights; None for "none", and for "imagenet" before the download.

    Raise MissingInput for a file that is not there, BadData for a folder.
    """
    if weights == NONE:
        return None
    if weights == IMAGENET:
        return _downloaded(entry, alpha)
    file = Path(weights)
    others = f"{IMAGENET} or {NONE}" if entry.published else NONE
    advice = f"Name {entry.weights_file}, or pass {others}."
    if file.is_dir():
        raise BadData(f"this is {kinds.found(file) or 'a folder'}, not a weights file", advice, where=file)
    if not file.is_file():
        raise MissingInput("no such weights file", advice, where=file)
    return file


def check(entry: Backbone, alpha: float, weights: str) -> None:
    """Raise what is wrong with the weights, as far as it can be told without TensorFlow.

    Raise as ``find``; BadData if it is not a file that Keras reads, or holds the weights of another width or network;
    Unavailable if weights that are to be downloaded cannot be reached.
    """
    file = find(entry, alpha, weights)
    if weights == IMAGENET:
        if file is None:
            _check_download(entry.published.format(alpha=float(alpha)))
    elif file is not None and entry.parameters:
        _check_values(entry, alpha, file)


def _check_values(entry: Backbone, alpha: float, file: Path) -> None:
    held = weights_file.held(file)
    if held is None:
        raise BadData("not a file of weights (HDF5, .keras or .npz)", f"Name {entry.weights_file}.", where=file)
    width = next((width for width, number in entry.parameters.items() if number == held.backbone), None)
    if width is None:
        raise _not_weights(entry, alpha, file)
    if width != alpha:
        raise BadData(
            f"the weights of {entry.described(width)}, not {alpha:g}",
            f"Use --alpha {width:g}, or name {entry.weights_file}.",
            where=file,
        )
    if held.top and not held.top_is_skipped:
        raise BadData(
            f"the weights of {entry.described(width)} with its top", f"Name {entry.weights_file}.", where=file
        )


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
        disk_errors.raise_of_the_disk(error)
        raise _not_weights(entry, alpha, file) from error


def _not_weights(entry: Backbone, alpha: float, file: Path) -> BadData:
    return BadData(
        f"not the weights of {entry.described(alpha)}: its layers or their shapes differ",
        f"Name {entry.weights_file}.",
        where=file,
    )


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
    from tlpipe.network.silence import silenced

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
    raise _not_downloaded(cause if isinstance(cause, urllib.error.URLError) else raised) from raised


def _check_download(url: str) -> None:
    """Raise Unavailable if Keras would not get the file, which it may have from an earlier download."""
    cache.used_by_libraries()
    home = os.environ.get("KERAS_HOME") or os.path.expanduser("~/.keras")  # noqa: PTH111  (there may be no home)
    if not (Path(home) / "models" / url.rpartition("/")[2]).exists():
        _reach(url)


@functools.cache
def _reach(url: str) -> None:
    """Ask for the file as Keras does, by the opener of urllib with its proxies, but read none of it."""
    import http.client
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=REACH_TIMEOUT):
            pass
    except (OSError, http.client.HTTPException) as error:
        raise _not_downloaded(error) from error


def _not_downloaded(error: Exception) -> Unavailable:
    why = error.reason if isinstance(error, urllib.error.URLError) else reason(error)
    return Unavailable(
        f"the ImageNet weights cannot be downloaded ({why})",
        "Name a file with --weights FILE, or connect this machine and try again.",
    )


def _keep(model: "keras.Model", stem: str) -> Path:
    with cache.temporary("weights") as folder:
        file = folder / f"downloaded{SUFFIX}"
        model.save_weights(file)
        return cache.put(f"{stem}{sha256_of(file)}{SUFFIX}", file.read_bytes())
