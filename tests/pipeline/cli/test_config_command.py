"""``tlpipe config``: the values and their origin, and the configuration of a run, which repeats it."""

import dataclasses
import json
import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import older
import pytest

from tlpipe import full_run
from tlpipe.data.dataset import Dataset
from tlpipe.runs.config import Finetuning
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import Run
from tlpipe.workflow import TrainingJob

Command = Callable[..., Any]
BEFORE = Path(__file__).parents[2] / "data" / "before_rooms"


def values(written: str) -> dict[str, tuple[str, str]]:
    """The value and the comment of each line, by key."""
    lines = [line for line in written.splitlines() if " = " in line and not line.startswith("#")]
    return {key: tuple(rest.split("  # ")) for key, rest in (line.split(" = ", 1) for line in lines)}  # type: ignore[misc]


def test_each_value_has_its_origin(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "tlpipe.toml").write_text("seed = 3\n[train]\nepochs = 15")
    done = tlpipe("config", "train")

    found = values(done.stdout)
    assert (done.code, done.stderr, done.stdout.splitlines()[0]) == (0, "", "[train]")
    assert found["seed"] == ("3", "tlpipe.toml")
    assert found["epochs"] == ("15", "tlpipe.toml")  # the default, but written down
    assert found["crop"] == ('"center-crop"', "default")
    assert "# out is not set" in done.stdout


def test_run_shows_its_second_stage(tlpipe: Command, tmp_path: Path) -> None:
    (tmp_path / "tlpipe.toml").write_text("[finetune]\nepochs = 2")
    found = tomllib.loads(tlpipe("config", "run").stdout)

    assert list(found) == ["run", "finetune", "report"]
    assert found["run"]["epochs"] == 15 and found["finetune"]["epochs"] == 2


def test_run_shows_the_head_of_its_report(tlpipe: Command, tmp_path: Path) -> None:
    """A date without quotes is one, too."""
    (tmp_path / "tlpipe.toml").write_text('[report]\ntitle = "Clothes"\nout = "reports/x"\ndata-date = 2026-05-31')
    done = tlpipe("config", "run")

    assert tomllib.loads(done.stdout)["report"] == {"title": "Clothes", "data-date": "2026-05-31"}
    assert done.stdout.endswith(
        '[report]\ntitle = "Clothes"  # tlpipe.toml\n# purpose is not set\n# author is not set\n'
        'data-date = "2026-05-31"  # tlpipe.toml\n'
    )


def test_the_output_is_a_file_with_the_same_values(tlpipe: Command, tmp_path: Path) -> None:
    text = 'seed = 3\n[train]\ndata = "ä \\" b\\\\c"\n[export]\nquantize = ["int8", "float16"]\n[run]\nepochs = 1\n'
    (tmp_path / "tlpipe.toml").write_text(text, "utf-8")
    first = tlpipe("config").stdout
    (tmp_path / "again.toml").write_text(first, "utf-8")
    again = tlpipe("config", "--config", "again.toml")

    assert again.code == 0 and tomllib.loads(again.stdout) == tomllib.loads(first)
    assert tomllib.loads(first)["run"] == {"epochs": 1, "bench": "recommended"}  # the rest is in [train]
    assert tomllib.loads(first)["train"]["data"] == 'ä " b\\c'


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("trian",), 2, "no command trian\nDid you mean train?"),
        (("train", "--run", "x"), 2, "exclude each other"),
        (("--run", "x"), 66, "no such run"),
    ],
)
def test_a_wrong_command_or_run_is_refused(tlpipe: Command, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = tlpipe("config", *arguments)

    assert done.code == code and said in done.stderr and done.stdout == ""


def test_a_run_is_repeated_by_its_configuration(
    tlpipe: Command, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = tlpipe("config", "--run", run.path)
    (tmp_path / "again.toml").write_text(done.stdout, "utf-8")
    jobs: list[TrainingJob] = []

    def caught(job: TrainingJob, **_: object) -> None:
        jobs.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(full_run, "run", caught)
    tlpipe("run", "--config", "again.toml")

    (job,) = jobs
    assert (done.code, done.stderr) == (0, "")
    assert job.training == run.training and job.training.finetuning == Finetuning(
        top_layers=20, epochs=2, learning_rate=2e-4
    )
    assert (job.validation_fraction, job.test_fraction, job.crop_auto) == (0.1, 0.25, False)
    assert job.data == Dataset.read(run.best_stage / "splits.json").source


def test_the_first_stage_comes_out_the_same(tlpipe: Command, run: Run, tmp_path: Path) -> None:
    (tmp_path / "again.toml").write_text(tlpipe("config", "--run", run.path).stdout, "utf-8")
    done = tlpipe("train", "--config", "again.toml", "--out", "again")

    again = Run.open(tmp_path / "again")
    assert done.code == 0 and again.training == run.training
    splits, histories = (
        [each.path / "1-frozen" / name for each in (run, again)] for name in ("splits.json", "history.jsonl")
    )
    assert splits[0].read_text() == splits[1].read_text()
    rates = [[(each.number, each.learning_rate) for each in History.read(file).epochs] for file in histories]
    losses = [[each.loss for each in History.read(file).epochs] for file in histories]
    assert rates[0] == rates[1] and losses[0] == pytest.approx(losses[1], rel=1e-3)  # threads sum in any order


def test_a_run_of_the_first_version_says_what_is_not_known(tlpipe: Command) -> None:
    done = tlpipe("config", "--run", BEFORE / "run")
    found = tomllib.loads(done.stdout)
    training = Run.open(BEFORE / "run").training

    assert done.code == 0 and found["train"]["weights"] == "none"
    assert found["train"]["epochs"] == training.head.epochs and found["train"]["class-weights"] == "none"
    assert found["finetune"] == {"top-layers": 12, "epochs": 4, "learning-rate": 3e-4}
    assert "validation fraction was not recorded; it is estimated" in done.stderr
    assert values(done.stdout)["validation-fraction"][1].startswith("about: ")


def test_what_follows_from_other_options_is_not_missed(tlpipe: Command, tmp_path: Path) -> None:
    """A network without weights always trains by a cosine and without patience."""
    shutil.copytree(BEFORE / "run", tmp_path / "run")
    file = tmp_path / "run/1-frozen/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"cosine": True, "patience": 0}))

    assert "no option" not in tlpipe("config", "--run", "run").stderr


def test_what_only_python_can_set_is_named(tlpipe: Command, tiny_run: Run, tmp_path: Path) -> None:
    shutil.copytree(tiny_run.path, tmp_path / "copy")
    file = older.without_checksums(tmp_path / "copy") / "1-frozen/config.json"
    document = json.loads(file.read_text())
    file.write_text(json.dumps(document | {"dropout": 0.5, "patience": 9}))
    done = tlpipe("config", "--run", "copy")

    named = [line.split(": ", 2)[2].split(";")[0] for line in done.stderr.splitlines()]
    assert named == ["dropout was 0.5", "patience was 9"]
    train = tomllib.loads(done.stdout)["train"]
    assert train["backbone"] == "tiny" and not {"dropout", "patience"} & set(train)


def test_no_setting_is_left_out_in_silence(tlpipe: Command, run: Run, tmp_path: Path) -> None:
    """Every field of the configuration has an option, or a warning when it is changed."""
    changed = {
        "top_layers": 3,
        "weight_decay": 0.5,
        "label_smoothing": 0.3,
        "cosine": True,
        "average": True,
        "patience": 1,
        "warmup_steps": 7,
        "dropout": 0.1,
    }
    shutil.copytree(run.path, tmp_path / "copy")
    file = older.without_checksums(tmp_path / "copy") / "1-frozen/config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changed))
    done = tlpipe("config", "--run", "copy")
    options = {key.replace("-", "_") for key in tomllib.loads(done.stdout)["train"]}
    fields = {field.name for kind in (run.training, run.training.head) for field in dataclasses.fields(kind)}

    assert fields - {"head", "finetuning", "backbone"} - options == changed.keys()
    assert all(f"{name} was {value!r}" in done.stderr for name, value in changed.items())
