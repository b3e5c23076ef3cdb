"""Through ``ray://``, with workers that have no package of ours, and see neither the checkout nor some images."""

import tarfile
from pathlib import Path

import drawing
import heads
import pytest

from tlpipe_edge.errors import MissingInput

DRAWN = Path(__file__).parents[1] / "data" / "bundle"


@pytest.fixture
def unseen(hidden: Path) -> Path:
    """Images in a folder that the workers cannot see."""
    folder = hidden / "photographs"
    return folder if folder.exists() else drawing.photographs(folder, ("green bars", "kryss"), count=5)


def test_workers_need_nothing_by_hand(bare_head: heads.Head, photos: Path, tmp_path: Path) -> None:
    there, here = tmp_path / "there.csv", tmp_path / "here.csv"
    done = heads.tlpipe("score", DRAWN, photos, "--out", there, "--engine", bare_head.address)
    assert done.returncode == 0, done.stderr
    assert "images in" in done.stderr
    assert heads.tlpipe("score", DRAWN, photos, "--out", here).returncode == 0
    assert there.read_bytes() == here.read_bytes()


def test_workers_have_no_tensorflow(bare_head: heads.Head) -> None:
    """Nor do they see a checkout: what they import was sent to them."""
    assert heads.asked_of_a_worker(bare_head, "tensorflow", "keras", "typer", "cv2", "tlpipe", "tlpipe_edge") == {
        "tensorflow": "",
        "keras": "",
        "typer": "",
        "cv2": "pip",
        "tlpipe": "working_dir_files",
        "tlpipe_edge": "working_dir_files",
    }


def test_a_folder_that_the_workers_cannot_see_is_refused_before_any_work(
    bare_head: heads.Head, unseen: Path, tmp_path: Path
) -> None:
    done = heads.tlpipe("score", DRAWN, unseen, "--out", tmp_path / "scores.csv", "--engine", bare_head.address)
    assert done.returncode == MissingInput.exit_code
    assert f"{unseen}: " in done.stderr
    assert "of the cluster cannot read it" in done.stderr
    assert not list(tmp_path.iterdir())
    done = heads.tlpipe("train", unseen, "--out", tmp_path / "run", "--engine", bare_head.address)
    assert done.returncode == MissingInput.exit_code
    assert "hashing" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_an_image_that_they_cannot_see_is_an_error(
    bare_head: heads.Head, photos: Path, unseen: Path, tmp_path: Path
) -> None:
    seen, only_here = sorted(photos.rglob("*.*"))[0], sorted(unseen.rglob("*.*"))[0]
    paths = tmp_path / "list.txt"
    paths.write_text(f"{seen}\n{only_here}\n", "utf-8")
    done = heads.tlpipe("score", DRAWN, paths, "--out", tmp_path / "scores.csv", "--engine", bare_head.address)
    assert done.returncode == MissingInput.exit_code
    assert f"{only_here}: " in done.stderr
    assert not (tmp_path / "scores.csv").exists()


def test_images_of_an_archive_travel(bare_head: heads.Head, unseen: Path, tmp_path: Path) -> None:
    archive = unseen.parent / "images.tar"
    with tarfile.open(archive, "w") as opened:
        opened.add(unseen, "images")
    there, here = tmp_path / "there.jsonl", tmp_path / "here.jsonl"
    done = heads.tlpipe("score", DRAWN, archive, "--out", there, "--engine", bare_head.address)
    assert done.returncode == 0, done.stderr
    assert heads.tlpipe("score", DRAWN, archive, "--out", here).returncode == 0
    assert there.read_bytes() == here.read_bytes()
