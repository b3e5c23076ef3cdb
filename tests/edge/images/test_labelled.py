"""Which photographs a benchmark looks at, and what is known of them."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from tlpipe_edge import BadData, Bundle, MissingInput
from tlpipe_edge.images.labelled import below, golden


def test_the_golden_photographs_have_the_labels_of_the_reference(drawn: Bundle) -> None:
    reference = drawn.reference()
    found = golden(drawn, reference)

    assert found.name == "golden" and len(found.items) == len(drawn.golden().files)
    for each in found.items:
        assert each.sha256 == hashlib.sha256(each.file.read_bytes()).hexdigest()
        assert each.label == int(reference.true_labels[reference.images.index(each.sha256)])


def test_a_folder_named_as_a_label_is_the_label_and_else_the_reference_knows_it(
    drawn: Bundle, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = drawn.manifest.labels
    first, second, *_ = drawn.golden().files
    (tmp_path / "deep" / labels[2] / "x").mkdir(parents=True)
    shutil.copy(first, tmp_path / "deep" / labels[2] / "x" / f"a{first.suffix}")
    shutil.copy(second, tmp_path / f"known{second.suffix}")
    (tmp_path / "unknown.JPG").write_bytes(b"\xff\xd8\xff no picture")
    (tmp_path / "notes.txt").write_text("not a photograph")
    found = below(tmp_path, labels=labels, reference=drawn.reference())

    assert found.name == str(tmp_path)
    assert "1 of 3 images have no label, for they are in no class folder" in capsys.readouterr().err
    truth = {each.file.name: each.label for each in found.items}
    reference = drawn.reference()
    known = reference.true_labels[reference.images.index(hashlib.sha256(second.read_bytes()).hexdigest())]
    assert truth == {f"a{first.suffix}": 2, f"known{second.suffix}": int(known), "unknown.JPG": None}
    assert [each.file for each in found.items] == sorted(each.file for each in found.items)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_the_system_will_not_read_has_no_sha256(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"closed")
    (tmp_path / "a.jpg").chmod(0)

    assert below(tmp_path, labels=("a", "b"), reference=None).items[0].sha256 == ""


@pytest.mark.parametrize("labels", [("a", "caf\xe9"), ("a", "cafe\u0301")])
@pytest.mark.parametrize("name", ["caf\xe9", "cafe\u0301"])
def test_a_folder_is_a_label_in_any_unicode_form(labels: tuple[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / name).mkdir()
    (tmp_path / name / "1.jpg").write_bytes(b"\xff\xd8\xff")

    assert [each.label for each in below(tmp_path, labels=labels, reference=None).items] == [1]


def test_a_folder_that_is_no_class_is_named_and_does_not_count(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("hat/1", "Hat/1", "Hat/2", "dog/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.jpg").write_bytes(b"\xff\xd8\xff")
    found = below(tmp_path, labels=("coat", "hat"), reference=None)

    assert [each.label for each in found.items] == [None, None, None, 1]
    foreign = "'Hat' (2 images; did you mean 'hat'? They differ in case), 'dog' (1 image)"
    said = f"warning: {tmp_path}: not a class of the model, so it does not count for accuracy: {foreign}\n"
    assert capsys.readouterr().err == said
    with pytest.raises(BadData, match=r"no image is of a class of the model: 'Hat' \(2 images\), 'dog' \(1 image\)"):
        below(tmp_path, labels=("coat", "scarf"), reference=None)


def test_what_is_no_folder_or_has_no_photographs_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingInput, match="no such folder"):
        below(tmp_path / "gone", labels=("a", "b"), reference=None)
    (tmp_path / "notes.txt").write_text("a text")
    with pytest.raises(BadData, match="no images; passed over: 1 text file"):
        below(tmp_path, labels=("a", "b"), reference=None)
