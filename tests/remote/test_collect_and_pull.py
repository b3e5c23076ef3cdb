"""A camera keeps images while others are fetched: what is freed is gone, and what comes meanwhile is fetched later."""

from pathlib import Path

import numpy as np
import pytest
from loopback import Device

import tlpipe
from tlpipe.data import loading
from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.collecting import Collection, Collector, Origin
from tlpipe_edge.contract import review
from tlpipe_edge.errors import BadData

LABELS = ("cat", "dog")
ORIGIN = Origin(model="pets", recipe="int8", artifact_sha256="2" * 64, labels=LABELS, device="a device")


def answer(seed: int) -> Answer:
    scores = np.array([0.45, 0.55], np.float32)
    frame = np.random.default_rng(seed).integers(0, 256, (48, 64, 3), np.uint8)
    return Answer("unknown", "dog", 0.55, LABELS, scores, frame, {"resize": 1.0, "invoke": 1.0, "total": 2.0}, 0, 1.0)


def test_from_the_camera_to_the_next_training(bare: Device, tmp_path: Path) -> None:
    on_device, source, into = bare.home / "collected", f"{bare.address}/collected", tmp_path / "kept"
    with Collector(Collection(folder=on_device), ORIGIN) as camera:
        first = [camera.keep(answer(seed)) for seed in range(9)]
        assert tlpipe.pull(source, into=into, free=True).freed == 9
        assert not list(on_device.rglob("*.jpg")), "the camera runs on, and its folder is empty"

        later = camera.keep(answer(9))
        pulled = tlpipe.pull(source, into=into, free=True)
        assert (pulled.fetched, pulled.freed) == (1, 1)
    assert sorted(str(image.relative_to(into)) for image in into.rglob("*.jpg")) == sorted([*first, later])
    with pytest.raises(BadData, match="10 unsorted images"):
        loading.load(into)

    for number, name in enumerate((*first, later)):  # as a person sorts them
        sorted_image = tmp_path / "photos" / LABELS[number % 2] / Path(name).name
        sorted_image.parent.mkdir(parents=True, exist_ok=True)
        (into / name).rename(sorted_image)
        assert review.beside(into / name).exists()
    assert set(loading.load(tmp_path / "photos").labels) == set(LABELS)
