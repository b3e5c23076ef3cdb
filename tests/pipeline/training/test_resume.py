"""A training that is killed after an epoch, and started again, comes to the same bits as one that is not disturbed.

Each training is a process of its own: it kills itself, and the switch for deterministic operations holds for the rest
of a process.
"""

import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import drawing
import pytest

from tlpipe import workflow
from tlpipe.network.backend import keras
from tlpipe.runs import unfinished
from tlpipe.runs.config import ClassWeights, Finetuning, Head, Training
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.workflow import TrainingJob
from tlpipe_edge.console.interrupted import told

TESTS = str(Path(__file__).parents[1])
PROGRAM = """
import os, signal, sys
from pathlib import Path
from tiny import TINY
from tlpipe.data import loading
from tlpipe.network.backbones import BACKBONES
from tlpipe.network.backend import keras
from tlpipe.pictures import architecture, plots
from tlpipe.runs.config import Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import stages

BACKBONES["tiny"] = TINY
architecture.save = plots.save = lambda _figure, file: file.touch()
data, file, out, epochs, always = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4], sys.argv[5]
training = Training.read(file)
if always:
    Checkpoint.due = lambda self: True
kill = [int(epoch) for epoch in epochs.split(",") if epoch]
save = Checkpoint.save

def killed(self, *arguments, **options):
    save(self, *arguments, **options)
    if len(arguments[1]["logs"]) in kill and (self.target.name == "2-finetuned") == ("2" in sys.argv[6]):
        os.kill(os.getpid(), signal.SIGKILL)

Checkpoint.save = killed
run = Run.open(out) if out.exists() else stages.train(loading.load(data), out, training)
stages.finetune(run)
"""


@pytest.fixture
def uneven(tmp_path: Path) -> Path:
    """Two classes with different numbers of images, so that the last batch is not full."""
    data = drawing.photographs(tmp_path / "few", ("a", "b"), count=9, seed=1)
    for file in sorted((data / "b").iterdir())[:2]:
        file.unlink()
    return data


def started(
    data: Path, training: Training, out: Path, *, kill: tuple[int, ...] = (), stage: int = 1, always: bool = True
) -> tuple[int, str]:
    """The exit code and the messages of both stages; the process ``kill``s itself after these epochs of a stage."""
    config = out.parent / "config.json"
    config.write_text(json.dumps(training.document(training.head, {})))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH"))))}
    named = [str(data), str(config), str(out), ",".join(map(str, kill)), "always" * always, str(stage)]
    command = [sys.executable, "-c", PROGRAM, *named]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return done.returncode, done.stderr


def contents(run: Path) -> dict[str, Any]:
    """All that two runs of the same bits have in common: everything but the seconds."""
    from tlpipe.network import build

    found: dict[str, Any] = {}
    for stage in ("1-frozen", "2-finetuned"):
        folder = run / stage
        model = build.load(folder / "model.keras")
        found[f"{stage}/weights"] = [value.tobytes() for value in model.get_weights()]
        rows = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
        found[f"{stage}/history"] = [{key: value for key, value in row.items() if key != "seconds"} for row in rows]
        metrics = json.loads((folder / "metrics.json").read_text())
        found[f"{stage}/metrics"] = {key: value for key, value in metrics.items() if key != "seconds"}
        found[f"{stage}/splits"] = (folder / "splits.json").read_text()
        found[f"{stage}/log"] = logged(folder / "tensorboard")
    return found


def logged(folder: Path) -> dict[str, list[tuple[int, bytes]]]:
    """The scalars in the log for TensorBoard, by file and name: step and value."""
    from tensorflow.core.util.event_pb2 import Event
    from tensorflow.python.lib.io.tf_record import tf_record_iterator

    found: dict[str, list[tuple[int, bytes]]] = {}
    for file in sorted(folder.rglob("events*")):
        for record in tf_record_iterator(str(file)):
            event = Event.FromString(record)
            for value in event.summary.value:
                name = f"{file.parent.name}/{value.tag}"
                found.setdefault(name, []).append((event.step, value.tensor.SerializeToString()))
    return found


def settings(brief: Training, **changes: Any) -> Training:
    """Three epochs of each stage, with all that has a state: averages, the schedule, dropout, views."""
    head = Head(epochs=3, learning_rate=3e-3, patience=2, average=True, cosine=True)
    tuning = Finetuning(epochs=3, learning_rate=1e-3, top_layers=14, warmup_steps=4)
    usual = dataclasses.replace(brief, deterministic=True, views=3, batch_size=4, head=head, finetuning=tuning)
    return dataclasses.replace(usual, class_weights=ClassWeights.BALANCED, **changes)


@pytest.mark.parametrize(
    ("weights", "kills"),
    [("given", {1: (1, 3), 2: (2,)}), ("none", {1: (2,), 2: ()})],
)
def test_a_killed_training_comes_to_the_same_bits(
    uneven: Path, brief: Training, tmp_path: Path, weights: str, kills: dict[int, tuple[int, ...]]
) -> None:
    training = settings(brief) if weights == "given" else settings(brief, weights=weights)
    whole, out = (tmp_path / name / "run" for name in ("whole", "killed"))
    for folder in (whole, out):
        folder.parent.mkdir()
    assert started(uneven, training, whole)[0] == 0

    said = []
    for stage, epochs in kills.items():
        for number in range(len(epochs)):
            code, messages = started(uneven, training, out, kill=epochs[number:], stage=stage)
            assert code == -signal.SIGKILL, messages
            said.append(messages)
    code, messages = started(uneven, training, out)
    assert code == 0, messages

    if weights == "given":
        assert f"continuing the unfinished {out} after epoch 1 of 3, saved" in said[1]
        assert f"continuing the unfinished {out} after epoch 3 of 3, the last, saved" in said[2]
        assert f"continuing the unfinished {out / '2-finetuned'} after epoch 5 of 6, saved" in messages
    expected, found = contents(whole), contents(out)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == value, name
    assert [each.name for each in (*out.parent.iterdir(), *out.iterdir()) if "unfinished" in each.name] == []


class Stop(keras.callbacks.Callback):  # type: ignore[misc]
    """Interrupts training at its beginning, or at that of a later epoch."""

    def __init__(self, epoch: int | None = None) -> None:
        super().__init__()
        self.epoch = epoch

    def on_train_begin(self, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        if self.epoch is None:
            raise KeyboardInterrupt

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:  # noqa: ARG002  (Keras names it)
        if epoch == self.epoch:
            raise KeyboardInterrupt


def test_a_training_continues_only_if_nothing_has_changed(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)
    job = TrainingJob(few, dataclasses.replace(brief, head=Head(epochs=3, learning_rate=3e-3, patience=0)))

    def interrupted(stop: Stop, **changes: Any) -> tuple[str, str]:
        """The messages of the command, and of its end."""
        capsys.readouterr()
        with pytest.raises(KeyboardInterrupt) as ended:
            workflow.train(dataclasses.replace(job, **changes), callbacks=[stop])
        return " ".join(capsys.readouterr().err.split()), told(ended.value)

    _, end = interrupted(Stop(2))
    assert end == "interrupted. The same command continues after epoch 2 of 3. The computed features are in the cache."
    (kept,) = Path("runs").glob(".few.unfinished-*")
    assert sorted(each.name for each in Path("runs").iterdir()) == [kept.name]
    shutil.copytree(kept, tmp_path / "kept")

    def again() -> None:
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(tmp_path / "kept", kept)

    assert "continuing the unfinished runs/few after epoch 2 of 3, saved" in interrupted(Stop())[0]
    said, end = interrupted(Stop(), restart=True)
    assert "(--restart): it begins anew" in said and not kept.exists()
    assert end == "interrupted. The computed features are in the cache."
    again()
    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "versions", lambda _: {"keras": "1.0"})
        assert "(changed since: the version of keras, the version of " in interrupted(Stop())[0]
    again()
    part = kept / "training.part"
    part.write_bytes(part.read_bytes()[:-1])
    said, _ = interrupted(Stop())
    assert "a saved part of the unfinished runs/few is damaged" in said and "scoring before training" in said
    again()
    assert "continuing" not in interrupted(Stop(), training=dataclasses.replace(job.training, seed=1))[0]
    image = next(iter(sorted((few / "kryss").iterdir())))
    before = image.read_bytes()
    image.write_bytes(before + b"\0")
    assert "not continuing the unfinished runs/few (changed since: images): it begins anew" in interrupted(Stop())[0]
    image.write_bytes(before)
    again()
    run = workflow.train(job)

    said = capsys.readouterr().err
    assert run.path == tmp_path / "runs/few" and "3 of 3" in said and "2 of 3 " not in said.partition("epoch")[2]
    assert sorted(each.name for each in Path("runs").iterdir()) == ["few"]
    assert len((run.path / "1-frozen/history.jsonl").read_text().splitlines()) == 1 + 1 + 3
