"""What is in folders before and after a command, and whether a result is the old one, the new one, or neither."""

import hashlib
import io
import json
import zipfile
from collections.abc import Collection
from pathlib import Path

import h5py
import numpy as np
from PIL import Image

from tlpipe.evaluation import per_image
from tlpipe.reporting.derive import sides
from tlpipe.runs.run_folder import RUN_FILE, Run
from tlpipe_edge.contract import explanation
from tlpipe_edge.contract.bundle import EVALUATION, EXPLANATION, MANIFEST, Bundle
from tlpipe_edge.contract.files import load_json

Tree = dict[str, str]
"""The sha256 of each file, by its path; "" for a folder without files."""

OLD, NEW, ABSENT = "old", "new", "absent"
STEP = "step"
"""Whole, but further steps of the command are to follow."""
KNOWN = (OLD, NEW, ABSENT, STEP)
VARYING = "tensorboard/"
"""A folder whose files have the time in their names."""


def tree(path: Path) -> Tree:
    """What is at ``path``, which may be a file: then its name is "."."""
    if path.is_file():
        return {".": hashlib.sha256(path.read_bytes()).hexdigest()}
    found = {}
    for each in sorted(path.rglob("*")):
        name = str(each.relative_to(path))
        if each.is_file():
            found[name] = hashlib.sha256(each.read_bytes()).hexdigest()
        elif not any(each.iterdir()):
            found[name] = ""
    return found


def hidden(names: Collection[str]) -> list[str]:
    """Those of our own hidden files and folders; the locks of the cache's trees, ".use", stay there."""
    return sorted(name for name in names if is_hidden(name) and not name.endswith(".use"))


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder above it, is hidden."""
    return any(part.startswith(".") and part != "." for part in Path(name).parts)


def state(now: Tree, old: Tree, new: Tree, path: Path) -> str:
    """OLD, NEW or ABSENT; else what is wrong with the result at ``path``. ``new`` is that of an undisturbed command."""
    if now == old:
        return OLD if old else ABSENT
    if names(now) != names(new):
        missing = names(new) - names(now)
        return f"neither old nor new: {len(now)} files, without {sorted(missing)[:3]}"
    mixed = [name for name, sha256 in new.items() if old.get(name) not in (None, sha256) and now.get(name) == old[name]]
    if mixed:
        return f"a mixture of old and new: {mixed[:3]} are old"
    return damage(path) or NEW


def names(found: Collection[str]) -> set[str]:
    """The names in a tree, without those that have the time in them."""
    return {_name(name) for name in found}


def _name(name: str) -> str:
    return name[: name.index(VARYING)] if VARYING in name else name


def numbers(path: Path) -> Tree:
    """The sha256 of what is computed, which a deterministic command makes again: the weights of models, arrays such as
    predictions, .tflite files, and a CSV of scores. Other files have times in them.
    """
    if path.suffix == ".csv":
        return tree(path)
    found = {}
    for file in sorted(path.rglob("*")):
        match file.suffix:
            case ".keras":
                with zipfile.ZipFile(file) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as group:
                    arrays: dict[str, np.ndarray] = {}
                    group.visititems(lambda name, each, into=arrays: _take(name, each, into))
            case ".npz":
                with np.load(file) as stored:
                    arrays = dict(stored)
            case ".tflite":
                arrays = {"": np.frombuffer(file.read_bytes(), np.uint8)}
            case _:
                continue
        found[str(file.relative_to(path))] = _sha256(arrays)
    return found


def _take(name: str, each: h5py.Group | h5py.Dataset, into: dict[str, np.ndarray]) -> None:
    if isinstance(each, h5py.Dataset):
        into[name] = each[()]


def _sha256(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return digest.hexdigest()


def damage(path: Path) -> str:
    """What is wrong with a result that is said to be whole; empty if nothing is."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        try:
            if file.is_file() and not is_hidden(str(file.relative_to(path.parent))):
                _read(file)
        except Exception as error:
            return f"{file.relative_to(path.parent)}: {type(error).__name__}: {error}"
    try:
        _open(path)
    except Exception as error:
        return f"{path.name}: {type(error).__name__}: {error}"
    return ""


def _open(path: Path) -> None:
    """Open it as the commands do that continue from it."""
    if (path / RUN_FILE).exists():
        run = Run.open(path)
        assert run.best_stage in run.stages and run.config
    elif (path / MANIFEST).exists():
        bundle = Bundle.open(path)
        for artifact in bundle.manifest.artifacts:
            bundle.read(artifact)
        if (path / EVALUATION).exists():
            per_image.read(bundle)
        if (path / EXPLANATION).exists():
            explanation.explanation(load_json(path / EXPLANATION), EXPLANATION)
    elif (path / "report.json").exists():
        sides.of_paths([path])


def _read(file: Path) -> None:
    """Raise any error if the end of the file is missing."""
    content = file.read_bytes()
    assert content or VARYING in str(file), "empty"
    match file.suffix:
        case ".json":
            json.loads(content)
        case ".jsonl":
            assert content.endswith(b"\n")
            for line in content.splitlines():
                json.loads(line)
        case ".png" | ".jpg":
            with Image.open(file) as image:
                image.load()
        case ".keras":
            with zipfile.ZipFile(file) as archive:
                assert archive.testzip() is None
        case ".npz":
            with np.load(file) as arrays:
                assert all(arrays[name] is not None for name in arrays.files)
        case ".html" | ".svg":
            assert content.rstrip().endswith(f"</{file.suffix[1:]}>".encode())
