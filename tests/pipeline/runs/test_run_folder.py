"""Run folders: found, opened, refused; and the configuration in JSON."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from tlpipe.runs import places, run_folder
from tlpipe.runs.config import Config
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import BadConfiguration, MissingInput


def test_a_configuration_survives_json(tmp_path: Path) -> None:
    config = Config("imagenet", alpha=0.35, crop=Crop.LETTERBOX, top_layers=50, deterministic=True)
    (tmp_path / "config.json").write_text(config.to_json({"keras": "3"}))

    assert Config.read(tmp_path / "config.json") == config
    assert json.loads((tmp_path / "config.json").read_text())["versions"] == {"keras": "3"}


@pytest.mark.parametrize(
    "change", [{"schema": 2}, {"crop": "squeeze"}, {"alpha": None}, {"alpha": "wide"}, {"deterministic": 1}]
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    document = {"schema": 1} | dataclasses.asdict(Config("none")) | change
    document = {key: value for key, value in document.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(document))

    with pytest.raises(BadConfiguration, match=r"config\.json"):
        Config.read(tmp_path / "config.json")


def test_a_run_knows_its_best_stage_and_those_it_has(tmp_path: Path) -> None:
    (tmp_path / run_folder.FROZEN).mkdir()
    run_folder.write(tmp_path, best=run_folder.FROZEN)
    run = Run.open(tmp_path)

    assert run.best_stage == tmp_path / run_folder.FROZEN and run.stages == (run.best_stage,)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone"):
        with pytest.raises(MissingInput, match="no run here"):
            Run.open(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 9, "best": "1-frozen"}', '{"schema": 1, "best": "../x"}'])
def test_a_damaged_run_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / run_folder.RUN_FILE).write_text(text)

    with pytest.raises(BadConfiguration, match=r"run\.json"):
        Run.open(tmp_path)


def test_the_newest_run_is_chosen(tmp_path: Path) -> None:
    for name, changed in (("b", 30), ("a", 20), ("c", 10), (".partial", 40)):
        (tmp_path / name).mkdir()
        run_folder.write(tmp_path / name, best=run_folder.FROZEN)
        os.utime(tmp_path / name / run_folder.RUN_FILE, (changed, changed))
    (tmp_path / "empty").mkdir()

    assert places.newest(tmp_path, marker=run_folder.RUN_FILE, made_by="tlpipe train") == tmp_path / "b"
    with pytest.raises(MissingInput, match="Make something with tlpipe export first"):
        places.newest(tmp_path, marker="manifest.json", made_by="tlpipe export")


def test_a_new_run_takes_no_name_that_is_taken(tmp_path: Path) -> None:
    for expected in ("shoes", "shoes-2", "shoes-3"):
        path = places.unused(tmp_path / "shoes")
        assert path.name == expected
        path.mkdir()
