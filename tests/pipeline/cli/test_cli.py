"""The command of the workstation: what it prints where, and its exit codes."""

import importlib
import json
import os
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tlpipe.runs import run_folder
from tlpipe.runs.run_folder import Run
from tlpipe.storage import locks
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import Unavailable

Command = Callable[..., Any]
PROGRAM = "from tlpipe.cli.commands import main; main()"


@pytest.mark.parametrize(
    "arguments",
    [
        ("train", "nowhere"),
        ("finetune", "nowhere"),
        ("export", "RUN", "--out", "HERE"),
        ("evaluate", "nowhere"),
        ("bench", "nowhere"),
        ("report", "nowhere", "--out", "reports"),
    ],
)
def test_a_path_that_cannot_be_does_not_wait_for_tensorflow(
    in_a_process: Command, run: Run, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here/kept").touch()
    paths = {"RUN": run.path, "HERE": tmp_path / "here"}
    done = in_a_process(
        "import atexit, sys; import tlpipe.cli.commands\n"
        "atexit.register(lambda: print({'tensorflow', 'keras'} & set(sys.modules)))\n"
        "tlpipe.cli.commands.main()",
        *(paths.get(each, each) for each in arguments),
    )

    assert done.returncode in (2, 66) and done.stdout == "set()\n"


def test_a_program_of_its_own_prints_the_run_and_nothing_else(
    in_a_process: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    out = tmp_path / "runs/few"
    done = in_a_process(PROGRAM, "train", few, *options, "--out", out)

    assert (done.returncode, done.stdout) == (0, f"{out}\n")
    assert " 1 of 1 " in done.stderr and "Traceback" not in done.stderr
    assert re.search(
        r"^3 classes; images: \d+ train; held out from train: \d+ test, \d+ validation$", done.stderr, re.M
    )


def test_json_is_one_document_in_a_program_of_its_own(
    in_a_process: Command, bundle: Bundle, run: Run, evaluation: dict[str, Any], tmp_path: Path
) -> None:
    copy = shutil.copytree(bundle.path, tmp_path / "drawn")
    done = in_a_process(PROGRAM, "evaluate", copy, "--keras", run.best_stage / "model.keras", "--json")

    assert done.returncode == 0
    assert json.loads(done.stdout)["keras"] == evaluation["keras"]


def test_the_newest_run_and_bundle_are_taken_and_named(tlpipe: Command, tiny_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.path, tmp_path / "runs/drawn")
    done = tlpipe("export", "--quantize", "float32")
    assert done.code == 0 and "using the newest run, runs/drawn" in done.stderr
    assert (tmp_path / "exported/drawn/drawn-float32.tflite").is_file()

    done = tlpipe("evaluate")
    assert done.code == 0 and "using the newest bundle, exported/drawn" in done.stderr
    lines = done.stdout.splitlines()
    assert "images (test, held out from train); " in lines[0] and " % are of the largest class, " in lines[0]
    assert [line.split()[0] for line in lines[2:4]] == ["Keras", "float32"]
    assert lines[-1].startswith("Only 15 images: ")


def test_a_gate_that_is_not_met_ends_with_1(
    tlpipe: Command, bundle: Bundle, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = shutil.copytree(bundle.path, tmp_path / "drawn")
    keras = ("--keras", run.best_stage / "model.keras")
    assert tlpipe("evaluate", copy, *keras, "--max-drop", "1").code == 0

    import numpy as np

    from tlpipe_edge.tflite.interpreter import Session

    monkeypatch.setattr(Session, "read_output", lambda _: np.array([0.0, 0.0, 1.0], np.float32))
    done = tlpipe("evaluate", copy, *keras, "--max-drop", "0.01", "--json")
    failure, limits = done.stderr.splitlines()[-2:]
    assert done.code == 1 and failure.startswith("error: float32: top-1 ") and limits.strip().startswith("Limits: ")
    assert json.loads(done.stdout)["gate"]["passed"] is False


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["train"], 2, "DATA"),
        (["train", "FEW", "--views", "0"], 2, "--views"),
        (["train", "FEW", "--seed", "5000000000"], 2, "--seed"),
        (["train", "FEW", "--out", "few/run"], 2, "inside the image folder"),
        (["train", "FEW", "--out", "FEW", "--overwrite"], 2, "inside the image folder"),
        (["train", "FEW", "--out", ".", "--overwrite"], 2, "it holds something else"),
        (["export", "RUN", "--out", "FEW", "--overwrite"], 2, "it holds something else"),
        (["train", "FEW", "--crop", "squeeze"], 2, "--crop"),
        (["train", "FEW", "--alpha", "0.4"], 2, "alpha 0.4"),
        (["train", "FEW", "--test-fraction", "1"], 2, "invalid test fraction: 1"),
        (["train", "FEW", "--test-fraction", "0.5", "--validation-fraction", "0.5"], 2, "leave too little to train on"),
        (["train", "FEW", "--weights", "gone.h5"], 66, "no such weights file"),
        (["train", "gone"], 66, "no such folder, list or archive"),
        (["train", "EMPTY"], 65, "no images in class folders"),
        (["train", "ONE"], 65, "only one class"),
        (["finetune"], 66, "there are no results in runs/ yet"),
        (["finetune", "FEW"], 66, "no run here"),
        (["export"], 66, "there are no results in runs/ yet"),
        (["export", "RUN", "--quantize", "int4"], 2, "Choose float32, float16, dynamic or int8."),
        (["evaluate"], 66, "there are no results in exported/ yet"),
        (["evaluate", "FEW"], 66, "no bundle here"),
        (["evaluate", "BUNDLE", "--keras", "gone.keras"], 66, "the Keras model was not found"),
        (["evaluate", "BUNDLE", "--data", "gone"], 66, "no such folder"),
        (["evaluate", "BUNDLE", "--max-drop", "-1"], 2, "--max-drop"),
        (["unknown"], 2, "unknown"),
    ],
)
def test_a_users_error_is_said_in_two_lines(
    tlpipe: Command, few: Path, run: Run, bundle: Bundle, tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    (tmp_path / "empty").mkdir()
    shutil.copytree(few / "kryss", tmp_path / "one/kryss")
    places = {"FEW": few, "RUN": run.path, "BUNDLE": bundle.path, "EMPTY": tmp_path / "empty", "ONE": tmp_path / "one"}
    done = tlpipe(*(places.get(argument, argument) for argument in arguments))

    error = done.stderr[done.stderr.index("error: ") :]  # before it: progress, such as which run is used
    assert done.code == code
    assert said in error and len(error.splitlines()) <= 2
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("named", "run"), [("photos.v2", "photos.v2"), ("photos.v2/.", "photos.v2"), ("photos.v2/kryss/..", "photos.v2")]
)
def test_a_run_is_named_after_its_data(
    tlpipe: Command,
    few: Path,
    options: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    named: str,
    run: str,
) -> None:
    from tlpipe.training import stages

    monkeypatch.setattr(stages, "train", lambda _, out, *__, **___: Run(out, "1-frozen"))
    few.rename(tmp_path / "photos.v2")

    assert tlpipe("train", named, *options).stdout == f"runs/{run}\n"


def shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training and export take no time, and give nothing but the names of their folders."""
    from tlpipe.exporting import assemble
    from tlpipe.training import stages

    def made(file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"schema": 1, "best": "1-frozen"}')

    def train(_: object, out: Path, *__: object, **___: object) -> Run:
        made(out / "1-frozen/model.keras")
        made(out / "run.json")
        return Run.open(out)

    def finetune(run: Run, *_: object, **__: object) -> Run:
        made(run.path / "2-finetuned/model.keras")
        return run

    def export(_: object, __: object, out: Path, **___: object) -> SimpleNamespace:
        made(out / "manifest.json")
        return SimpleNamespace(path=out)

    monkeypatch.setattr(stages, "train", train)
    monkeypatch.setattr(stages, "finetune", finetune)
    monkeypatch.setattr(assemble, "export", export)
    monkeypatch.setattr(run_folder, "check", lambda _: None)


@pytest.mark.parametrize(
    ("module", "step", "kept"),
    [
        ("tlpipe.data.loading", "load", "Nothing was written.\n"),
        (
            "tlpipe.training.stages",
            "_build",
            "The computed features are in the cache.\n",
        ),
        ("tlpipe.training.job", "_fitted", "The computed features are in the cache.\n"),
        ("tlpipe.training.stages", "finetune", "Step 1 is done: the same command goes on with step 2.\n"),
        ("tlpipe.exporting.assemble", "export", "Steps 1 and 2 are done: the same command goes on with step 3.\n"),
        ("tlpipe.evaluation.evaluate", "evaluate", "Steps 1 to 3 are done: the same command goes on with step 4.\n"),
    ],
)
def test_an_interrupted_run_says_what_is_kept(
    tlpipe: Command, few: Path, options: list[str], monkeypatch: pytest.MonkeyPatch, module: str, step: str, kept: str
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if step not in ("load", "_build", "_fitted"):
        shortened(monkeypatch)
    monkeypatch.setattr(importlib.import_module(module), step, interrupted)
    done = tlpipe("run", few, *options)

    assert done.code == 130 and "warning: interrupted. " in done.stderr and kept in done.stderr
    assert "Traceback" not in done.stderr and Path("runs/few").exists() == ("Step" in kept)


@pytest.mark.parametrize(("flags", "name"), [(["--overwrite"], "few"), ([], "few-2")])
def test_overwrite_reaches_the_run_and_its_bundle(
    tlpipe: Command, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], name: str
) -> None:
    """``run --overwrite`` replaces both of that name; without it another name is taken."""
    from tlpipe.evaluation import evaluate

    def evaluated(bundle: Bundle, **_: object) -> None:
        raise Unavailable(f"{bundle.path}", "")

    shortened(monkeypatch)
    monkeypatch.setattr(evaluate, "evaluate", evaluated)
    for folder, marker in (("runs", "run.json"), ("exported", "manifest.json")):
        (tmp_path / folder / "few").mkdir(parents=True)
        (tmp_path / folder / "few" / marker).write_text("{}")

    done = tlpipe("run", few, *flags)
    assert done.code == 69 and f"error: exported/{name}\n" in done.stderr
    assert Path("runs", name, "2-finetuned").is_dir()


def test_an_out_below_a_file_is_refused_before_the_work(
    tlpipe: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = tlpipe("train", few, *options, "--out", "file/run")

    assert done.code == 2 and f"{tmp_path}/file: is a file, not a folder" in done.stderr
    assert "loading TensorFlow" not in done.stderr


def test_a_folder_that_another_run_fills_is_busy(
    tlpipe: Command, few: Path, options: list[str], tmp_path: Path
) -> None:
    with locks.locked(tmp_path / "run"):
        done = tlpipe("train", few, *options, "--out", "run")

    assert done.code == 75 and "another tlpipe process is writing it" in done.stderr
    assert not (tmp_path / "run").exists()


def test_a_run_that_exists_needs_overwrite(tlpipe: Command, few: Path, options: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()

    done = tlpipe("train", few, *options, "--out", "run")
    assert done.code == 2 and "exists already\nName another path, or pass --overwrite" in done.stderr
