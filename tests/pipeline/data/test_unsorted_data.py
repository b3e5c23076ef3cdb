"""What a camera kept is refused as labelled data, in folders and archives; a list that a person wrote is taken."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tlpipe.data import loading
from tlpipe_edge.errors import BadData


def fill(folder: Path, *, kept: bool) -> None:
    folder.mkdir(parents=True)
    for number in range(6):
        (folder / f"{number}.jpg").write_bytes(b"\xff\xd8\xff" + os.fsencode(f"{folder} {number}"))
        if kept:
            (folder / f"{number}.review.json").write_text("{}")


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """The folder of --collect: two labels of six images."""
    for label in ("cat", "dog"):
        fill(tmp_path / "kept/review" / label, kept=True)
    return tmp_path / "kept"


def refused(call: Callable[[], object], *said: str) -> None:
    with pytest.raises(BadData) as caught:
        call()
    assert "whose labels are predictions of a model" in caught.value.reason
    assert "without its .review.json" in caught.value.advice and all(part in caught.value.what for part in said)


@pytest.mark.parametrize("inner", ["", "review", "review/cat"])
def test_what_a_camera_kept_is_no_data_set_at_any_depth(kept: Path, inner: str) -> None:
    count = 6 if inner.endswith("cat") else 12
    first = f"{count} unsorted images (the first: "
    refused(lambda: loading.load(kept / inner), f"{kept / inner}: {first}")
    refused(lambda: loading.labelled(kept / inner, ("cat", "dog")), first)


def test_unsorted_images_beside_splits(kept: Path) -> None:
    fill(kept / "train/cat", kept=False)
    refused(lambda: loading.load(kept), "12 unsorted images")


def zipped(folder: Path, file: Path) -> None:
    with zipfile.ZipFile(file, "w") as out:
        for each in sorted(folder.rglob("*.*")):
            out.write(each, each.relative_to(folder.parent))


def tarred(folder: Path, file: Path) -> None:
    with tarfile.open(file, "w") as out:
        out.add(folder, folder.name)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_of_what_a_camera_kept(
    kept: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[[Path, Path], None]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.with_name("cache")))
    packed = kept.with_name("packed")
    pack(kept, packed)

    refused(lambda: loading.load(packed), f"{packed}", "12 unsorted images", "cat/0.jpg")


def test_moved_images_are_examples_whatever_stays(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photos = kept.with_name("photos")
    for label, true in (("cat", "dog"), ("dog", "cat")):
        (photos / true).mkdir(parents=True)
        for image in (kept / "review" / label).glob("*.jpg"):
            image.rename(photos / true / image.name)
    (kept / "review").rename(photos / "cat/review")  # nothing is in it but what says of each image why it was kept

    found = loading.load(photos)
    assert sum(map(len, found.splits.values())) == 12
    assert "passed over" not in capsys.readouterr().err


def test_a_list_is_what_a_person_says(kept: Path) -> None:
    rows = [f"{image},{'cat' if number % 2 else 'dog'}" for number, image in enumerate(sorted(kept.rglob("*.jpg")))]
    listed = kept.with_name("labels.csv")
    listed.write_text("\n".join(["path,label", *rows]), "utf-8")

    assert sum(map(len, loading.load(listed).splits.values())) == 12


def test_an_archive_may_have_a_list_of_them(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept.with_name("cache")))
    rows = [f"review/{label}/{number}.jpg,{label}" for label in ("cat", "dog") for number in range(6)]
    with tarfile.open(kept.with_name("packed"), "w") as out:
        out.add(kept / "review", "review")
        info, content = tarfile.TarInfo("labels.csv"), "\n".join(["path,label", *rows]).encode()
        info.size = len(content)
        out.addfile(info, io.BytesIO(content))

    assert sum(map(len, loading.load(kept.with_name("packed")).splits.values())) == 12
