"""`run` that was stopped: steps that are done are not repeated, and what came to their places is not replaced.

The steps are stubs that write their main file; how each of them continues is tested in its room.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tlpipe import full_run, workflow
from tlpipe.benchmark.timed import Timed
from tlpipe.runs import run_folder, unfinished
from tlpipe.runs.config import Training
from tlpipe.runs.run_folder import Run
from tlpipe.storage.resume import Resume
from tlpipe.workflow import TrainingJob
from tlpipe_edge.console.interrupted import told
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.errors import WrongUsage

ALL = ["train", "finetune", "export", "evaluate", "report"]


class Stubs:
    """The steps: each notes its name, writes its file, and interrupts if it is the one ``to_stop``, before it or
    after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from tlpipe.evaluation import evaluate
        from tlpipe.exporting import assemble
        from tlpipe.reporting import publish
        from tlpipe.training import stages

        self.called: list[str] = []
        self.restarted: list[bool] = []
        self.to_stop, self.after, self.number = "", False, 0
        monkeypatch.setattr(stages, "train", self.train)
        monkeypatch.setattr(stages, "finetune", self.finetune)
        monkeypatch.setattr(assemble, "export", self.export)
        monkeypatch.setattr(evaluate, "evaluate", self.evaluate)
        monkeypatch.setattr(publish, "of_run", self.report)
        monkeypatch.setattr(full_run, "read_evaluation", lambda *_: "evaluation")
        monkeypatch.setattr(full_run.Bundle, "open", lambda path: SimpleNamespace(path=path, manifest=self))
        monkeypatch.setattr(run_folder, "check", lambda _: None)
        self.labels = ()

    def made(self, name: str, file: Path, *, overwrite: bool, resume: Resume) -> None:
        self.called.append(name)
        self.restarted.append(resume.restart)
        if file.exists() and not overwrite:
            raise WrongUsage("exists already", where=file)
        if name == self.to_stop and not self.after:
            raise KeyboardInterrupt
        self.number += 1
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f'{{"schema": 1, "number": {self.number}}}')
        resume.made(full_run.sha256_of(file))
        if name == self.to_stop:
            raise KeyboardInterrupt

    def train(self, _: object, out: Path, __: object, *, overwrite: bool, resume: Resume, **___: object) -> Run:
        if self.to_stop != "train" or self.after:
            out.mkdir(parents=True, exist_ok=True)
            (out / "run.json").write_text('{"schema": 1, "best": "1-frozen"}')
        self.made("train", out / "1-frozen/model.keras", overwrite=overwrite, resume=resume)
        return Run.open(out)

    def finetune(self, run: Run, _: object, *, overwrite: bool, resume: Resume, **__: object) -> Run:
        self.made("finetune", run.path / "2-finetuned/model.keras", overwrite=overwrite, resume=resume)
        return Run.open(run.path)

    def export(self, _: object, __: object, out: Path, *, limits: Limits, overwrite: bool, resume: Resume) -> Any:
        assert not limits
        self.made("export", out / "manifest.json", overwrite=overwrite, resume=resume)
        return SimpleNamespace(path=out, manifest=self)

    def evaluate(self, bundle: Any, *, resume: Resume) -> str:
        self.made("evaluate", bundle.path / "evaluation.json", overwrite=True, resume=resume)
        return "evaluation"

    def report(self, _: object, __: object, out: Path, *, overwrite: bool, resume: Resume, **___: object) -> str:
        self.made("report", out / "report.json", overwrite=overwrite, resume=resume)
        return "report"


Running = Callable[..., list[str]]


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Stubs:
    return Stubs(monkeypatch)


@pytest.fixture
def run(few: Path, tmp_path: Path, stubs: Stubs, monkeypatch: pytest.MonkeyPatch) -> Running:
    """Run all steps: the names of those that were called. An interrupt is left in ``stubs.called`` as its message."""
    monkeypatch.chdir(tmp_path)

    def running(to_stop: str = "", *, after: bool = False, **changes: Any) -> list[str]:
        stubs.called, stubs.restarted, stubs.to_stop, stubs.after = [], [], to_stop, after
        job = dataclasses.replace(TrainingJob(few, Training(weights="none")), **changes)
        try:
            full_run.run(job, command="tlpipe run", timed=Timed.NONE)
        except KeyboardInterrupt as interrupt:
            stubs.called.append(told(interrupt))
        return stubs.called

    return running


def hidden() -> list[Path]:
    return sorted(Path("runs").glob(".*"))


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("step", ALL)
def test_a_stopped_run_goes_on_with_its_step(
    run: Running, stubs: Stubs, capsys: pytest.CaptureFixture[str], step: str, after: bool
) -> None:
    """``after``: the result is in its place, but the command does not know it yet."""
    at = ALL.index(step)
    assert run(step, after=after)[:-1] == ALL[: at + 1]
    capsys.readouterr()
    assert run() == ALL[at:] and stubs.restarted[0] is False

    said = capsys.readouterr().err.splitlines()
    assert [line.endswith(", done") for line in said if line[:3] in [f"{n}  " for n in range(1, 6)]] == [
        number < at for number in range(5)
    ]
    assert hidden() == [] and [each.name for each in Path("runs").iterdir()] == ["few"]
    assert all([each.name for each in Path(made).iterdir()] == ["few"] for made in ("exported", "reports"))
    assert run() == ALL and Path("runs/few-2").is_dir()  # that one was finished


def test_what_is_done_is_said(run: Running) -> None:
    assert run("train")[-1] == "interrupted."
    assert run("evaluate")[-1] == "interrupted. Steps 1 to 3 are done: the same command goes on with step 4."


def test_another_command_of_the_same_data_is_not_continued(run: Running) -> None:
    run("finetune")
    before = hidden()
    assert run("export", strict=True)[:-1] == ALL[:3] and Path("runs/few-2").is_dir()
    assert run() == ALL[1:] and hidden() != before


def test_a_step_whose_result_is_gone_is_repeated_with_all_after_it(run: Running) -> None:
    run("report")
    Path("runs/few/2-finetuned/model.keras").unlink()
    assert run("report")[:-1] == ALL[1:]
    assert [each.name for each in Path("exported").iterdir()] == ["few"]


def test_restart_repeats_all_and_replaces_what_it_made(run: Running, stubs: Stubs) -> None:
    run("report")
    assert run("report", restart=True)[:-1] == ALL and all(stubs.restarted[:-1])
    assert run() == ["report"]
    assert [each.name for each in Path("runs").iterdir()] == ["few"]


def test_other_images_repeat_all(run: Running, few: Path) -> None:
    run("report")
    (few / "kryss/04.jpg").write_bytes((few / "kryss/06.jpg").read_bytes() + b"\0")
    assert run() == ALL and [each.name for each in Path("runs").iterdir()] == ["few"]


def test_a_run_of_another_command_is_not_replaced(run: Running, stubs: Stubs, few: Path) -> None:
    """`train` took the name while `run` was stopped before its first step was done."""
    run("train")
    stubs.to_stop = ""
    workflow.train(TrainingJob(few, Training(weights="none"), Path("runs/few")))
    model = Path("runs/few/1-frozen/model.keras").read_text()

    with pytest.raises(WrongUsage, match="exists already"):
        run(out=Path("runs/few"))
    assert run() == ALL
    assert Path("runs/few/1-frozen/model.keras").read_text() == model and Path("runs/few-2/2-finetuned").is_dir()
    assert hidden() == []


def test_a_named_out_is_continued(run: Running) -> None:
    run("export", out=Path("runs/mine"))
    assert run(out=Path("runs/mine")) == ALL[2:]
    with pytest.raises(WrongUsage, match="exists already"):
        run(out=Path("runs/mine"))


def test_the_step_is_another_command_than_train(few: Path) -> None:
    job = TrainingJob(few, Training(weights="none"))
    assert job.key(within="0" * 16) != job.key()
    assert unfinished.basis(images="1").keys() > {"images", "the version of tensorflow"}
