"""The published weights are downloaded once, by Keras, and kept as a file."""

import dataclasses
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.network import build, weights
from tlpipe.network.backbones import BACKBONES, MOBILENET_V2
from tlpipe.network.backend import keras
from tlpipe_edge.errors import Unavailable


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


@pytest.mark.parametrize("alpha", MOBILENET_V2.widths)
def test_the_published_url_is_that_of_keras(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def get_file(_name: str, origin: str, **_: Any) -> None:
        asked.append(origin)
        raise OSError

    monkeypatch.setattr("keras.src.applications.mobilenet_v2.file_utils.get_file", get_file)
    with pytest.raises(OSError):
        MOBILENET_V2.build(alpha=alpha, weights="imagenet", input_shape=(224, 224, 3))
    assert asked == [MOBILENET_V2.published.format(alpha=alpha)]


@pytest.mark.parametrize("answer", [200, 404])
def test_a_download_is_tried_before_anything_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: int) -> None:
    asked: list[str] = []

    class Host(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with http.server.HTTPServer(("127.0.0.1", 0), Host) as host:
        threading.Thread(target=host.serve_forever, daemon=True).start()
        entry = dataclasses.replace(
            MOBILENET_V2, published=f"http://127.0.0.1:{host.server_port}/{{alpha}}-{answer}-no-such.h5"
        )
        for _ in range(2):
            if answer == 200:
                weights.check(entry, 0.5, "imagenet")
            else:
                with pytest.raises(Unavailable, match=r"cannot be downloaded \(Not Found\)"):
                    weights.check(entry, 0.5, "imagenet")
        host.shutdown()
    assert asked == [f"/0.5-{answer}-no-such.h5"] * (1 if answer == 200 else 2)


def test_random_weights_are_in_no_file() -> None:
    assert weights.find(MOBILENET_V2, 0.35, "none") is None
