"""What is cached needs no TensorFlow: features are extracted while it is imported, and found by the weights file."""

import dataclasses
import errno
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import older
import pytest
from spawned import Spawned

from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.engine.choice import using
from tlpipe.features import ahead, filling, prefix
from tlpipe.features.extractor import Extractor, Pass
from tlpipe.features.prefix import Weights
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Training
from tlpipe.runs.run_folder import FINETUNED, FROZEN
from tlpipe.storage import cache
from tlpipe.training import stages
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, Unavailable

DRAWN = Path(__file__).parents[2] / "data" / "bundle"


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


def test_a_weights_file_that_is_not_there_is_said_before_tensorflow_is_loaded(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stages, "_build", lambda *_: pytest.fail("the network is built"))
    with pytest.raises(MissingInput, match=r"gone\.h5: no such weights file"):
        stages.train(loading.load(few), tmp_path / "run", dataclasses.replace(brief, weights="gone.h5"))


@pytest.mark.parametrize("crop_auto", [False, True])
def test_a_weights_file_that_changes_meanwhile_ends_the_training(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crop_auto: bool
) -> None:
    weights = tmp_path / "copy.weights.h5"
    weights.write_bytes(Path(brief.weights).read_bytes())
    built = build.build

    def changing(*arguments: Any, **named: Any) -> Any:
        weights.write_bytes(weights.read_bytes() + b"\0")
        return built(*arguments, **named)

    monkeypatch.setattr(build, "build", changing)
    with pytest.raises(BadData, match="the weights file has changed since the start"):
        stages.train(
            loading.load(few), tmp_path / "run", dataclasses.replace(brief, weights=str(weights)), crop_auto=crop_auto
        )
    assert not (tmp_path / "run").exists() and not stored()


def test_the_weights_file_is_not_needed_after_the_start(few: Path, brief: Training, tmp_path: Path) -> None:
    weights = tmp_path / "copy.weights.h5"
    weights.write_bytes(Path(brief.weights).read_bytes())
    remove = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: weights.unlink())
    training = dataclasses.replace(brief, weights=str(weights))
    run = stages.train(loading.load(few), tmp_path / "run", training, callbacks=[remove])

    assert run_folder.backbone_sha256(run.best_stage) == sha256_of(Path(brief.weights))


def test_a_child_extracts_while_the_network_is_built(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the converted backbone in the cache, this process computes only what the child could not read."""
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    (few / "kryss" / "text.jpg").write_bytes(b"\xff\xd8\xff no picture")
    photos, training = loading.load(few), dataclasses.replace(brief, views=2)
    computed: list[int] = []
    fill = filling.fill

    def counted(index: Any, work: Any, examples: Any, *, what: str) -> Any:
        computed.append(len(index.missing()))
        return fill(index, work, examples, what=what)

    monkeypatch.setattr(filling, "fill", counted)
    first = stages.train(photos, tmp_path / "first", training)
    assert sum(computed) > len(photos.splits["train"])
    rows = stored()
    for file in rows:
        file.unlink()
    computed.clear()
    monkeypatch.setattr(prefix, "to_tflite", lambda *_: pytest.fail("converted again"))
    second = stages.train(photos, tmp_path / "second", training)

    assert computed == [1]  # text.jpg
    assert {file.name: file.read_bytes() for file in stored()} == {file.name: rows[file] for file in rows}
    scores = [json.loads((run.best_stage / run_folder.METRICS).read_text())["validation"] for run in (first, second)]
    assert scores[0] == scores[1]
    assert "Traceback" not in capfd.readouterr().err


def stored() -> dict[Path, bytes]:
    """The shards of the cache, and their content."""
    return {file: file.read_bytes() for file in (cache.folder() / "features").rglob("*.npy")}


@pytest.fixture
def shelved(few: Path, backbone_weights: Path) -> tuple[Extractor, list[Pass]]:
    """An extractor with a prefix in the cache, and what it is to extract."""
    bundle = Bundle.open(DRAWN)
    content = bundle.read(bundle.manifest.artifacts[0])
    weights = Weights.of_file(backbone_weights, backbone="mobilenet_v2", alpha=0.35)
    known = Extractor.at("pooling", weights, ImageSpec(64), lambda: pytest.fail("the network is built"))
    assert known.prefix is not None
    cache.put(f"prefixes/{known.prefix.key}", hashlib.sha256(content).digest() + content)
    return known, [Pass(loading.load(few).splits["train"], View(), "test")]


def test_the_child_starts_only_if_it_is_worth_it(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, passes = shelved
    with ahead.computed_ahead(known, passes, strict=False) as wait:
        wait()
    assert not stored()  # too few examples
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    with using(Spawned()), ahead.computed_ahead(known, passes, strict=False) as wait:
        wait()
    assert not stored()  # another engine is chosen
    for _ in range(2):
        with ahead.computed_ahead(known, passes, strict=False) as wait:
            monkeypatch.setattr(ahead.subprocess, "Popen", lambda *_, **__: pytest.fail("started again"))
            wait()
        assert len(stored()) == 1


def test_an_error_meanwhile_ends_the_child(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    started: list[Any] = []
    popen = ahead.subprocess.Popen
    monkeypatch.setattr(ahead.subprocess, "Popen", lambda *a, **o: started.append(popen(*a, **o)) or started[-1])
    with pytest.raises(KeyboardInterrupt), ahead.computed_ahead(*shelved, strict=False):
        raise KeyboardInterrupt
    assert started[0].returncode == -signal.SIGTERM


def test_an_error_in_the_child_is_left_to_this_process(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    known, passes = shelved
    passes[0].examples[0].file.unlink()
    with ahead.computed_ahead(known, passes, strict=False) as wait:
        wait()
    assert capfd.readouterr().err.splitlines() == ["test (18)"]
    with pytest.raises(MissingInput, match="No such file"):
        known.extract(passes[0].examples, View(), what="test")


def test_a_cache_that_cannot_be_written_is_left_to_this_process(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    known, passes = shelved
    (cache.folder() / "features").write_text("in the place of the folder")
    with ahead.computed_ahead(known, passes, strict=False) as wait:
        wait()
    assert capfd.readouterr().err.splitlines() == []
    with pytest.raises(Unavailable, match="features"):
        known.extract(passes[0].examples, View(), what="test")


@pytest.mark.parametrize(("strict", "views"), [(True, 1), (False, 2)])
def test_strict_does_not_wait_for_all_views(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch, strict: bool, views: int
) -> None:
    """The child does no more after an image that cannot be read. Otherwise it goes on, and does not read that again."""
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    known, (plain,) = shelved
    plain.examples[0].file.write_bytes(b"\xff\xd8\xff no picture")
    passes = [plain, dataclasses.replace(plain, view=View(1, 0))]
    with ahead.computed_ahead(known, passes, strict=strict) as wait:
        wait()
    assert len({shard.parent for shard in stored()}) == views


def test_a_child_that_is_killed_or_not_started_is_said(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    started = ahead._started

    def killed(job: ahead.Job) -> "subprocess.Popen[bytes]":
        child = started(job)
        child.kill()
        return child

    def refused(_: ahead.Job) -> "subprocess.Popen[bytes]":
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    for start, said in ((killed, "exit code -9"), (refused, "Resource temporarily unavailable")):
        monkeypatch.setattr(ahead, "_started", start)
        with ahead.computed_ahead(*shelved, strict=False) as wait:
            wait()
        assert said in capfd.readouterr().err


def test_a_child_does_not_outlive_its_parent() -> None:
    child = "import sys; from tlpipe.features import ahead; print(flush=True); ahead._end_with(int(sys.argv[1]))"
    parent = "import os, subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[1], str(os.getpid())])"
    with subprocess.Popen([sys.executable, "-c", parent, child], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"\n"
        process.kill()
        process.communicate(timeout=60)  # until the child, too, has closed stdout


def test_a_damaged_prefix_is_converted_again(shelved: tuple[Extractor, list[Pass]]) -> None:
    known = shelved[0].prefix
    assert known is not None
    (file,) = (cache.folder() / "prefixes").iterdir()
    sound = file.read_bytes()
    model = dataclasses.replace(known, load=lambda: b"")
    for damaged in (b"", sound[:-1], sound[:-1] + bytes([sound[-1] ^ 1]), bytes([sound[0] ^ 1]) + sound[1:]):
        file.write_bytes(damaged)
        assert model.cached() is None and not file.exists()
    file.write_bytes(sound)
    assert model.cached() == known.load() == sound[32:]


def test_runs_of_one_weights_file_share_what_is_below_the_cut(few: Path, brief: Training, tmp_path: Path) -> None:
    photographs = loading.load(few)
    stage = Finetuning(top_layers=3, epochs=1)
    runs = []
    for seed in (0, 1):
        run = stages.train(photographs, tmp_path / f"{seed}", dataclasses.replace(brief, seed=seed))
        runs.append(stages.finetune(run, stage))
        shelves = sorted(folder.name for folder in (cache.folder() / "features").iterdir())
        assert len(shelves) == 2  # pooled features, and activations at the cut: none of the second run's own
    assert len(list((cache.folder() / "prefixes").iterdir())) == 2

    frozen, tuned = (runs[0].path / name for name in (FROZEN, FINETUNED))
    assert run_folder.backbone_sha256(frozen) == sha256_of(Path(brief.weights))
    assert run_folder.backbone_sha256(tuned) == sha256_of(tuned / run_folder.MODEL)
    older.without_checksums(frozen)
    (frozen / run_folder.MODEL).write_bytes((tuned / run_folder.MODEL).read_bytes())  # another model in its place
    assert run_folder.backbone_sha256(frozen) == sha256_of(frozen / run_folder.MODEL)
