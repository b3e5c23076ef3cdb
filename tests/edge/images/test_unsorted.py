"""Images that a camera kept are no examples before a person has moved them; their folders are the model's labels."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tlpipe_edge import BadData
from tlpipe_edge.images import walker
from tlpipe_edge.images.labelled import below

LABELS = ("cat", "dog")


def keep(image: Path) -> Path:
    """An image that a camera kept: the file beside it makes it so."""
    image.parent.mkdir(parents=True, exist_ok=True)
    image.write_bytes(b"\xff\xd8\xff")
    image.with_suffix(".review.json").write_text("{}")
    return image


def refusal(folder: Path) -> BadData:
    with pytest.raises(BadData) as caught:
        below(folder, labels=LABELS, reference=None)
    return caught.value


def test_unsorted_images_have_no_labels(tmp_path: Path) -> None:
    keep(tmp_path / "review/cat/1.jpg")
    keep(tmp_path / "review/dog/2.jpg")

    error = refusal(tmp_path)
    assert error.what == (
        f"{tmp_path}: 2 unsorted images (the first: review/cat/1.jpg), whose labels are predictions of a model"
    )
    assert "move each image, without its .review.json, into the folder of its true class" in error.advice
    assert "1 unsorted image (2.jpg), whose" in refusal(tmp_path / "review/dog").what


def empty(file: Path) -> None:
    file.write_bytes(b"")


def unreadable(file: Path) -> None:
    file.chmod(0)


def image(file: Path) -> None:
    file.write_bytes(b"\xff\xd8\xff")


def apple_double(file: Path) -> None:
    file.write_bytes(b"\x00\x05\x16\x07")


def link_to_nothing(file: Path) -> None:
    file.unlink()
    file.symlink_to("nothing")


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


@pytest.mark.parametrize("damage", [empty, unreadable, image, apple_double, link_to_nothing, pipe])
def test_whatever_is_in_the_file_beside_it(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    damage(keep(tmp_path / "dog/2.jpg").with_suffix(".review.json"))

    assert "1 unsorted image (dog/2.jpg)" in refusal(tmp_path).what


def test_one_among_many_is_enough(tmp_path: Path) -> None:
    keep(tmp_path / "dog/2.jpg")
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat/1.jpg").write_bytes(b"\xff\xd8\xff")

    assert "1 unsorted image (dog/2.jpg)" in refusal(tmp_path).what


def test_moved_images_are_sorted_whatever_stays(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = keep(tmp_path / "review/cat/1.jpg")
    (tmp_path / "dog").mkdir()
    image.rename(tmp_path / "dog/1.jpg")

    assert [each.label for each in below(tmp_path, labels=LABELS, reference=None).items] == [1]
    assert capsys.readouterr().err == ""


def test_an_image_that_is_classified_may_be_unsorted_and_its_file_is_no_news(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = keep(tmp_path / "review/cat/1.jpg")
    (tmp_path / "notes.txt").write_text("a text")

    found = walker.walk(tmp_path)
    walker.tell(found)
    assert found.images == (image,)
    assert capsys.readouterr().err == f"{tmp_path}: passed over 1 text file\n"
