"""What a file of weights holds, read without TensorFlow."""

import io
import zipfile
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

ARCHIVE, SUFFIX = ".keras", ".weights.h5"
"""Formats of Keras 3, in which it finds the layers by their names and skips others."""
HDF5 = (".h5", ".hdf5")
"""Formats of Keras 2, in which the layers must be those of the network."""
ARRAYS = ".npz"
"""Arrays of NumPy by the names of a PyTorch network."""
_LAYERS = ("layers", "_layer_checkpoint_dependencies")
"""The groups of the layers in a ``SUFFIX`` file; the second one is that of TensorFlow 2.12."""
_TOP = ("dense", "predictions", "normalization", "_fc")
"""How the names of layers begin that are no part of a backbone; the last one is PyTorch's."""


@dataclass(frozen=True)
class Held:
    """The number of values of a backbone, and of other layers (its top); whether Keras skips these.

    Neither counts the state of an optimizer or of a random generator, nor layers inside a layer.
    """

    backbone: int
    top: int
    top_is_skipped: bool


def held(file: Path) -> Held | None:
    """What the file holds; None if it is none of these formats, or damaged. Raise OSError if it is gone.

    A second call reads a file again only if its size or time has changed.
    """
    stat = file.stat()
    try:
        return _held(file, stat.st_size, stat.st_mtime_ns)
    except Exception:  # zipfile and h5py raise a dozen kinds for a damaged file
        return None


@lru_cache(maxsize=8)
def _held(file: Path, _size: int, _mtime_ns: int) -> Held | None:
    if file.suffix == ARRAYS:
        return _of_arrays(file)
    import h5py

    if file.suffix == ARCHIVE:
        with zipfile.ZipFile(file) as archive:
            content = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(content) as stored:
            return _of_layers(stored)
    if not file.name.endswith(HDF5):
        return None
    with h5py.File(file) as stored:
        return _of_layers(stored) if file.name.endswith(SUFFIX) else _of_keras_2(stored)


def _of_layers(stored: "h5py.Group") -> Held:
    root = next((stored[name] for name in _LAYERS if name in stored), None)
    sizes: Counter[str] = Counter()
    for path, size in _datasets(root).items() if root else ():
        layer, *inside = path.split("/")
        if len(inside) == 2 and inside[0] == "vars":
            sizes[layer] += size
    return _counted(sizes, top_is_skipped=True)


def _of_arrays(file: Path) -> Held:
    import numpy as np

    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
        sizes = Counter({name: stored[name].size for name in stored.files})
    return _counted(sizes, top_is_skipped=True)


def _of_keras_2(stored: "h5py.Group") -> Held:
    root = stored["model_weights"] if "layer_names" not in stored.attrs and "model_weights" in stored else stored
    sizes: Counter[str] = Counter()
    for path, size in _datasets(root).items() if "layer_names" in root.attrs else ():
        sizes[path.partition("/")[0]] += size
    return _counted(sizes, top_is_skipped=False)


def _datasets(group: "h5py.Group") -> dict[str, int]:
    """The number of values of each dataset below the group, by its path there."""
    import h5py

    sizes: dict[str, int] = {}

    def visit(path: str, each: "h5py.Dataset | h5py.Group") -> None:
        if isinstance(each, h5py.Dataset):
            sizes[path] = each.size

    group.visititems(visit)
    return sizes


def _counted(sizes: Counter[str], *, top_is_skipped: bool) -> Held:
    top = sum(size for layer, size in sizes.items() if layer.startswith(_TOP))
    return Held(sizes.total() - top, top, top_is_skipped)
