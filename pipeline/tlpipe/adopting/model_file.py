"""A file of a Keras model: its configuration and its weights, unpacked and checked before anything is built from them.

A .keras file is a zip with config.json and model.weights.h5; an .h5 file has the configuration as an attribute. The
file may come from anywhere, so sizes and nesting are limited, and HDF5 may not refer to other files.
"""

import json
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.storage import cache, disk_errors
from tlpipe_edge.contract.files import parse_json, sha256_of
from tlpipe_edge.errors import BadData, MissingInput

if TYPE_CHECKING:
    import h5py

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

MAX_CONFIG = 16_000_000
"""Bytes of a configuration; that of NASNetMobile, with 769 layers, has 0.8 million."""
MAX_WEIGHTS = 2_000_000_000
"""Bytes of weights, with the state of the optimizer; VGG16 with its top and Adam has 1.7 billion."""
MAX_DEPTH = 100
"""Of nested values in a configuration; a model in a model in a model has about 25."""
MAX_OBJECTS = 200_000
"""Groups and datasets of HDF5."""

CONFIG, WEIGHTS = "config.json", "model.weights.h5"
CONFIG_ATTRIBUTE = "model_config"
_ENTRIES = {CONFIG, WEIGHTS, "metadata.json"}
_HDF5 = b"\x89HDF\r\n\x1a\n"
_ZIP = b"PK\x03\x04"
_SAVE = "Save it in Python with model.save('model.keras'), and name that file."
_OTHERS = {
    ".pb": "a TensorFlow graph",
    ".pt": "a PyTorch model",
    ".pth": "a PyTorch model",
    ".onnx": "an ONNX model",
    ".tflite": "a .tflite file",
    ".safetensors": "a file of weights",
    ".ckpt": "a checkpoint",
}


@dataclass(frozen=True)
class ModelFile:
    """``config``: that of the model. ``weights``: an HDF5 file, a copy that nobody else changes; if ``is_hdf5``, the
    whole .h5 file. ``sha256``: of the file ``source``."""

    source: Path
    config: dict[str, Json]
    weights: Path
    is_hdf5: bool
    sha256: str


@contextmanager
def unpacked(file: Path) -> Iterator[ModelFile]:
    """The content of a .keras or .h5 file, told by what it is and not by its name, in a temporary folder.

    Raise MissingInput if there is none, BadData if it is something else, weights without a model, or beyond the limits.
    """
    _refuse_others(file)
    with cache.temporary("adopted") as folder:
        copy = folder / "copy"
        try:
            source = file.open("rb")
        except OSError as error:
            raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=file) from error
        with disk_errors.naming(cache.folder()), source, copy.open("wb") as target:
            shutil.copyfileobj(source, target)
        sha256 = sha256_of(copy)
        with copy.open("rb") as stream:
            head = stream.read(len(_HDF5))
        is_hdf5 = head == _HDF5
        if not is_hdf5 and not zipfile.is_zipfile(copy):
            if head.startswith(_ZIP):
                raise BadData("damaged (its end is missing)", "Copy it again.", where=file)
            raise BadData("not a Keras model (neither .keras nor .h5)", _SAVE, where=file)
        try:
            text, weights = _of_hdf5(copy) if is_hdf5 else _of_archive(copy)
            config = _parsed(text)
        except BadData as error:
            raise error.at(file) from error
        except Exception as error:  # zipfile, zlib and h5py raise a dozen kinds for a damaged file
            disk_errors.raise_of_the_disk(error)
            raise BadData(f"damaged ({type(error).__name__})", "Copy it again.", where=file) from error
        yield ModelFile(file, config, weights, is_hdf5, sha256)


def _refuse_others(file: Path) -> None:
    if file.is_dir():
        saved = (file / "saved_model.pb").exists()
        what = "a SavedModel folder, which Keras 3 does not read" if saved else "a folder, not a Keras model"
        load = "Load it with the version that saved it, and save it with model.save('model.h5')."
        raise BadData(what, load if saved else "Name a .keras or .h5 file.", where=file)
    if not file.is_file():
        raise MissingInput("no such model", "Name a .keras or .h5 file.", where=file)
    what = _OTHERS.get(file.suffix.lower(), "")
    if what:
        raise BadData(f"{what}, not a Keras model", "Name a .keras or .h5 file.", where=file)


def _of_archive(copy: Path) -> tuple[bytes, Path]:
    """The configuration and the weights of a .keras file."""
    with zipfile.ZipFile(copy) as archive:
        names = [entry.filename for entry in archive.infolist()]
        if CONFIG not in names:
            raise BadData("not a Keras model (no config.json in the archive)", _SAVE)
        others = [name for name in names if name not in _ENTRIES]
        if others or len(set(names)) < len(names):
            reason = f"it holds {others[0][:60]!r}, too" if others else "it holds a file twice"
            raise BadData(f"not a Keras image classifier: {reason}", "Name what model.save('model.keras') wrote.")
        if WEIGHTS not in names:
            raise BadData("it has no weights (model.weights.h5)", _SAVE)
        if archive.getinfo(WEIGHTS).file_size > MAX_WEIGHTS:
            raise BadData(f"more than {MAX_WEIGHTS // 10**9} GB of weights", "Save the model without its optimizer.")
        with archive.open(CONFIG) as stream:
            text = stream.read(MAX_CONFIG + 1)
        weights = copy.with_name(WEIGHTS)
        with archive.open(WEIGHTS) as packed, weights.open("wb") as unpacked_file:
            shutil.copyfileobj(packed, unpacked_file)
    import h5py

    with h5py.File(weights) as stored:
        _check_hdf5(stored)
    return text, weights


def _of_hdf5(copy: Path) -> tuple[bytes, Path]:
    """The configuration of an .h5 file, and the file by a name that Keras takes."""
    import h5py

    weights = copy.replace(copy.with_name("model.h5"))
    with h5py.File(weights) as stored:
        _check_hdf5(stored)
        text = stored.attrs.get(CONFIG_ATTRIBUTE)
        if text is None:
            raise BadData("it has weights only, no model", _SAVE)
    return (text if isinstance(text, bytes) else str(text).encode()), weights


def _check_hdf5(stored: "h5py.File") -> None:
    """Raise BadData if anything in the file refers to another file, or there is more than the limits allow."""
    import h5py

    groups: list[h5py.Group] = [stored]
    seen, size = {h5py.h5o.get_info(stored.id).addr}, 0
    while groups:
        group = groups.pop()
        for name in group:
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise BadData("its HDF5 file refers to another place or file", "Name what model.save wrote.")
            each = group[name]
            address = h5py.h5o.get_info(each.id).addr
            if address in seen:
                continue
            seen.add(address)
            if isinstance(each, h5py.Group):
                groups.append(each)
            elif isinstance(each, h5py.Dataset):
                if each.external or each.is_virtual:
                    raise BadData("its HDF5 file has data in another file", "Name what model.save wrote.")
                size += each.size * each.dtype.itemsize
        if size > MAX_WEIGHTS or len(seen) > MAX_OBJECTS:
            raise BadData("its HDF5 file says that it holds too much", "Save the model without its optimizer.")


def _parsed(text: bytes) -> dict[str, Json]:
    if len(text) > MAX_CONFIG:
        raise BadData(f"its configuration has more than {MAX_CONFIG // 10**6} MB", _SAVE)
    try:
        config = parse_json(text)
    except (ValueError, RecursionError) as error:
        raise BadData("its configuration is not valid JSON", "Copy it again.") from error
    _check_depth(config)
    if not isinstance(config, dict) or not isinstance(config.get("config"), dict | list):
        raise BadData("its configuration is not that of a Keras model", _SAVE)
    return config


def _check_depth(config: Json) -> None:
    level, depth = [config], 0
    while level:
        if depth > MAX_DEPTH:
            raise BadData(f"its configuration is nested deeper than {MAX_DEPTH} levels", _SAVE)
        inside = [list(each.values()) if isinstance(each, dict) else each for each in level]
        level = [value for values in inside if isinstance(values, list) for value in values]
        depth += 1


def rewrite(file: ModelFile, config: dict[str, Json]) -> None:
    """Put ``config`` into the copy of an .h5 file, from which Keras reads it again."""
    import h5py

    with h5py.File(file.weights, "r+") as stored:
        stored.attrs[CONFIG_ATTRIBUTE] = json.dumps(config)
