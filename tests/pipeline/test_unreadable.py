"""Photographs as people have them: damaged ones are named and left out, odd ones go through."""

import dataclasses
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlpipe import stage, train
from tlpipe.dataset import Dataset
from tlpipe.runs import Config
from tlpipe_edge.errors import BadData


def damage(folder: Path) -> dict[str, str]:
    """Three files that are no photographs, and what is said of them."""
    jpeg = (folder / "00.jpg").read_bytes()
    (folder / "text.jpg").write_text("no picture")
    (folder / "half.jpg").write_bytes(jpeg[: len(jpeg) // 2])
    (folder / "nothing.png").write_bytes(b"")
    return {
        "text.jpg": "not an image that is read here (JPEG, PNG, BMP, GIF, WEBP)",
        "half.jpg": "truncated JPEG",
        "nothing.png": "0 bytes",
    }


def test_damaged_files_are_named_and_left_out(
    few: Path, brief: Config, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reasons = damage(few / "kryss")
    run = train.train(few, tmp_path / "run", brief)
    said = capfd.readouterr().err
    kept = Dataset.read(run.best_stage / stage.SPLITS)

    assert {each.file.name: each.reason for each in kept.unreadable} == reasons
    for name, reason in reasons.items():
        assert f"warning: {few / 'kryss' / name}: {reason}; left out" in said
    assert sum(map(len, kept.splits.values())) == 24
    assert not {e.file.name for examples in kept.splits.values() for e in examples} & set(reasons)
    metrics = json.loads((run.best_stage / stage.METRICS).read_text())
    assert metrics["test"]["images"] == len(kept.splits["test"])


def test_strict_ends_the_training(few: Path, brief: Config, tmp_path: Path) -> None:
    damage(few / "kryss")

    with pytest.raises(BadData, match=r"3 unreadable in all") as caught:
        train.train(few, tmp_path / "run", brief, strict=True)
    assert str(few) in caught.value.what and caught.value.exit_code == 65
    assert not (tmp_path / "run").exists()


def test_a_class_of_damaged_files_alone_ends_the_training(few: Path, brief: Config, tmp_path: Path) -> None:
    for number, file in enumerate((few / "kryss").iterdir()):
        file.write_text(f"no picture {number}")

    with pytest.raises(BadData, match="no readable training image of class 'kryss'"):
        train.train(few, tmp_path / "run", brief)
    assert not (tmp_path / "run").exists()


def test_odd_photographs_go_through_the_whole_training(few: Path, brief: Config, tmp_path: Path) -> None:
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

    run = train.train(few, tmp_path / "run", dataclasses.replace(brief, views=2))
    kept = Dataset.read(run.best_stage / stage.SPLITS)
    assert kept.unreadable == ()
    assert sum(map(len, kept.splits.values())) == 24 + 6 + 8 + 2
