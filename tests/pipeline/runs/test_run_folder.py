"""Run folders: found, opened, refused; and the configuration in JSON."""

import json
import os
from pathlib import Path

import pytest

from tlpipe.runs import places, run_folder
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import BadConfiguration, MissingInput

BEFORE = Path(__file__).parents[2] / "data" / "before_rooms"


def test_a_configuration_survives_json(tmp_path: Path) -> None:
    training = Training(
        alpha=0.35,
        crop=Crop.LETTERBOX,
        deterministic=True,
        head=Head(epochs=3, patience=2),
        finetuning=Finetuning(top_layers=7, cosine=False, warmup_steps=5),
    )
    for number, stage in enumerate((training.head, training.finetuning)):
        (tmp_path / f"{number}.json").write_text(json.dumps(training.document(stage, {"keras": "3"})))

    assert Training.read(tmp_path / "0.json", tmp_path / "1.json") == training
    assert Training.read(tmp_path / "0.json") == training  # which keeps the recipe of the stage to come
    assert json.loads((tmp_path / "0.json").read_text())["versions"] == {"keras": "3"}


def test_a_configuration_has_the_keys_of_its_own_stage() -> None:
    training = Training(finetuning=Finetuning(epochs=3))
    documents = [training.document(stage, {}) for stage in (training.head, training.finetuning)]

    assert [(each["epochs"], each["top_layers"]) for each in documents] == [(15, 0), (3, 50)]
    assert all(each["schema"] == 1 and each["batch_size"] == 32 for each in documents)


def test_a_run_of_the_first_version_is_read_as_it_was_trained() -> None:
    """That version wrote neither patience nor cosine: what both are for its stages is what it did."""
    training = Run.open(BEFORE / "run").training

    assert training.first_stage == Head(epochs=40, learning_rate=1e-2, cosine=True, patience=0)
    assert training.finetuning == Finetuning(epochs=4, learning_rate=3e-4, top_layers=12)
    assert (training.weights, training.image_size, training.views, training.batch_size) == ("none", 64, 2, 8)


def test_a_network_without_weights_trains_all_epochs_by_a_cosine() -> None:
    scratch = Training(weights="none")

    assert scratch.from_scratch and (scratch.first_stage.cosine, scratch.first_stage.patience) == (True, 0)
    assert not Training().from_scratch and Training().first_stage == Head()


@pytest.mark.parametrize(
    "change",
    [
        *({"schema": 2}, {"crop": "squeeze"}, {"alpha": None}, {"alpha": "wide"}, {"deterministic": 1}),
        *({"epochs": None}, {"patience": "long"}),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(tmp_path: Path, change: dict[str, object]) -> None:
    document = Training().document(Head(), {}) | change
    document = {key: value for key, value in document.items() if value is not None}
    (tmp_path / "config.json").write_text(json.dumps(document))

    with pytest.raises(BadConfiguration, match=r"config\.json"):
        Training.read(tmp_path / "config.json")


def test_a_run_knows_its_best_stage_and_those_it_has(tmp_path: Path) -> None:
    (tmp_path / run_folder.FROZEN).mkdir()
    run_folder.write(tmp_path, best=run_folder.FROZEN)
    run = Run.open(tmp_path)

    assert run.best_stage == tmp_path / run_folder.FROZEN and run.stages == (run.best_stage,)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "no run here"), (tmp_path / "gone", "no such run")):
        with pytest.raises(MissingInput, match=said):
            Run.open(path)


@pytest.mark.parametrize("text", ["[]", "{}", '{"schema": 9, "best": "1-frozen"}', '{"schema": 1, "best": "../x"}'])
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
    with pytest.raises(MissingInput, match="Run tlpipe export first"):
        places.newest(tmp_path, marker="manifest.json", made_by="tlpipe export")


def test_a_new_run_takes_no_name_that_is_taken_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    usual = tmp_path / "shoes"
    for expected in ("shoes", "shoes-2", "shoes-3"):
        path = places.free(usual, overwrite=False)
        assert path.name == expected
        assert capsys.readouterr().err == f"{usual} exists: writing to {path}\n" * (path != usual)
        path.mkdir()
    assert places.free(usual, overwrite=True) == usual and capsys.readouterr().err == ""
