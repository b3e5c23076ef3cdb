"""Images as people have them: damaged ones are named and not trained on, odd ones go through."""

import dataclasses
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tlpipe.conversion import recipes
from tlpipe.data import loading
from tlpipe.data.dataset import Dataset
from tlpipe.evaluation import evaluate
from tlpipe.exporting import assemble
from tlpipe.pictures import plots
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Training
from tlpipe.training import stages
from tlpipe_edge.errors import BadData

OUTCOME = re.compile("; (?:left out of training|counts as wrong in (?:validation|test))\\n")
"""What becomes of an image that could not be read, at the end of the warning."""


def damage(folder: Path) -> dict[str, str]:
    """Three damaged images, and what is said of them."""
    jpeg = next(folder.glob("*.jpg")).read_bytes()
    (folder / "text.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "begun.png").write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    return {
        "text.jpg": "cannot be decoded as JPEG (its header is truncated or damaged)",
        "half.jpg": "truncated JPEG",
        "begun.png": "cannot be decoded as PNG (Truncated File Read)",
    }


def problems(dataset: Dataset) -> dict[str, str]:
    """What is wrong with the images of all splits, by the names of their files."""
    examples = [example for split in dataset.splits.values() for example in split]
    return {example.file.name: example.problem for example in examples if example.problem is not None}


def test_damaged_files_are_named_with_what_becomes_of_them(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reasons = damage(few / "kryss")
    run = stages.train(loading.load(few), tmp_path / "run", brief)
    said = capfd.readouterr().err
    kept = Dataset.read(run.best_stage / run_folder.SPLITS)

    assert problems(kept) == reasons
    for name, reason in reasons.items():
        (split,) = (split for split, each in kept.splits.items() if name in {example.file.name for example in each})
        outcome = "left out of training" if split == "train" else f"counts as wrong in {split}"
        assert f"warning: {few / 'kryss' / name}: {reason}; {outcome}\n" in said
    assert len(OUTCOME.findall(said)) == len(reasons)
    assert sum(map(len, kept.splits.values())) == 24 + len(reasons)


def test_an_unreadable_test_image_counts_as_wrong_from_training_to_evaluation(
    few: Path, brief: Training, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, draw = [], plots.confusion_matrix

    def noted(cells: np.ndarray, labels: Sequence[str], file: Path, **named: Any) -> None:
        drawn.append((cells[:, 2].sum(), named))
        draw(cells, labels, file, **named)

    monkeypatch.setattr(plots, "confusion_matrix", noted)
    for label in ("-blå ring", "green bars", "kryss"):
        for split, count in (("train", 4), ("validation", 2), ("test", 2)):
            folder = tmp_path / "split" / split / label
            folder.mkdir(parents=True)
            for file in sorted((few / label).iterdir())[:count]:
                shutil.move(file, folder)
    damage(tmp_path / "split/test/kryss")
    run = stages.train(loading.load(tmp_path / "split"), tmp_path / "run", brief)
    metrics = json.loads((run.best_stage / run_folder.METRICS).read_text())
    assert (metrics["test"]["images"], metrics["test"]["unreadable"]) == (9, 3)
    assert metrics["test"]["per_class"]["kryss"] <= 2 / 5
    assert drawn == [(6, {"caption": "test images", "unreadable": 3})]

    run = stages.finetune(run, Finetuning(top_layers=0, epochs=1, learning_rate=1e-4))
    bundle = assemble.export(run, recipes.parse(["float32"]), tmp_path / "bundle")
    reference = bundle.reference()
    assert np.isnan(reference.probabilities).all(axis=1).sum() == 3 and len(reference.true_labels) == 9
    evaluation = evaluate.evaluate(bundle)
    assert evaluation.images == 9 and len(evaluation.failed_images) == 3
    assert evaluation.artifacts[0].top1 <= 6 / 9 and evaluation.artifacts[0].agreement == 1.0


def test_a_file_that_the_system_will_not_read_is_named_too(
    few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (few / "kryss/broken.jpg").symlink_to("/proc/self/mem")  # a regular file; reading its start is an error of the disk
    run = stages.train(loading.load(few), tmp_path / "run", brief)

    kept = Dataset.read(run.best_stage / run_folder.SPLITS)
    assert problems(kept) == {"broken.jpg": "cannot be read (Input/output error)"}
    assert "kryss/broken.jpg: cannot be read (Input/output error); " in capfd.readouterr().err
    with pytest.raises(BadData, match=r"1 unreadable in all"):
        stages.train(loading.load(few), tmp_path / "strict", brief, strict=True)


def test_a_name_that_is_not_unicode_goes_through(few: Path, brief: Training, tmp_path: Path) -> None:
    odd = few / "kryss" / os.fsdecode(b"caf\xe9.jpg")
    shutil.copy(few / "kryss/00.jpg", odd)
    (few / "kryss/00.jpg").unlink()
    run = stages.train(loading.load(few), tmp_path / "run", brief)

    kept = Dataset.read(run.best_stage / run_folder.SPLITS)
    assert odd in {example.file for examples in kept.splits.values() for example in examples}


@pytest.mark.parametrize("crop", [False, True])
def test_each_damaged_file_is_warned_of_once_and_strict_holds(
    crop: bool, few: Path, brief: Training, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    damage(few / "kryss")
    with pytest.raises(BadData, match=r"3 unreadable in all"):
        stages.train(loading.load(few), tmp_path / "run", brief, crop_auto=crop, strict=True)
    capfd.readouterr()
    stages.train(loading.load(few), tmp_path / "run", brief, crop_auto=crop)
    assert len(OUTCOME.findall(capfd.readouterr().err)) == 3


def test_strict_ends_the_training(few: Path, brief: Training, tmp_path: Path) -> None:
    damage(few / "kryss")

    with pytest.raises(BadData, match=r"3 unreadable in all") as caught:
        stages.train(loading.load(few), tmp_path / "run", brief, strict=True)
    assert str(few) in caught.value.what and caught.value.exit_code == 65
    assert not (tmp_path / "run").exists()


def test_a_class_of_damaged_files_alone_ends_the_training(few: Path, brief: Training, tmp_path: Path) -> None:
    for number, file in enumerate((few / "kryss").iterdir()):
        file.write_bytes(b"\xff\xd8\xff no picture %d" % number)

    with pytest.raises(BadData, match="no readable training image of class 'kryss'"):
        stages.train(loading.load(few), tmp_path / "run", brief)
    assert not (tmp_path / "run").exists()


def test_odd_photographs_go_through_the_whole_training(few: Path, brief: Training, tmp_path: Path) -> None:
    folder = few / "kryss"
    with Image.open(folder / "00.jpg") as picture:
        picture.convert("CMYK").save(folder / "cmyk.jpg")
        picture.convert("L").save(folder / "grey.jpg")
        picture.quantize(16).save(folder / "palette.png")
        picture.quantize(16).save(folder / "palette.gif")
        picture.convert("RGBA").resize((200, 20)).save(folder / "transparent.webp")
        picture.resize((1, 40)).save(folder / "narrow.bmp")
        for orientation in range(1, 9):
            exif = Image.Exif()
            exif[0x0112] = orientation
            picture.save(folder / f"turned-{orientation}.jpg", exif=exif)
        sixteen = np.asarray(picture.convert("L")).astype(np.uint16) << 8
    Image.fromarray(sixteen).save(folder / "sixteen-bit.png")
    shutil.copy(folder / "00.jpg", folder / "NO SUFFIX")

    run = stages.train(loading.load(few), tmp_path / "run", dataclasses.replace(brief, views=2))
    kept = Dataset.read(run.best_stage / run_folder.SPLITS)
    assert problems(kept) == {}
    assert sum(map(len, kept.splits.values())) == 24 + 6 + 8 + 2
