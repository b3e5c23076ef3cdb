"""The Keras model: what trains, where it is cut, and which weights it takes."""

import dataclasses
import errno
import functools
import socket
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fingerprints import weights_sha256

from tlpipe.network import build, weights
from tlpipe.network.backbones import BACKBONES, MOBILENET_V2
from tlpipe.network.backend import keras
from tlpipe.network.cut import cut_below, prefix, suffix
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable, WrongUsage

LABELS = ("a", "b", "c")

GIVING_UP = pytest.mark.filterwarnings("ignore:Skipping nested container")
"""What Keras warns of before it raises for weights of another network."""


def built(weights: Path | str = "none", *, alpha: float = 0.35, size: int = 64) -> Any:
    options: dict[str, Any] = {"labels": LABELS, "dropout": 0.3, "seed": 0}
    return build.build("mobilenet_v2", alpha=alpha, size=size, weights=str(weights), **options)


@pytest.fixture(scope="module")
def whole() -> Any:
    return built()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.float32)


def test_the_model_takes_bytes_and_gives_probabilities(whole: Any, pixels: np.ndarray) -> None:
    assert whole.input_shape == (None, 64, 64, 3) and whole.output_shape == (None, 3)
    np.testing.assert_allclose(whole.predict(pixels, verbose=0).sum(axis=1), 1, atol=1e-6)


def test_normalization_is_inside_the_graph(whole: Any) -> None:
    normalize = prefix(whole, "input_scaling")

    for value, expected in ((0, -1.0), (127.5, 0.0), (255, 1.0)):
        assert normalize(np.full((1, 64, 64, 3), value, np.float32)).numpy().mean() == pytest.approx(expected, abs=1e-6)


def test_the_backbone_has_the_layers_that_keras_lists(whole: Any) -> None:
    bare = keras.applications.MobileNetV2(input_shape=(64, 64, 3), alpha=0.35, include_top=False, weights=None)

    assert [layer.name for layer in build.backbone_layers(whole)][1:] == [layer.name for layer in bare.layers][1:]


def test_the_top_50_are_those_from_block_11_project(whole: Any) -> None:
    top = build.backbone_layers(whole)[-50:]
    trained = build.trained_layers(whole, 50)

    assert (MOBILENET_V2.top_layers, MOBILENET_V2.top_begins) == (50, "block_11_project")
    assert top[0].name == "block_11_project"
    assert len(trained) == 18 and trained[-1].name == "head"
    assert all(isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D) for layer in trained[:-1])
    assert sum(isinstance(layer, keras.layers.BatchNormalization) for layer in top) == 17


@pytest.mark.parametrize("top_layers", [0, 1, 50, 154])
def test_freezing_leaves_the_chosen_layers_and_no_batch_normalization(whole: Any, top_layers: int) -> None:
    trained = build.trained_layers(whole, top_layers)
    build.freeze_all_but(whole, trained)

    assert [layer for layer in whole.layers if layer.trainable] == trained
    weights = [weight for layer in trained for weight in layer.trainable_weights]
    assert [weight.path for weight in whole.trainable_weights] == [weight.path for weight in weights]


@pytest.mark.parametrize("top_layers", [-1, 155])
def test_more_layers_than_there_are_is_wrong_usage(whole: Any, top_layers: int) -> None:
    with pytest.raises(WrongUsage, match="but the backbone has 154"):
        build.trained_layers(whole, top_layers)


@pytest.mark.parametrize(
    ("top_layers", "cut"),
    [
        (0, "pooling"),
        (3, "block_16_project_BN"),
        (5, "block_15_add"),
        (50, "block_10_project_BN"),
        (54, "block_10_project_BN"),
        (154, "image"),
    ],
)
def test_the_cut_is_the_narrow_point_below(whole: Any, top_layers: int, cut: str) -> None:
    assert cut_below(whole, build.trained_layers(whole, top_layers)) == cut


@pytest.mark.parametrize("top_layers", [0, 10, 50, 90, 120, 154])
def test_both_parts_together_are_the_whole(whole: Any, pixels: np.ndarray, top_layers: int) -> None:
    cut = cut_below(whole, build.trained_layers(whole, top_layers))
    head = suffix(whole, cut)
    before = prefix(whole, cut)(pixels) if cut != "image" else pixels

    # the same operations in the same order; graphs of another shape may add up in another order
    np.testing.assert_allclose(head(before), whole(pixels), atol=1e-6)


def test_the_suffix_shares_its_weights_with_the_whole() -> None:
    whole = built()
    head = suffix(whole, "pooling")
    head.get_layer("head").set_weights([np.zeros((1280, 3)), np.array([1.0, 2.0, 3.0])])

    assert whole.get_layer("head").get_weights()[1].tolist() == [1, 2, 3]


def test_a_weights_file_fits_any_size(backbone_weights: Path) -> None:
    small, large = (built(backbone_weights, size=size) for size in (64, 128))

    for one, other in zip(build.backbone_layers(small), build.backbone_layers(large), strict=True):
        for first, second in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(first, second)
    assert weights_sha256(prefix(small, "pooling")) != weights_sha256(prefix(built(), "pooling"))


def test_the_same_seed_gives_the_same_head() -> None:
    one, other = built(), built()

    assert weights_sha256(one) == weights_sha256(other)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"alpha": 0.4}, "alpha 0.4 is not a width multiplier of mobilenet_v2\nChoose 0.35, 0.5"),
        ({"size": 32}, "invalid image size: 32\nChoose a size from"),
        ({"size": 256}, "invalid image size: 256"),
    ],
)
def test_what_the_backbone_does_not_come_in_is_wrong_usage(options: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        built(**options)


def bad_weights(folder: Path, kind: str) -> Path:
    file = folder / "bad.weights.h5"
    if kind == "text":
        file.write_text("no weights")
    elif kind == "another network":
        image = keras.Input((64, 64, 3))
        keras.Model(image, keras.layers.Conv2D(4, 3)(image)).save_weights(file)
    return file


@GIVING_UP
@pytest.mark.parametrize(
    ("kind", "error"),
    [("missing", MissingInput), ("text", BadData), ("another network", BadData)],
)
def test_weights_that_do_not_fit_are_refused(tmp_path: Path, kind: str, error: type[TlpipeError]) -> None:
    with pytest.raises(error) as caught:
        built(bad_weights(tmp_path, kind))
    assert str(tmp_path / "bad.weights.h5") in caught.value.what and len(str(caught.value).splitlines()) == 2


@GIVING_UP
def test_weights_of_another_width_are_refused(backbone_weights: Path) -> None:
    with pytest.raises(BadData, match=r"not the weights of mobilenet_v2 at width 0\.5"):
        built(backbone_weights, alpha=0.5)


def test_a_download_that_fails_names_the_way_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    # As it is without pytest: what Keras prints goes through file descriptor 1.
    monkeypatch.setattr(sys, "stdout", open(1, "w", closefd=False))  # noqa: SIM115
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}/{200 * 'x'}"
        unreachable = functools.partial(keras.utils.get_file, "weights.h5", address, cache_dir=tmp_path)
        builder = dataclasses.replace(MOBILENET_V2, builder=lambda **options: bare(unreachable, **options))
        monkeypatch.setitem(BACKBONES, "mobilenet_v2", builder)
        with pytest.raises(Unavailable, match="--weights FILE") as caught:
            built("imagenet")
    assert caught.value.what == "the ImageNet weights cannot be downloaded ([Errno 111] Connection refused)"
    assert caught.value.exit_code == 69
    assert capfd.readouterr() == ("", "downloading the ImageNet weights\n")


def bare(download: Any, *, weights: str | None, **options: Any) -> Any:
    """The backbone of Keras, but for the download."""
    return download() if weights else keras.applications.MobileNetV2(weights=None, **options)


@pytest.mark.parametrize("content", [None, b"", b"no archive", b"PK\x03\x04 half"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "model.keras"
    if content is not None:
        file.write_bytes(content)

    with pytest.raises(MissingInput if content is None else BadData, match=r"model\.keras"):
        build.load(file)


def test_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keras unpacks weights into the folder for temporary files."""

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "model.keras").touch()
    (tmp_path / "backbone.weights.h5").touch()
    monkeypatch.setattr(keras.models, "load_model", full)
    with pytest.raises(OSError, match="No space"):
        build.load(tmp_path / "model.keras")
    monkeypatch.setattr(weights, "get", lambda *_: tmp_path / "backbone.weights.h5")
    entry = dataclasses.replace(MOBILENET_V2, load_weights=full)
    with pytest.raises(OSError, match="No space"):
        weights.load(entry, 0.35, "backbone.weights.h5", keras.Sequential())
