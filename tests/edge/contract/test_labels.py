"""Labels files as they come with models from elsewhere."""

from pathlib import Path

import pytest

from tlpipe_edge.contract import labels
from tlpipe_edge.errors import BadData, MissingInput


def written(folder: Path, content: str | bytes) -> Path:
    file = folder / "labels.txt"
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("cat\ndog\n", ("cat", "dog")),
        ("\ufeffcat\r\ndog\r\n\r\n", ("cat", "dog")),
        ("cat\rdog", ("cat", "dog")),
        ("0 cat\n1 dog", ("cat", "dog")),
        ("0  background\n1  tench, Tinca tinca\n", ("background", "tench, Tinca tinca")),
        ("0:cat\n1: dog\n", ("cat", "dog")),
        ("0,cat\n1,dog\n", ("cat", "dog")),
        ("0\tcat\n1\tdog\n", ("cat", "dog")),
        ("00 cat\n01 dog\n", ("cat", "dog")),
        ("0. cat\n1. dog\n", ("cat", "dog")),
        ("0) cat\n1) dog\n", ("cat", "dog")),
        ("0 - cat\n1 - dog\n", ("cat", "dog")),
        ("0;cat\n1;dog\n", ("cat", "dog")),
        ("0=cat\n1 = dog\n", ("cat", "dog")),
        ("0|cat\n1|dog\n", ("cat", "dog")),
        ("0.5 l\n1.5 l\n", ("0.5 l", "1.5 l")),
        ("0-10 years\n1-2 days\n", ("0-10 years", "1-2 days")),
        ("<unknown>\n[none]\n", ("<unknown>", "[none]")),
        ("[none]\n{other}\n", ("[none]", "{other}")),
        ("tench, Tench\ngoldfish\n", ("tench, Tench", "goldfish")),
        ("3 Series\n5 Series\n", ("3 Series", "5 Series")),
        ("1 cat\n2 dog\n", ("1 cat", "2 dog")),
        ("0 cat\ndog\n", ("0 cat", "dog")),
        ("0 stars\n1 star\n2 stars\n", ("0 stars", "1 star", "2 stars")),
        ("0\n1\n2\n", ("0", "1", "2")),
        ("2\n0\n1\n", ("2", "0", "1")),
        ("Größe 猫\nline\u2028separator\n", ("Größe 猫", "line\u2028separator")),
    ],
)
def test_the_lines_are_labels(tmp_path: Path, content: str, expected: tuple[str, ...]) -> None:
    assert labels.read(written(tmp_path, content), classes=len(expected)) == labels.FileLabels(expected)


def test_numbered_lines_in_another_order_are_sorted(tmp_path: Path) -> None:
    found = labels.read(written(tmp_path, "1 dog\n2 emu\n0 cat\n"), classes=3)

    assert found.labels == ("cat", "dog", "emu")
    assert found.notes == (f"{tmp_path / 'labels.txt'}: the labels are sorted by the numbers in front of them",)


@pytest.mark.parametrize(
    ("content", "classes", "expected", "note"),
    [
        ("background\ncat\ndog\n", 2, ("cat", "dog"), "'background' is left out, because the model has 2 outputs"),
        ("???\ncat\ndog\n", 2, ("cat", "dog"), "'???' is left out"),
    ],
)
def test_a_background_class_too_many_is_left_out(
    tmp_path: Path, content: str, classes: int, expected: tuple[str, ...], note: str
) -> None:
    found = labels.read(written(tmp_path, content), classes=classes)

    assert found.labels == expected
    assert len(found.notes) == 1 and note in found.notes[0]


def test_the_labels_of_imagenet_get_a_background_class(tmp_path: Path) -> None:
    found = labels.read(written(tmp_path, "".join(f"{at} label-{at}\n" for at in range(1000))), classes=1001)

    assert found.labels[:2] == ("background", "label-0") and len(found.labels) == 1001
    assert "1000 labels for 1001 outputs, so the first output is 'background'" in found.notes[0]


def test_a_missing_label_moves_no_others(tmp_path: Path) -> None:
    with pytest.raises(BadData, match="2 labels for a model with 3 outputs\nAdd the missing label"):
        labels.read(written(tmp_path, "cat\ndog\n"), classes=3)


def test_repeated_labels_get_the_number_of_their_output(tmp_path: Path) -> None:
    content = "".join(f"{at} {label}\n" for at, label in enumerate([*"abcdefghijklmnopqr", "crane", "crane"]))
    found = labels.read(written(tmp_path, content), classes=20)

    assert found.labels == (*"abcdefghijklmnopqr", "crane (18)", "crane (19)")
    assert len(found.notes) == 1 and "such as 'crane (18)'" in found.notes[0]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("cat\ndog\n", "2 labels for a model with 4 outputs"),
        ("a\nb\nc\nd\ne\n", "5 labels for a model with 4 outputs"),
        ("background\na\nb\n", "3 labels for a model with 4 outputs"),
        ("a\n\nb\nc\n", "line 2 is blank"),
        ("\na\nb\nc\n", "line 1 is blank"),
        ("", "no labels in this file"),
        ("\r\n \n", "no labels in this file"),
        ("Größe\n".encode("latin-1"), "the labels are not UTF-8"),
        ("cat\n".encode("utf-16"), "the labels are not UTF-8"),
        (b"TFL3\0\0\0\0", "this is not a labels file"),
        (b"a" * (labels.MAX_BYTES + 1), "this is not a labels file"),
        ("a\na\na (1)\nb\n", "labels are repeated"),
        ("cat\n", "1 label for a model with 4 outputs"),
        ("{0: 'cat',\n 1: 'dog',\n 2: 'emu',\n 3: 'fox'}\n", "this is JSON, Python or HTML, not a list of labels"),
        ('["cat", "dog",\n"emu", "fox"\n]\n\n', "this is JSON, Python or HTML, not a list of labels"),
        ("<!DOCTYPE html>\n<html>\n404\n</html>\n", "this is JSON, Python or HTML, not a list of labels"),
    ],
)
def test_what_is_no_labels_file_of_the_model_is_refused(tmp_path: Path, content: str | bytes, reason: str) -> None:
    file = written(tmp_path, content)

    with pytest.raises(BadData) as raised:
        labels.read(file, classes=4)
    assert raised.value.reason == reason and raised.value.where == str(file) and raised.value.advice


def test_a_labels_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such labels file"):
        labels.read(tmp_path / "labels.txt", classes=2)
    with pytest.raises(BadData, match="cannot be read"):
        labels.read(tmp_path, classes=2)
