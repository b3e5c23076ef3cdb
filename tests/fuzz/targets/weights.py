"""Files of Keras weights (.weights.h5, .keras), with damaged archives around sound HDF5."""

import io
import zipfile
from contextlib import suppress
from pathlib import Path

import h5py
import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.network import backbones, weights
from tlpipe.network.weights_file import held
from tlpipe_edge.errors import BadData


def prepare(folder: Path) -> Fuzzed:
    file = folder / "w.keras"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        held(file)
        with suppress(BadData):  # they are not those of a MobileNetV2
            weights.check(backbones.DEFAULT, 1.0, str(file))

    return Fuzzed(read, [archive()], mutations.members(lambda content, _random: content))


def hdf5() -> bytes:
    """A small file of weights."""
    content = io.BytesIO()
    with h5py.File(content, "w") as stored:
        for layer in ("conv", "bn", "dense"):
            stored[f"layers/{layer}/vars/0"] = np.zeros((3, 3, 3, 8), np.float32)
            stored[f"layers/{layer}/vars/1"] = np.zeros(8, np.float32)
    return content.getvalue()


def archive(config: str = "{}") -> bytes:
    """A .keras file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr(zipfile.ZipInfo("config.json"), config)
        made.writestr(zipfile.ZipInfo("model.weights.h5"), hdf5())
    return content.getvalue()
