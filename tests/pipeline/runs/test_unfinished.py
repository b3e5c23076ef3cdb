"""Where a command writes that names no folder, and which arguments make it another command."""

import dataclasses
import errno
from pathlib import Path

import pytest

from tlpipe.data.reading import FROM_DATA, Format, Reading
from tlpipe.runs import unfinished
from tlpipe.runs.config import Head, Training
from tlpipe.runs.steps import Steps
from tlpipe.storage import locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.workflow import TrainingJob

KEY, STEP, OTHER = "0" * 16, "1" * 16, "2" * 16


def begun(target: Path, key: str = KEY) -> Checkpoint:
    target.parent.mkdir(exist_ok=True)
    found = Checkpoint(target, key)
    found.save("part", {}, reached="")
    return found


def test_an_unfinished_command_is_found_and_no_other(tmp_path: Path) -> None:
    usual = tmp_path / "runs/photos"
    assert unfinished.chosen(usual, KEY, overwrite=False) == usual
    begun(usual, OTHER)
    assert unfinished.chosen(usual, KEY, overwrite=False) == usual
    usual.mkdir()
    assert unfinished.chosen(usual, KEY, overwrite=False) == tmp_path / "runs/photos-2"
    begun(tmp_path / "runs/photos-3")
    assert unfinished.chosen(usual, KEY, overwrite=False) == tmp_path / "runs/photos-3"
    assert unfinished.chosen(usual, KEY, overwrite=True) == usual


def test_what_came_there_since_is_left_and_the_command_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    usual, free = tmp_path / "runs/photos", tmp_path / "runs/photos-2"
    begun(usual)
    begun(usual, STEP)
    usual.mkdir()
    assert unfinished.chosen(usual, KEY, STEP, overwrite=False, is_own=lambda _: True) == usual
    assert unfinished.chosen(usual, KEY, STEP, overwrite=False) == free

    assert "continuing in" in capsys.readouterr().err
    assert Checkpoint(free, KEY).load("part") and Checkpoint(free, STEP).load("part")
    assert Checkpoint(usual, KEY).load("part") is None


def test_a_folder_that_is_being_replaced_is_not_unfinished(tmp_path: Path) -> None:
    usual = tmp_path / "runs/photos"
    begun(usual)
    usual.mkdir()
    with locks.locked(usual):
        assert unfinished.chosen(usual, KEY, overwrite=False) == tmp_path / "runs/photos-2"
    assert Checkpoint(usual, KEY).load("part")


def test_what_another_process_goes_on_with_is_not_moved(tmp_path: Path) -> None:
    """A `run` between two steps, whose run folder was replaced by another command: only its checkpoint is locked."""
    usual = tmp_path / "runs/photos"
    saved = begun(usual)
    usual.mkdir()
    with locks.locked(saved.folder):
        assert unfinished.chosen(usual, KEY, overwrite=False) == tmp_path / "runs/photos-2"
    assert saved.load("part")


def test_what_another_user_has_left_is_not_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usual = tmp_path / "runs/photos"
    saved = begun(usual)
    usual.mkdir()

    def fail(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Checkpoint, "move", fail)
    assert unfinished.chosen(usual, KEY, overwrite=False) == tmp_path / "runs/photos-2"
    assert saved.load("part")


def test_each_argument_that_changes_the_result_makes_another_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    job = TrainingJob(Path("photos"), Training())
    others = [
        dataclasses.replace(job, data=Path("others")),
        dataclasses.replace(job, training=Training(head=Head(epochs=3))),
        dataclasses.replace(job, crop_auto=True),
        dataclasses.replace(job, strict=True),
        dataclasses.replace(job, test_fraction=0.2),
        dataclasses.replace(job, reading=Reading(Format.CSV)),
    ]
    keys = [each.key() for each in (job, *others)] + [job.key(within=KEY)]
    same = dataclasses.replace(job, data=tmp_path / "photos", out=Path("out"), overwrite=True, restart=True)

    assert len(set(keys)) == len(keys) and same.key() == job.key()
    fractions = {"validation": job.validation_fraction, "test": job.test_fraction}
    options = {"crop_auto": False, "strict": False}
    assert unfinished.training_key(tmp_path / "photos", Training(), fractions, FROM_DATA, **options) == job.key()


def test_a_run_does_not_continue_from_steps_that_it_does_not_have(tmp_path: Path) -> None:
    saved = Checkpoint(tmp_path / "run", KEY)
    saved.save("steps", {"begun": ["train", "paint"], "done": ["paint"], "made": 3, "folders": []}, reached="")
    steps = Steps(saved)

    assert (steps.begun, steps.done, steps.made, steps.folders) == (["train"], [], {}, {})
    assert steps.begin("finetune").restart
