"""What a file of weights holds is known without TensorFlow, whatever Keras wrote it and however it is damaged."""

import random
from pathlib import Path
from typing import Any

import h5py
import pytest

from tlpipe.network import weights
from tlpipe.network.backbones import MOBILENET_V2
from tlpipe.network.backend import keras
from tlpipe_edge.errors import BadData, TlpipeError

ALPHA = 0.35
OPTIONS: dict[str, Any] = {"weights": None, "alpha": ALPHA, "input_shape": (64, 64, 3)}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files that people save of a MobileNetV2."""
    folder = tmp_path_factory.mktemp("weights")
    bare = keras.applications.MobileNetV2(include_top=False, **OPTIONS)
    bare.save_weights(folder / "bare.weights.h5")
    keras.Sequential([keras.Input((64, 64, 3)), bare]).save_weights(folder / "inside.weights.h5")
    bare.compile("adam", "mse")
    bare.optimizer.build(bare.trainable_variables)
    bare.save_weights(folder / "optimizer.weights.h5")
    with_top = keras.applications.MobileNetV2(include_top=True, classes=7, **OPTIONS)
    with_top.save_weights(folder / "top.weights.h5")
    image = keras.Input((64, 64, 3))
    wide = keras.layers.Conv2D(500, 30)(image)
    keras.Model(image, wide).save_weights(folder / "larger.weights.h5")
    for name, model in (("optimizer", bare), ("top", with_top)):
        model.save(folder / f"{name}.keras")
        model.save(folder / f"{name}.h5")
    return folder


def loads(file: Path) -> bool:
    """Whether Keras reads it into the backbone."""
    try:
        weights.load(MOBILENET_V2, ALPHA, str(file), keras.applications.MobileNetV2(include_top=False, **OPTIONS))
    except BadData:
        return False
    return True


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bare.weights.h5", None),
        ("optimizer.weights.h5", None),
        ("optimizer.keras", None),
        ("optimizer.h5", None),
        ("top.weights.h5", None),
        ("top.keras", None),
        ("top.h5", "the weights of mobilenet_v2 at width 0.35 with its top"),
        ("inside.weights.h5", "not the weights of mobilenet_v2 at width 0.35"),
        ("larger.weights.h5", "not the weights of mobilenet_v2 at width 0.35"),
    ],
)
def test_the_check_refuses_what_keras_does_not_read(files: Path, name: str, said: str | None) -> None:
    assert loads(files / name) is (said is None)
    if said is None:
        weights.check(MOBILENET_V2, ALPHA, str(files / name))
    else:
        with pytest.raises(BadData, match=said):
            weights.check(MOBILENET_V2, ALPHA, str(files / name))


@pytest.mark.parametrize("name", ["small.weights.h5", "small.h5", "small.keras"])
def test_a_damaged_file_is_an_error_of_the_user(tmp_path: Path, backbone_weights: Path, name: str) -> None:
    sound, chance, file = backbone_weights.read_bytes(), random.Random(0), tmp_path / name
    refused = 0
    for _ in range(40):
        content = bytearray(sound)
        start = chance.randrange(len(sound) // 8)
        content[start : start + 512] = chance.randbytes(512)
        file.write_bytes(content)
        try:
            weights.check(MOBILENET_V2, ALPHA, str(file))
        except TlpipeError as error:
            refused += 1
            assert isinstance(error, BadData) and str(file) in error.what
    assert refused


def test_a_file_is_read_once_until_it_changes(
    tmp_path: Path, backbone_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []
    real = h5py.File
    monkeypatch.setattr(h5py, "File", lambda file: (opened.append(file), real(file))[1])
    file = tmp_path / "small.weights.h5"
    file.write_bytes(backbone_weights.read_bytes())
    for _ in range(2):
        weights.check(MOBILENET_V2, ALPHA, str(file))
    assert opened == [file]
    file.write_text("no weights")
    with pytest.raises(BadData, match="not a file of weights"):
        weights.check(MOBILENET_V2, ALPHA, str(file))
    assert opened == [file, file]
