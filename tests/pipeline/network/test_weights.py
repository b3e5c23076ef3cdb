"""The published weights are downloaded once, by Keras, and kept as a file."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.network import build, weights
from tlpipe.network.backbones import BACKBONES, MOBILENET_V2
from tlpipe.network.backend import keras


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch, backbone_weights: Path) -> list[float]:
    """The widths that Keras was asked to download, instead of which it gets the embedded backbone."""
    asked: list[float] = []

    def builder(*, weights: str | None, alpha: float, **options: Any) -> Any:
        model = keras.applications.MobileNetV2(weights=None, alpha=alpha, **options)
        if weights == "imagenet":
            asked.append(alpha)
            model.load_weights(backbone_weights)
        return model

    monkeypatch.setitem(BACKBONES, "mobilenet_v2", dataclasses.replace(MOBILENET_V2, builder=builder))
    return asked


def built(weights: str) -> Any:
    options: dict[str, Any] = {"labels": ("a", "b"), "dropout": 0.0, "seed": 0}
    return build.build("mobilenet_v2", alpha=0.35, size=64, weights=weights, **options)


def test_a_download_is_kept(downloads: list[float], backbone_weights: Path) -> None:
    entry = BACKBONES["mobilenet_v2"]
    expected = built(str(backbone_weights)).get_weights()
    assert weights.find(entry, 0.35, "imagenet") is None
    for damage, times in ((None, 1), (None, 1), (b"damaged", 2)):
        file = weights.find(entry, 0.35, "imagenet")
        if file is not None and damage is not None:
            file.write_bytes(damage)
        for found, wanted in zip(built("imagenet").get_weights(), expected, strict=True):
            np.testing.assert_array_equal(found, wanted)
        assert downloads == [0.35] * times
    assert weights.find(entry, 0.35, "imagenet") is not None and weights.find(entry, 0.5, "imagenet") is None


def test_random_weights_are_in_no_file() -> None:
    assert weights.find(MOBILENET_V2, 0.35, "none") is None
