"""Folders as people have them become classes and splits: what takes no places there, and names that are nearly one."""

import os
from collections import Counter
from pathlib import Path

import junk
import pytest

from tlpipe.data import loading
from tlpipe.data.dataset import Dataset
from tlpipe_edge.errors import BadData

COMPOSED, DECOMPOSED = "caf\xe9", "cafe\u0301"
JPEG_2000 = b"\0\0\0\x0cjP  \r\n\x87\n"
"""The first bytes of a format that is not read here."""


def fill(folder: Path, *, count: int = 10) -> Path:
    """A class folder of ``count`` different files that begin like a JPEG."""
    folder.mkdir(parents=True)
    for number in range(count):
        (folder / f"{number:02}.jpg").write_bytes(b"\xff\xd8\xff" + os.fsencode(f"{folder} {number}"))
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two classes of ten images."""
    fill(tmp_path / "data/cat")
    fill(tmp_path / "data/hat")
    return tmp_path / "data"


def sizes(found: Dataset) -> dict[str, int]:
    return {split: len(examples) for split, examples in found.splits.items()}


def refusal(data: Path) -> BadData:
    with pytest.raises(BadData) as caught:
        loading.load(data)
    return caught.value


def test_what_is_no_image_takes_no_places_in_the_splits(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = loading.load(data)
    capsys.readouterr()
    junk.strew(data, "cat")
    for number in range(5):
        (data / f"hat/scan{number}.jp2").write_bytes(JPEG_2000 + bytes([number]))

    found = loading.load(data)
    assert found == before and found.warnings == ()
    (line,) = (line for line in capsys.readouterr().err.splitlines() if "passed over" in line)
    assert line.startswith(f"warning: {data}: passed over ") and "6 JPEG 2000 images" in line


def test_splits_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for split in ("train", "validation", "test"):
        for label in ("cat", "hat"):
            (fill(tmp_path / "split" / split / label) / "notes.txt").write_text("a text")

    loading.load(tmp_path / "split")
    assert f"{tmp_path}/split: passed over 6 text files\n" in capsys.readouterr().err


def test_a_damaged_image_stays_in_its_split(data: Path) -> None:
    (data / "cat/half.jpg").write_bytes(b"\xff\xd8\xff half")

    assert sum(sizes(loading.load(data)).values()) == 21


def test_a_class_that_is_left_with_no_images_is_named_with_what_is_in_it(data: Path) -> None:
    (data / "bird").mkdir()
    for number in range(3):
        (data / f"bird/{number}.jp2").write_bytes(JPEG_2000)
    (data / "bird/notes.txt").write_text("a text")

    assert refusal(data).what == f"{data}/bird: the class has no images, but 3 JPEG 2000 images, 1 text file"


def test_a_class_that_is_left_with_too_few_images_is_named_with_what_was_passed_over(data: Path) -> None:
    fill(data / "bird", count=2)
    (data / "bird/empty.jpg").touch()

    reason = "too few different images to hold out a split (passed over: 1 empty file (empty.jpg))"
    assert refusal(data).what == f"class 'bird': {reason}"


def test_a_class_without_readable_training_images_is_named_with_how_many_there_are(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        fill(tmp_path / split / "cat", count=2)
        fill(tmp_path / split / "hat", count=2)
    for file in (tmp_path / "train/hat").iterdir():
        file.unlink()
        file.symlink_to("/proc/self/mem")  # which nobody reads
    (tmp_path / "train/hat/scan.jp2").write_bytes(JPEG_2000)

    why = "no readable training image of class 'hat' (2 unreadable; passed over: 1 JPEG 2000 image)"
    assert refusal(tmp_path).what == f"{tmp_path}: {why}"


def test_images_outside_of_class_folders_are_told_by_their_content(data: Path) -> None:
    for name in ("loose", "8f14e45f"):
        (data / name).write_bytes(b"\xff\xd8\xff loose")
    (data / "loose.jpg").write_text("a text")

    assert loading.load(data).warnings == (f"{data}: 2 images outside of the class folders are not used",)


def test_system_folders_are_no_classes(data: Path) -> None:
    for name in ("__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"):
        fill(data / name)

    assert loading.load(data).labels == ("cat", "hat")


def test_a_list_of_files_that_are_no_images(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{label}/{number:02}.jpg,{label}\n" for label in ("cat", "hat") for number in range(10))
    (data / "list.csv").write_text(f"path,label\n{rows}list.csv,cat\n")

    assert sum(sizes(loading.load(data / "list.csv")).values()) == 20
    assert f"{data}/list.csv: passed over 1 text file\n" in capsys.readouterr().err


@pytest.mark.parametrize(("train", "validation"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_labels_of_two_splits_are_one_class_in_any_unicode_form(tmp_path: Path, train: str, validation: str) -> None:
    for split, label in (("train", train), ("validation", validation)):
        fill(tmp_path / split / label)
        fill(tmp_path / split / "th\xe9")

    found = loading.load(tmp_path)
    assert found.labels == (COMPOSED, "th\xe9") and sizes(found)["validation"] == 20


def test_two_folders_that_differ_in_their_unicode_form_are_one_class(data: Path) -> None:
    fill(data / COMPOSED, count=3)
    fill(data / DECOMPOSED, count=4)

    found = loading.load(data)
    assert found.labels == (COMPOSED, "cat", "hat") and found.warnings == ()
    assert sum(each.label == 0 for examples in found.splits.values() for each in examples) == 7


@pytest.mark.parametrize("labels", [("a", COMPOSED), ("a", DECOMPOSED)])
@pytest.mark.parametrize("name", [COMPOSED, DECOMPOSED])
def test_images_to_score_are_of_a_class_in_any_unicode_form(tmp_path: Path, labels: tuple[str, str], name: str) -> None:
    fill(tmp_path / "data" / name, count=3)

    assert Counter(each.label for each in loading.labelled(tmp_path / "data", labels)[1]) == {1: 3}


def test_what_differs_in_case_or_blanks_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(data / "Hat", count=3)
    assert loading.load(data).warnings == ("classes 'Hat' and 'hat' differ in case only. Are they one class?",)

    capsys.readouterr()
    assert len(loading.labelled(data, ("cat", "hat"))[1]) == 20
    assert "accuracy: 'Hat' (3 images; did you mean 'hat'? They differ in case)\n" in capsys.readouterr().err

    for split, label in (("train", "cat"), ("train", "hat"), ("validation", "cat"), ("validation", "hat ")):
        fill(tmp_path / "split" / split / label)
    refused = refusal(tmp_path / "split")
    assert "class 'hat ' is in validation but not in train" in refused.what
    assert refused.advice == "Did you mean 'hat'? They differ in blanks."


@pytest.mark.parametrize("inside", ["", "images/"])
def test_a_list_beside_the_images_is_pointed_at(tmp_path: Path, inside: str) -> None:
    (tmp_path / inside).mkdir(exist_ok=True)
    for number in range(4):
        (tmp_path / inside / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([number]))
    (tmp_path / "labels.csv").write_text("path,label\n")

    with pytest.raises(BadData) as caught:
        loading.load(tmp_path)
    assert caught.value.advice == f"If {tmp_path}/labels.csv says which image has which label, name that."


def test_an_archive_in_a_folder_without_images_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(b"PK\5\6" + bytes(18))

    assert refusal(tmp_path).advice == f"If the images are in {tmp_path}/photos.zip, name that."
