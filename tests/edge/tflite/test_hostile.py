"""A broken or hostile model is an error message, never a crash: this process is the witness."""

import hashlib
import json
import os
import random
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hostile
import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError
from tlpipe_edge.tflite import verify

SECONDS = 5.0
"""Of processor time, in this process; for the child there are the limits of ``sandbox``."""
FLIPS = {"structure": (hostile.STRUCTURE, 100), "weights": (hostile.WEIGHTS, 10)}
MAX_GROWTH = 200_000  # KiB: a few copies of the largest model and of what the runtime allocates for it


def opened(file: Path, content: bytes) -> str:
    """What is said of a model in the place of a .tflite file, empty when it classifies; in time."""
    file.write_bytes(content)
    start = time.thread_time()
    try:
        prediction = Classifier.open(file)(np.full((64, 64, 3), 99, np.uint8))
        said = "" if prediction.label in prediction.labels else "no label"
    except BadData as error:
        said = error.what
    assert time.thread_time() - start < SECONDS
    return said


@pytest.mark.arm64
def test_the_sound_model_is_sound() -> None:
    verify.check(hostile.SOUND, where="drawn", classes=hostile.CLASSES)


@pytest.mark.arm64
@pytest.mark.parametrize("name", hostile.MUTATIONS)
def test_a_mutation_is_refused(name: str, tmp_path: Path) -> None:
    make, said = hostile.MUTATIONS[name]

    assert said in opened(tmp_path / "model.tflite", make())


@pytest.mark.parametrize("name", hostile.MUTATIONS)
def test_a_bundle_whose_hash_fits_is_not_trusted_either(name: str, copied: Path) -> None:
    content = hostile.MUTATIONS[name][0]()
    (copied / "drawn-int8.tflite").write_bytes(content)
    manifest = json.loads((copied / "manifest.json").read_text())
    manifest["artifacts"][0] |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    (copied / "manifest.json").write_text(json.dumps(manifest))

    with pytest.raises(BadData, match=r"drawn-int8\.tflite: "):
        Classifier.open(copied)


@pytest.mark.parametrize("cut", [*range(0, 100, 10), -1, -1000])
def test_a_file_that_is_cut_is_refused(cut: int, tmp_path: Path, copied: Path) -> None:
    length = len(hostile.SOUND) * cut // 100 if cut >= 0 else len(hostile.SOUND) + cut
    assert opened(tmp_path / "model.tflite", hostile.SOUND[:length])

    (copied / "drawn-int8.tflite").write_bytes(hostile.SOUND[:length])
    with pytest.raises(BadData, match=r"damaged: .* bytes, but it was written with"):
        Classifier.open(copied)


def test_bits_that_flip_never_crash(tmp_path: Path) -> None:
    """A weight changes a little and runs; elsewhere, a file may not end this process either, or take its time."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def flip(seed: int, places: list[int]) -> str:
        content, chance = bytearray(hostile.SOUND), random.Random(seed)
        content[chance.choice(places)] ^= 1 << chance.randrange(8)
        return opened(tmp_path / f"{seed}-{len(places)}.tflite", bytes(content))

    flips = [(seed, places) for places, count in FLIPS.values() for seed in range(count)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        said = list(pool.map(flip, *zip(*flips, strict=True)))
    assert 0 < sum(map(bool, said)) < len(flips)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MAX_GROWTH


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html><html><body>404</body></html>", b"\0" * 4 + b"TFL3"])
def test_a_file_that_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    assert opened(tmp_path / "model.tflite", content)


def test_a_folder_and_a_pipe_are_no_models(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tflite")
    for place in (tmp_path, tmp_path / "pipe.tflite"):
        with pytest.raises(MissingInput, match="no bundle here"):
            Classifier.open(place)


def test_a_pipe_in_a_bundle_is_not_waited_for(copied: Path) -> None:
    (copied / "drawn-int8.tflite").unlink()
    os.mkfifo(copied / "drawn-int8.tflite")

    with pytest.raises(TlpipeError, match="missing: it was written with the other files"):
        Classifier.open(copied)


def test_an_endless_file_is_not_read_to_its_end(copied: Path) -> None:
    with (copied / "drawn-int8.tflite").open("wb") as file:
        file.truncate(1 << 40)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadData, match=r"damaged: .* bytes, but it was written with"):
        Classifier.open(copied)
    with pytest.raises(BadData, match="more than 256 MB"):
        Classifier.open(copied / "drawn-int8.tflite")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 600_000


@pytest.mark.arm64
@pytest.mark.parametrize("change", ["truncated", "replaced"])
def test_a_file_that_changes_while_in_use_changes_nothing(change: str, drawn: Bundle, copied: Path) -> None:
    file = copied / "drawn-int8.tflite"
    classifier = Classifier.open(copied)
    before = [classifier(photo).scores for photo in drawn.golden().files]
    if change == "truncated":
        os.truncate(file, 10)
    else:
        file.write_bytes(hostile.far_buffer())

    np.testing.assert_array_equal([classifier(photo).scores for photo in drawn.golden().files], before)


@pytest.mark.parametrize("document", ["[" * 100_000, '{"schema": ' + "[" * 100_000])
def test_a_manifest_without_a_bottom_is_refused(document: str, copied: Path) -> None:
    (copied / "manifest.json").write_text(document)

    with pytest.raises(BadData, match="not valid JSON"):
        Classifier.open(copied)
