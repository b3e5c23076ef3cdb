"""What is cached needs no TensorFlow: features are extracted while it is imported, and found by the weights file."""

import dataclasses
import hashlib
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from spawned import Spawned

from tlpipe.data import dataset
from tlpipe.data.augment import View
from tlpipe.engine.choice import using
from tlpipe.features import ahead, extractor, prefix
from tlpipe.features.ahead import Pass
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Weights
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Training
from tlpipe.runs.run_folder import FINETUNED, FROZEN
from tlpipe.storage import cache
from tlpipe.training import stages
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import Busy, MissingInput

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
        stages.train(dataset.load(few), tmp_path / "run", dataclasses.replace(brief, weights="gone.h5"))


def test_a_weights_file_that_changes_meanwhile_ends_the_training(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "copy.weights.h5"
    weights.write_bytes(Path(brief.weights).read_bytes())
    build = stages._build

    def changing(*arguments: Any) -> Any:
        weights.write_bytes(weights.read_bytes() + b"\0")
        return build(*arguments)

    monkeypatch.setattr(stages, "_build", changing)
    with pytest.raises(Busy, match="the weights file has changed since the start"):
        stages.train(dataset.load(few), tmp_path / "run", dataclasses.replace(brief, weights=str(weights)))
    assert not (tmp_path / "run").exists() and not stored()


def test_a_child_extracts_while_the_network_is_built(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With the converted backbone in the cache, this process computes only what the child could not read."""
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    (few / "kryss" / "text.jpg").write_text("no image")
    photos, training = dataset.load(few), dataclasses.replace(brief, views=2)
    computed: list[int] = []
    compute = extractor._compute

    def counted(work: Any, name: str, examples: Any, what: str) -> Any:
        computed.append(len(examples))
        return compute(work, name, examples, what)

    monkeypatch.setattr(extractor, "_compute", counted)
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
    return known, [Pass(dataset.load(few).splits["train"], View(), "test")]


def test_the_child_starts_only_if_it_is_worth_it(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch
) -> None:
    known, passes = shelved
    with ahead.computed_ahead(known, passes):
        pass
    assert not stored()  # too few examples
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    with using(Spawned()), ahead.computed_ahead(known, passes):
        pass
    assert not stored()  # another engine is chosen
    for _ in range(2):
        with ahead.computed_ahead(known, passes):
            monkeypatch.setattr(ahead.subprocess, "Popen", lambda *_, **__: pytest.fail("started again"))
        assert len(stored()) == 1


def test_an_error_meanwhile_ends_the_child(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    started: list[Any] = []
    popen = ahead.subprocess.Popen
    monkeypatch.setattr(ahead.subprocess, "Popen", lambda *a, **o: started.append(popen(*a, **o)) or started[-1])
    with pytest.raises(KeyboardInterrupt), ahead.computed_ahead(*shelved):
        raise KeyboardInterrupt
    assert started[0].returncode == -signal.SIGTERM


def test_an_error_in_the_child_is_left_to_this_process(
    shelved: tuple[Extractor, list[Pass]], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "MIN_EXAMPLES", 1)
    known, passes = shelved
    passes[0].examples[0].file.unlink()
    with ahead.computed_ahead(known, passes):
        pass
    assert "Traceback" not in capfd.readouterr().err
    with pytest.raises(MissingInput, match="No such file"):
        known.extract(passes[0].examples, View(), what="test")


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
    photographs = dataset.load(few)
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
    (frozen / run_folder.MODEL).write_bytes((tuned / run_folder.MODEL).read_bytes())  # another model in its place
    assert run_folder.backbone_sha256(frozen) == sha256_of(frozen / run_folder.MODEL)
