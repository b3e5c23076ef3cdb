"""What is refused by its form: other formats, damaged files, zips and HDF5 files that trick."""

import errno
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foreign_models as foreign
import h5py
import numpy as np
import pytest

from tlpipe.adopting import loading, model_file
from tlpipe_edge.errors import BadData, MissingInput


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of a sound model in both formats."""
    folder, model = tmp_path_factory.mktemp("sound"), foreign.simple()
    return {suffix: foreign.saved(model, folder / f"model.{suffix}").read_bytes() for suffix in ("keras", "h5")}


def written(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).write_bytes(content)
    return folder / name


def refused(file: Path) -> str:
    with pytest.raises(BadData) as caught, model_file.unpacked(file):
        pass
    assert len(str(caught.value).splitlines()) == 2 and caught.value.where == str(file)
    return caught.value.reason


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_the_content_tells_the_format(suffix: str, name: str, tmp_path: Path, sound: dict[str, bytes]) -> None:
    with model_file.unpacked(written(tmp_path, name, sound[suffix])) as file:
        assert file.is_hdf5 == (suffix == "h5")
        assert file.config["class_name"] == "Sequential"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("model.onnx", "an ONNX model, not a Keras model"),
        ("model.pt", "a PyTorch model, not a Keras model"),
        ("graph.pb", "a TensorFlow graph, not a Keras model"),
        ("model.tflite", "a .tflite file, not a Keras model"),
        ("model.keras", "not a Keras model (neither .keras nor .h5)"),
    ],
)
def test_other_files_are_refused_by_what_they_are(name: str, reason: str, tmp_path: Path) -> None:
    assert refused(written(tmp_path, name, b"something")) == reason


def test_a_copy_that_was_cut_off_is_damaged(tmp_path: Path, sound: dict[str, bytes]) -> None:
    assert refused(written(tmp_path, "model.keras", sound["keras"][:-100])) == "damaged (its end is missing)"


def test_a_saved_model_and_another_folder_are_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == "a folder, not a Keras model"
    (tmp_path / "saved_model.pb").touch()
    assert refused(tmp_path).startswith("a SavedModel folder")


def test_nothing_there_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(MissingInput), model_file.unpacked(tmp_path / "none.keras"):
        pass


@pytest.mark.parametrize("name", ["all.weights.h5", "model.keras", "old.h5"])
def test_weights_without_a_model_are_refused(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    foreign.simple().save_weights(tmp_path / "all.weights.h5")
    (tmp_path / "all.weights.h5").rename(file)

    assert refused(file) == "it has weights only, no model"


@pytest.mark.parametrize("suffix", ["keras", "h5"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_a_cut_off_file_is_refused(suffix: str, share: float, tmp_path: Path, sound: dict[str, bytes]) -> None:
    content = sound[suffix]

    refused(written(tmp_path, f"model.{suffix}", content[: int(share * len(content))]))


def deep(levels: int) -> bytes:
    return b'{"class_name": "Sequential", "config": {"layers": ' + b"[" * levels + b"]" * levels + b"}}"


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        (b" " * (model_file.MAX_CONFIG + 1), "its configuration has more than 16 MB"),
        (deep(200), "its configuration is nested deeper than 100 levels"),
        (deep(200_000), "its configuration is not valid JSON"),
        (b'{"config": {"a": NaN}}', "its configuration is not valid JSON"),
        (b"[]", "its configuration is not that of a Keras model"),
        (b'{"class_name": "Sequential"}', "its configuration is not that of a Keras model"),
    ],
)
def test_the_configuration_has_limits(config: bytes, reason: str, tmp_path: Path, sound: dict[str, bytes]) -> None:
    """That of 16 MB is 16 kB in the archive."""
    file = written(tmp_path, "model.keras", sound["keras"])
    foreign.with_entries(file, foreign.entries_of(file) | {"config.json": config})

    assert refused(file) == reason


@pytest.mark.parametrize("extra", ["assets/vocabulary.txt", "../outside", "/etc/cron.d/x", "code.py"])
def test_another_entry_in_the_archive_is_refused(extra: str, tmp_path: Path, sound: dict[str, bytes]) -> None:
    file = written(tmp_path, "model.keras", sound["keras"])
    foreign.with_entries(file, foreign.entries_of(file) | {extra: b"x"})

    assert extra in refused(file)


def test_an_entry_twice_is_refused(tmp_path: Path, sound: dict[str, bytes]) -> None:
    """Which of them is inspected, and which is read, must not depend on the reader."""
    file = written(tmp_path, "model.keras", sound["keras"])
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("config.json", json.dumps({"config": {}}))

    assert "a file twice" in refused(file)


def external_link(stored: h5py.File) -> None:
    stored["other"] = h5py.ExternalLink("/etc/passwd", "/x")


def soft_link(stored: h5py.File) -> None:
    stored["other"] = h5py.SoftLink("/elsewhere")


def external_storage(stored: h5py.File) -> None:
    stored.create_dataset("other", (10,), "uint8", external=[("/etc/passwd", 0, 10)])


def virtual(stored: h5py.File) -> None:
    layout = h5py.VirtualLayout((10,), "uint8")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (10,))
    stored.create_virtual_dataset("other", layout)


def huge(stored: h5py.File) -> None:
    stored.create_dataset("other", (10**12,), np.float32, chunks=(1024,))


@pytest.mark.parametrize("trick", [external_link, soft_link, external_storage, virtual, huge])
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_hdf5_may_not_refer_to_other_files(
    trick: Callable[[h5py.File], None], suffix: str, tmp_path: Path, sound: dict[str, bytes]
) -> None:
    file = written(tmp_path, f"model.{suffix}", sound[suffix])
    entries = foreign.entries_of(file) if suffix == "keras" else {}
    weights = written(tmp_path, "weights.h5", entries["model.weights.h5"]) if entries else file
    with h5py.File(weights, "r+") as stored:
        trick(stored)
    if entries:
        foreign.with_entries(file, entries | {"model.weights.h5": weights.read_bytes()})

    assert refused(file).startswith("its HDF5 file")


@pytest.mark.parametrize(("suffix", "copies"), [("keras", 0), ("keras", 1), ("h5", 0)])
def test_a_full_disk_is_no_damage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound: dict[str, bytes], suffix: str, copies: int
) -> None:
    """``copies``: so many files are copied before."""
    copy, done = shutil.copyfileobj, []

    def full(source: Any, target: Any) -> None:
        if len(done) == copies:
            raise OSError(errno.ENOSPC, "No space left on device")
        done.append(target)
        copy(source, target)

    file = written(tmp_path, f"model.{suffix}", sound[suffix])
    monkeypatch.setattr(shutil, "copyfileobj", full)
    with pytest.raises(OSError, match="No space"), model_file.unpacked(file):
        pass


def test_a_full_disk_is_no_model_that_keras_cannot_build(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sound: dict[str, bytes]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with model_file.unpacked(written(tmp_path, "model.keras", sound["keras"])) as unpacked:
        monkeypatch.setattr(h5py, "File", full)
        with pytest.raises(OSError, match="No space"):
            loading.load(unpacked)
