"""The walk over folders: what is an image there, what is passed over, and how that is told."""

import contextlib
import inspect
import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import junk
import pytest

from tlpipe_edge.images import walker

JPEG = b"\xff\xd8\xff"


def image(file: Path, content: bytes = b"") -> Path:
    """A file that begins like a JPEG."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(JPEG + content)
    return file


def names(found: walker.Found) -> list[str]:
    return [str(file.relative_to(found.folder)) for file in found.images]


@pytest.fixture
def closing() -> Iterator[Path]:
    """A folder of a user to whom permissions apply: of this one, or of one who is not root."""
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        if os.geteuid() == 0:
            nobody = 65534
            os.chown(folder, nobody, nobody)
            os.seteuid(nobody)
            stack.callback(os.seteuid, 0)
        yield folder


def test_what_is_no_image_is_passed_over_and_counted_by_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    first = image(folder / "hat/1.jpg")
    junk.strew(folder, "hat")
    junk.rename(folder, "hat", [first] * 5)
    found = walker.walk(folder)

    inside = ["1.jpg", *junk.NAMES]
    linked = ["session 2/linked.jpg", "session 3/linked.jpg"]
    assert sorted(names(found)) == sorted(f"hat/{name}" for name in (*inside, *linked))
    assert list(found.images) == sorted(found.images)
    assert junk.counted(found.left_out) == set(junk.PASSED_OVER)

    walker.tell(found)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: {folder}: passed over ")
    assert "1 empty file (hat/empty.jpg)" in line
    assert "2 files that are named as images but are none (the first: hat/page.jpg)" in line
    assert line.endswith("raw photographs: Develop it, and save it as JPEG. JPEG 2000 images: Convert it to JPEG")


def test_junk_alone_is_no_warning_and_nothing_is_no_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(tmp_path / "photos/1.jpg")
    walker.tell(walker.walk(tmp_path / "photos"))
    assert capsys.readouterr().err == ""

    (tmp_path / "photos/.DS_Store").touch()
    (tmp_path / "photos/a.txt").write_text("a text")
    (tmp_path / "photos/b.txt").write_text("a text")
    walker.tell(walker.walk(tmp_path / "photos"))
    assert capsys.readouterr().err == f"{tmp_path}/photos: passed over 1 hidden file, 2 text files\n"


def test_several_folders_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("a", "b"):
        image(tmp_path / name / "1.jpg")
        (tmp_path / name / "notes.txt").write_text("a text")
    (tmp_path / "b/empty.jpg").touch()
    walker.tell(walker.walk(tmp_path / "a"), walker.walk(tmp_path / "b"))

    said = capsys.readouterr().err
    assert said == f"warning: passed over 1 empty file ({tmp_path}/b/empty.jpg), 2 text files\n"


def test_a_hidden_folder_that_is_named_is_walked(tmp_path: Path) -> None:
    image(tmp_path / ".photos/1.jpg")

    assert names(walker.walk(tmp_path / ".photos")) == ["1.jpg"]


def test_links_to_what_is_walked_anyway(tmp_path: Path) -> None:
    image(tmp_path / "photos/a/1.jpg")
    image(tmp_path / "photos/b/2.jpg")
    image(tmp_path / "photos/.pool/3.jpg")
    image(tmp_path / "elsewhere/deep/4.jpg")
    (tmp_path / "photos/a/self").symlink_to("self")
    (tmp_path / "photos/a/up").symlink_to(tmp_path / "photos")
    (tmp_path / "photos/a/other").symlink_to("../b")
    (tmp_path / "photos/b/other").symlink_to("../a")
    (tmp_path / "photos/b/root").symlink_to("/")
    (tmp_path / "photos/c").symlink_to(".pool")
    (tmp_path / "photos/d").symlink_to("../elsewhere/deep")
    (tmp_path / "photos/e").symlink_to("../elsewhere")
    (tmp_path / "elsewhere/again").symlink_to("deep")
    (tmp_path / "elsewhere/above").symlink_to(tmp_path)
    (tmp_path / "linked").symlink_to("photos")

    for folder in (tmp_path / "photos", tmp_path / "linked"):
        found = walker.walk(folder)
        assert names(found) == ["a/1.jpg", "b/2.jpg", "c/3.jpg", "d/4.jpg", "e/again/4.jpg"]
        assert {each.kind: each.count for each in found.passed_over} == {
            walker.HIDDEN_FOLDER: 1,
            walker.AGAIN: 3,  # a/other, b/other, e/deep
            walker.LOOP: 3,  # a/up, b/root, e/above
            walker.DANGLING: 1,  # a/self
        }


def test_folders_that_are_all_linked_to_each_other(tmp_path: Path) -> None:
    """The ways through them are more than any machine could walk."""
    pool, photos = tmp_path / "pool", tmp_path / "photos"
    for number in range(12):
        image(pool / f"{number}/{number}.jpg")
        for other in range(12):
            (pool / f"{number}/{other}").symlink_to(pool / f"{other}")
    photos.mkdir()
    (photos / "all").symlink_to(pool / "0")

    assert sorted(file.name for file in walker.walk(photos).images) == sorted(f"{number}.jpg" for number in range(12))


def test_the_order_is_that_of_the_names_in_any_unicode_form(tmp_path: Path) -> None:
    composed, decomposed = "\xe9", "e\u0301"
    for name in ("f.jpg", f"{decomposed}1.jpg", f"{composed}2.jpg", "ea.jpg", "b/z.jpg", "b.jpg", "a/y.jpg"):
        image(tmp_path / name)

    expected = ["a/y.jpg", "b/z.jpg", "b.jpg", "ea.jpg", "f.jpg", f"{decomposed}1.jpg", f"{composed}2.jpg"]
    assert names(walker.walk(tmp_path)) == expected


def test_the_depth_of_folders_is_not_that_of_calls(tmp_path: Path) -> None:
    deepest = image(tmp_path.joinpath(*"d" * 200, "1.jpg"))
    usual = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack()) + 100)
    try:
        found = walker.walk(tmp_path)
    finally:
        sys.setrecursionlimit(usual)

    assert found.images == (deepest,)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    image(tmp_path / "1.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    (tmp_path / "zero.jpg").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(tmp_path):
        listening.bind("socket.jpg")
        found = walker.walk(tmp_path)

    assert names(found) == ["1.jpg"] and found.left_out == "4 devices, pipes or sockets"


def test_an_image_that_cannot_be_opened_is_one(closing: Path) -> None:
    for name in ("closed.jpg", "closed"):
        image(closing / name).chmod(0)
    found = walker.walk(closing)

    assert names(found) == ["closed.jpg"]
    assert found.left_out == "1 file that cannot be read (closed)"


def test_a_link_to_nothing_is_no_image_whatever_its_name(closing: Path) -> None:
    image(closing / "shut/1.jpg")
    (closing / "shut").chmod(0)
    (closing / "broken.png").symlink_to("nowhere.png")
    (closing / "broken").symlink_to("nowhere")
    (closing / "itself.jpg").symlink_to("itself.jpg")
    (closing / "hidden.jpg").symlink_to("shut/1.jpg")  # it may be there
    found = walker.walk(closing)
    (closing / "shut").chmod(0o700)

    assert names(found) == ["hidden.jpg"]
    assert found.left_out == "3 links to nothing (the first: broken), 1 folder that cannot be listed (shut)"


def test_a_folder_that_cannot_be_listed_is_said(closing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image(closing / "open/1.jpg")
    (closing / "shut").mkdir(mode=0)
    found = walker.walk(closing)

    assert names(found) == ["open/1.jpg"]
    walker.tell(found)
    (closing / "linked").symlink_to("shut")
    said = f"warning: {closing}: passed over 1 folder that cannot be listed (shut)\n"
    assert capsys.readouterr().err == said
    assert walker.walk(closing / "shut").left_out == "1 folder that cannot be listed (.)"
    assert [folder.name for folder in walker.folders(closing)] == ["linked", "open", "shut"]
    assert walker.folders(closing / "shut") == []


def test_only_the_folder_itself_is_walked_if_asked(tmp_path: Path) -> None:
    image(tmp_path / "1.jpg")
    image(tmp_path / "deeper/2.jpg")

    assert names(walker.walk(tmp_path, deep=False)) == ["1.jpg"]


def test_files_of_a_list_are_told_by_their_content_alone(tmp_path: Path) -> None:
    hidden, plain = image(tmp_path / ".1.jpg"), image(tmp_path / "2")
    text, gone = tmp_path / "notes.jpg", tmp_path / "gone"
    text.write_text("a text")
    found = walker.sort_out([hidden, text, plain, gone, tmp_path / ("x" * 300)], tmp_path)

    assert names(found) == [".1.jpg", "2", "gone", "x" * 300]
    assert found.left_out == "1 file that is named as an image but is none (notes.jpg)"


def test_images_one_by_one_with_those_that_cannot_be_read(tmp_path: Path) -> None:
    for name, content in {"a.jpg": JPEG, "b.jpg": b"", "c.png": b"text", "d": b"FUJIFILMCCD-RAW", "e.txt": b""}.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "f.jpg").symlink_to("nothing")
    passing = walker.Passing(tmp_path)
    found = walker.images(passing, unreadable=True)

    assert next(found).name == "a.jpg"
    assert [file.name for file in found] == ["b.jpg", "c.png", "d", "f.jpg"]
    assert passing.found().left_out == "1 empty file (e.txt)"
    assert names(walker.walk(tmp_path)) == ["a.jpg"]
