"""The evaluation: its numbers counted once more by hand, its document, its gate, and the images it may take."""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import older
import pytest

from tlpipe.conversion.recipes import RECIPES
from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset
from tlpipe.data.pixels import read_pixels
from tlpipe.evaluation import evaluate, per_image
from tlpipe.evaluation.significance import mcnemar, only_one
from tlpipe.network import build
from tlpipe.reporting import publish
from tlpipe.runs import places, run_folder
from tlpipe.runs.run_folder import Run
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.leftovers import CHECKPOINT
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.errors import BadData, Busy, MissingInput
from tlpipe_edge.tflite.interpreter import Session

RATES = ["top1", "top1_interval", "top5", "ties", "per_class", "balanced_accuracy"]
ARTIFACT = {
    *("recipe", "file", "sha256", "bytes", "agreement", "max_probability_difference", "mcnemar_p", "drop_bound"),
    *RATES,
}


def evaluated(bundle: Bundle, **options: Any) -> dict[str, Any]:
    """The document of an evaluation."""
    return dict(json.loads(evaluate.evaluate(bundle, **options).to_json()))


@pytest.fixture
def copied(bundle: Bundle, run: Run, tmp_path: Path) -> Bundle:
    """The bundle and its run side by side elsewhere, to change."""
    shutil.copytree(run.path, tmp_path / "runs/drawn")
    copy = Path(shutil.copytree(bundle.path, tmp_path / "exported/drawn"))
    provenance = replace(bundle.manifest.provenance, keras_file=f"../../runs/drawn/{run.best}/model.keras")
    (copy / "manifest.json").write_text(replace(bundle.manifest, provenance=provenance).to_json())
    return Bundle.open(copy)


@pytest.fixture
def wrong(photographs: Path, tmp_path: Path) -> Path:
    """Pictures of which about half are in the wrong folder, so that no rate is 0 or 1."""
    folder = tmp_path / "wrong"
    for label, other in (("-blå ring", "-blå ring"), ("green bars", "kryss"), ("kryss", "green bars")):
        (folder / label).mkdir(parents=True)
        for number, source in enumerate([label, label, label, other, other]):
            shutil.copy(photographs / source / f"{2 * number:02}.jpg", folder / label / f"{number}.jpg")
    return folder


def keras_file(bundle: Bundle) -> Path:
    return (bundle.path / bundle.manifest.provenance.keras_file).resolve()


def recount(bundle: Bundle, images: list[tuple[Path, int]]) -> dict[str, np.ndarray]:
    """(N, classes) scores by the shortest way there is, with no code of the evaluation."""
    from tlpipe_edge.images.decode import load

    pixels = np.stack([load(file, bundle.manifest.image) for file, _ in images])
    scores = {"keras": build.load(keras_file(bundle)).predict(pixels.astype(np.float32), verbose=0)}
    for artifact in bundle.manifest.artifacts:
        session = Session((bundle.path / artifact.file).read_bytes())
        scores[artifact.recipe] = np.stack([session.run(p[None].astype(session.input.dtype)) for p in pixels])
    return scores


def test_the_document_has_the_stated_keys(evaluation: dict[str, Any], bundle: Bundle) -> None:
    assert list(evaluation) == [
        "schema",
        "images",
        "split",
        "keras",
        "artifacts",
        "failed_images",
        "gate",
        "trained_on",
        "checksum",
    ]
    assert set(evaluation["keras"]) == set(RATES)
    assert [artifact["recipe"] for artifact in evaluation["artifacts"]] == list(RECIPES)
    for artifact in evaluation["artifacts"]:
        assert set(artifact) >= ARTIFACT
        assert list(artifact["per_class"]) == list(bundle.manifest.labels)
    assert (evaluation["schema"], evaluation["gate"], evaluation["failed_images"]) == (1, None, [])
    assert json.loads((bundle.path / "evaluation.json").read_text()) == evaluation


def test_the_images_are_those_of_the_test_split(evaluation: dict[str, Any], run: Run) -> None:
    examples = Dataset.read(run.best_stage / run_folder.SPLITS).splits["test"]

    assert evaluation["images"] == len(examples) and evaluation["split"] == "test, held out from train"


def test_the_numbers_are_those_of_a_recount(copied: Bundle, wrong: Path) -> None:
    document = evaluated(copied, data=wrong)
    labels = copied.manifest.labels
    images = [(file, index) for index, label in enumerate(labels) for file in sorted((wrong / label).iterdir())]
    truth = np.array([index for _, index in images])
    scores = recount(copied, images)

    train = {example.sha256 for example in Dataset.read(keras_file(copied).parent / run_folder.SPLITS).splits["train"]}
    seen = sum(hashlib.sha256(file.read_bytes()).hexdigest() in train for file, _ in images)
    assert 0 < seen < 15
    assert (document["images"], document["split"], document["trained_on"]) == (15, "wrong", seen)
    assert 0.3 < document["keras"]["top1"] < 0.9
    for stated in [document["keras"] | {"recipe": "keras"}, *document["artifacts"]]:
        of_it = scores[stated["recipe"]]
        right = of_it.argmax(axis=1) == truth
        assert stated["top1"] == right.mean()
        assert stated["top5"] == 1.0  # of three classes
        for index, label in enumerate(labels):
            expected = {"images": 5, "correct": int(right[truth == index].sum()), "top1": right[truth == index].mean()}
            assert stated["per_class"][label] == expected
        if stated["recipe"] != "keras":
            same = of_it.argmax(axis=1) == scores["keras"].argmax(axis=1)
            assert stated["agreement"] == same.mean()
            # batches of another size may add up in another order
            largest = np.abs(of_it - scores["keras"]).max()
            assert stated["max_probability_difference"] == pytest.approx(largest, abs=1e-5)


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (3, 3, 1.0), (5, 0, 2 / 32), (6, 1, 2 * 8 / 128), (2, 8, 2 * 56 / 1024)],
)
def test_mcnemars_test_by_hand(only_first: int, only_second: int, p: float) -> None:
    """The two tails of the binomial distribution with 1/2, counted."""
    both = 4
    first = np.array([True] * (only_first + both) + [False] * only_second)
    second = np.array([False] * only_first + [True] * (both + only_second))

    assert mcnemar(*only_one(first, second)) == pytest.approx(p)


def test_an_image_that_cannot_be_read_counts_as_wrong_and_is_named(copied: Bundle, wrong: Path) -> None:
    before = evaluated(copied, data=wrong)
    bad = wrong / "kryss/bad.jpg"
    bad.write_bytes(b"\xff\xd8\xff no picture")
    document = evaluated(copied, data=wrong)

    reason = "cannot be decoded as JPEG (its header is truncated or damaged)"
    assert document["failed_images"] == [{"file": str(bad), "reason": reason}]
    assert document["images"] == 16
    for old, new in zip(before["artifacts"], document["artifacts"], strict=True):
        assert new["top1"] == pytest.approx(old["top1"] * 15 / 16)
        assert new["per_class"]["kryss"]["images"] == 6
        assert new["agreement"] == old["agreement"]
        assert new["mcnemar_p"] == old["mcnemar_p"]


def test_images_of_which_none_can_be_read_have_no_result(copied: Bundle, tmp_path: Path) -> None:
    (tmp_path / "bad/kryss").mkdir(parents=True)
    (tmp_path / "bad/kryss/a.jpg").write_bytes(b"\xff\xd8\xff no picture")

    with pytest.raises(
        BadData, match=r"none of the 1 images can be read; the first: .*kryss/a\.jpg: cannot be decoded"
    ):
        evaluated(copied, data=tmp_path / "bad")


def test_the_predictions_are_replaced_with_the_evaluation(
    copied: Bundle, wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (wrong / "kryss/bad.jpg").write_bytes(b"\xff\xd8\xff no picture")
    files = [file for label in copied.manifest.labels for file in sorted((wrong / label).iterdir())]
    document = evaluated(copied, data=wrong)
    assert f"replacing the evaluation in {copied.path}" in " ".join(capsys.readouterr().err.split())
    found = per_image.read(copied)

    hashes = {hashlib.sha256(file.read_bytes()).digest(): file for file in files}
    of_files = [hashes[bytes(each)] for each in found.images]
    assert sorted(of_files) == sorted(files)
    assert [copied.manifest.labels[index] for index in found.true_labels] == [file.parent.name for file in of_files]
    assert [file.name for file, index in zip(of_files, found.keras, strict=True) if index < 0] == ["bad.jpg"]
    assert (found.keras == found.true_labels).mean() == document["keras"]["top1"]


def test_an_evaluation_that_ends_early_leaves_all_as_it_was(
    copied: Bundle, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copied.path)

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evaluate.model_card, "render", fail)
    with pytest.raises(OSError, match="No space left"):
        evaluated(copied, data=wrong)
    assert contents(copied.path) == before


def test_an_evaluation_that_ends_between_its_files_is_finished_by_the_next_command(
    copied: Bundle, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(copied.path)
    replace, moved = Path.replace, []

    def ended(path: Path, target: Path) -> Path:
        if path.parent.name.endswith("committed"):
            moved.append(path.name)
            if len(moved) == 2:
                raise KeyboardInterrupt
        return replace(path, target)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", ended)
        evaluated(copied, data=wrong)
    opened = places.bundle(copied.path)

    assert len(per_image.read(opened).images) == 15
    after = contents(copied.path)
    assert {name for name in after if after[name] != before[name]} == {
        *("predictions.npz", "evaluation.json", "MODEL_CARD.md")
    }


def test_a_changed_digit_in_an_evaluation_is_damage(copied: Bundle, tmp_path: Path) -> None:
    file = copied.path / "evaluation.json"
    document = json.loads(file.read_text())
    document["keras"]["top1"] = round(1 - document["keras"]["top1"], 4)
    file.write_text(json.dumps(document))

    with pytest.raises(BadData, match="damaged or edited"):
        publish.of_paths([copied.path], tmp_path / "report")
    file.write_text(json.dumps({key: document[key] for key in document if key != "checksum"}))
    publish.of_paths([copied.path], tmp_path / "report")


def contents(folder: Path) -> dict[str, bytes]:
    """All files, but for locks, and for the scores that a stopped evaluation keeps."""
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix != ".lock"]
    files = [file for file in files if not CHECKPOINT.fullmatch(file.parent.name)]
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


def test_results_of_a_replaced_bundle_are_not_written_into_the_new_one(
    copied: Bundle, wrong: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest, score = copied.path / "manifest.json", evaluate._score
    before = {file.name: file.read_bytes() for file in copied.path.iterdir() if file.is_file() and file != manifest}

    def replaced(*arguments: Any) -> Any:
        manifest.write_text(f"{manifest.read_text()} ")
        return score(*arguments)

    monkeypatch.setattr(evaluate, "_score", replaced)
    with pytest.raises(Busy, match="replaced while it was evaluated\nEvaluate it again"):
        evaluated(copied, data=wrong)
    after = {file.name: file.read_bytes() for file in copied.path.iterdir() if file.is_file() and file != manifest}
    assert after == before


def test_a_class_may_be_missing_from_the_images(copied: Bundle, wrong: Path) -> None:
    shutil.rmtree(wrong / "kryss")
    document = evaluated(copied, data=wrong)

    assert document["keras"]["per_class"]["kryss"] == {"images": 0, "correct": 0, "top1": None}
    assert "| kryss |" not in (copied.path / "MODEL_CARD.md").read_text()


def test_images_of_a_class_that_the_model_does_not_know_do_not_count(
    copied: Bundle, wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (wrong / "kryss").rename(wrong / "square")

    assert evaluated(copied, data=wrong)["images"] == 10
    said = "not a class of the model, so it does not count for accuracy: 'square' (5 images)"
    assert f"warning: {wrong}: {said}\n" in capsys.readouterr().err


def test_the_gate(copied: Bundle, wrong: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert evaluated(copied, data=wrong, limits=Limits(1.0))["gate"] == {
        "max_drop": 1.0,
        "passed": True,
        "failures": [],
        "min_agreement": None,
    }
    always_the_last_class = np.array([0.0, 0.0, 1.0], np.float32)
    monkeypatch.setattr(Session, "read_output", lambda _: always_the_last_class)
    gate = evaluated(copied, data=wrong, limits=Limits(0.1))["gate"]
    assert gate["passed"] is False
    assert [failure.split(":")[0] for failure in gate["failures"]] == list(RECIPES)


def test_a_run_that_moved_can_be_named(copied: Bundle, tmp_path: Path, evaluation: dict[str, Any]) -> None:
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    with pytest.raises(MissingInput, match="Name it with --keras FILE"):
        evaluated(copied)

    (file,) = (tmp_path / "elsewhere/drawn/2-finetuned").glob("*.keras")
    assert evaluated(copied, keras_file=file)["keras"] == evaluation["keras"]


def test_a_keras_file_that_changed_is_refused(copied: Bundle) -> None:
    keras_file(copied).write_bytes(keras_file(copied).read_bytes() + b"\0")

    with pytest.raises(BadData, match="not the model that was exported"):
        evaluated(copied)


def test_another_keras_model_is_refused(copied: Bundle, run: Run) -> None:
    """The frozen stage has the same shapes and labels, and is another model all the same."""
    with pytest.raises(BadData, match="not the model that was exported"):
        evaluated(copied, keras_file=next(s for s in run.stages if s != run.best_stage) / run_folder.MODEL)


def test_without_a_test_split_the_document_says_validation(copied: Bundle) -> None:
    splits = older.without_checksums(keras_file(copied).parent) / run_folder.SPLITS
    document = json.loads(splits.read_text())
    del document["splits"]["test"]
    splits.write_text(json.dumps(document | {"cut_from_train": ["validation"]}))

    assert evaluated(copied)["split"] == "validation (there is no test split), held out from train"


def test_pixels_are_those_of_training(run: Run, bundle: Bundle) -> None:
    from tlpipe_edge.images.decode import load

    example = Dataset.read(run.best_stage / run_folder.SPLITS).splits["test"][0]
    spec = bundle.manifest.image
    np.testing.assert_array_equal(read_pixels(example, View(), spec), load(example.file, spec))


@pytest.mark.parametrize(
    ("record", "shape"),
    [
        ({"done": 2, "failed": []}, (3, 2)),
        ({"done": 3, "failed": []}, (2, 2)),
        ({"done": 2, "failed": [{"file": "1.jpg"}]}, (2, 2)),
        ({"done": 2}, (2, 2)),
        ({"done": "2", "failed": []}, (2, 2)),
    ],
)
def test_saved_scores_that_do_not_fit_are_computed_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record: dict[str, object], shape: tuple[int, int]
) -> None:
    saved = Checkpoint(tmp_path / "evaluation.json", "0" * 16)
    saved.save("scores", record, {"keras": np.zeros(shape, np.float32)}, reached="")
    scores = {"keras": np.full((2, 2), np.nan, np.float32)}

    assert evaluate._continued(saved, scores) == (0, []) and np.isnan(scores["keras"]).all()
    assert "is damaged, so it is computed again" in " ".join(capsys.readouterr().err.split())
