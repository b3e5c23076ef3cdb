"""Zip and tar archives: unpacked once, and never outside of the cache. Hostile ones are refused and leave nothing."""

import errno
import gzip
import io
import json
import os
import stat
import struct
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import flip
import pytest
from lists import COUNT, image, images, label, paths

from tlpipe.data import allowance, archive, loading, members
from tlpipe.data.dataset import Dataset
from tlpipe.data.reading import Format, Reading
from tlpipe.storage import cache, locks
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, Unavailable, WrongUsage
from tlpipe_edge.machine.cache import ADVICE_IF_FULL

Files = Iterable[tuple[str, bytes]]
FILES = tuple((path, image(path)) for path in paths())
ALL = {"cat": COUNT, "dog": COUNT}


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def zipped(file: Path, files: Files = FILES, *, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(file, "w", method) as out:
        for name, content in files:
            out.writestr(name, content)
    return file


def tarred(file: Path, files: Files = FILES, *, mode: str = "w", form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(file, mode, format=form) as out:  # type: ignore[call-overload]
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file


PACKERS = {
    "zip": zipped,
    "stored": lambda file, files=FILES: zipped(file, files, method=zipfile.ZIP_STORED),
    "tar": tarred,
    "gnu": lambda file, files=FILES: tarred(file, files, form=tarfile.GNU_FORMAT),
    "tar.gz": lambda file, files=FILES: tarred(file, files, mode="w:gz"),
    "tar.bz2": lambda file, files=FILES: tarred(file, files, mode="w:bz2"),
    "tar.xz": lambda file, files=FILES: tarred(file, files, mode="w:xz"),
}
every_packer = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)


def counts(data: Path, reading: Reading = Reading()) -> dict[str, int]:  # noqa: B008 (frozen)
    found = loading.load(data, test_fraction=0, reading=reading)
    examples = [each for split in found.splits.values() for each in split]
    assert all(each.file.is_file() and cache.folder() in each.file.parents for each in examples)
    return dict(Counter(found.labels[each.label] for each in examples))


def refusal(data: Path, kind: type[TlpipeError] = BadData) -> str:
    """The error; nothing is left in the cache."""
    with pytest.raises(TlpipeError) as caught:
        loading.load(data)
    assert type(caught.value) is kind, caught.value
    assert caught.value.advice and "\n" not in caught.value.what
    assert not [file for file in cache.folder().rglob("*") if file.is_dir() and file.parent != cache.folder()]
    return caught.value.what


@every_packer
@pytest.mark.parametrize("name", ["photos.zip", "photos.tar.gz", "photos", "photos.csv"])
def test_class_folders_in_an_archive_are_read_whatever_its_name(
    tmp_path: Path, pack: Callable[[Path], Path], name: str
) -> None:
    assert counts(pack(tmp_path / name)) == ALL


@every_packer
@pytest.mark.parametrize("outer", ["photos/", "./photos/", "my set/photos/"])
def test_outer_folders_are_passed_through(tmp_path: Path, pack: Callable[[Path, Files], Path], outer: str) -> None:
    junk = [
        ("__MACOSX/photos/cat/._0.jpg", b"\0\5\26\7"),
        (".DS_Store", b"x"),
        (f"{outer}cat/.hidden.jpg", image("hidden")),
        (f"{outer}Thumbs.db", b"\xd0\xcf\x11\xe0"),
    ]
    assert counts(pack(tmp_path / "a", [(outer + name, content) for name, content in FILES] + junk)) == ALL


def test_splits_in_an_archive_are_read(tmp_path: Path) -> None:
    files = [(f"set/{split}/{name}", image(split + name)) for split in ("train", "val", "test") for name in paths()]

    found = loading.load(zipped(tmp_path / "a.zip", files))
    assert {split: len(each) for split, each in found.splits.items()} == dict.fromkeys(
        ("train", "validation", "test"), 2 * COUNT
    )


@every_packer
@pytest.mark.parametrize("outer", ["", "photos/"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", "path;label\n" + "".join(f"all/{path};{label(path)}\n" for path in paths())),
        ("labels.csv", "id,label\n" + "".join(f"{path.replace('/', '-')[:-4]},{label(path)}\n" for path in paths())),
        ("labels.jsonl", "".join(f'{{"image": "all/{path}", "class": "{label(path)}"}}\n' for path in paths())),
        ("metadata.csv", "file_name,label\n" + "".join(f"all/{path},{label(path)}\n" for path in paths())),
    ],
)
def test_a_list_in_an_archive_is_read(
    tmp_path: Path, pack: Callable[[Path, Files], Path], outer: str, name: str, text: str
) -> None:
    flat = [(f"{outer}all/{path}", content) for path, content in FILES]
    if "id," in text:
        flat = [(f"{outer}all/{path.replace('/', '-')}", content) for path, content in FILES]
    files = [*flat, (outer + name, text.encode()), (f"{outer}readme.csv", b"a,b\n1,2\n")]

    assert counts(pack(tmp_path / "a", files)) == ALL


def test_the_format_says_what_is_read_in_an_archive(tmp_path: Path) -> None:
    text = "path,label\n" + "".join(f"{path},{'lion' if label(path) == 'cat' else 'dog'}\n" for path in paths())
    file = zipped(tmp_path / "a.zip", [*FILES, ("labels.csv", text.encode())])

    assert counts(file) == counts(file, Reading(Format.CSV)) == {"lion": COUNT, "dog": COUNT}
    assert counts(file, Reading(Format.FOLDERS)) == ALL
    with pytest.raises(BadData, match="no jsonl file at its top"):
        loading.load(file, reading=Reading(Format.JSONL))
    with pytest.raises(WrongUsage, match="--images is for a list"):
        loading.load(file, reading=Reading(images=tmp_path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("1.jpg", r"a\.zip: 1 image, but no class folders"),
        ("cat/1.jpg", r"a\.zip: only one class \('cat'\)"),
        ("train/cat/1.jpg", r"a\.zip: only one class \('cat'\)"),
        ("test/1.jpg", r"a\.zip/test: 1 image, but no class folders"),
    ],
)
def test_an_error_about_what_is_inside_names_the_archive(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadData, match=said):
        loading.load(zipped(tmp_path / "a.zip", [(name, image("x"))]))


@pytest.mark.parametrize("written_as", ["0.jpg", "cat/9.jpg", "CAT/0.JPG", "9.jpg"])
def test_an_error_about_a_list_inside_does_not_name_the_cache(tmp_path: Path, written_as: str) -> None:
    listed = f"path,label\ncat/0.jpg,cat\n{written_as},cat\n".encode()
    with pytest.raises(TlpipeError) as caught:
        loading.load(zipped(tmp_path / "a.zip", [*FILES, ("labels.csv", listed)]))

    assert str(caught.value).startswith(f"{tmp_path}/a.zip/labels.csv")
    assert str(cache.folder()) not in str(caught.value)


def test_a_table_of_classes_is_no_list_of_images(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = zipped(tmp_path / "a.zip", [*FILES, ("classes.csv", b"id,label\nn01,tabby\nn02,pug\n")])

    assert counts(file) == ALL
    assert "classes.csv: names no image of the archive" in capfd.readouterr().err


def test_two_lists_in_an_archive_are_an_error(tmp_path: Path) -> None:
    two = [(name, b"path,label\ncat/0.jpg,cat\n") for name in ("one.csv", "two.tsv")]

    with pytest.raises(BadData, match=r"several lists of images \(one.csv, two.tsv\)"):
        loading.load(zipped(tmp_path / "a.zip", [*FILES, *two]))


@pytest.mark.parametrize("path", ["../cat/0.jpg", "/etc/hostname", "C:\\\\cat\\\\0.jpg", "cat/../../x.jpg"])
def test_a_list_in_an_archive_cannot_name_files_outside(tmp_path: Path, path: str) -> None:
    images(tmp_path / "cache/tlpipe/archives")
    file = zipped(tmp_path / "a.zip", [*FILES, ("l.csv", f"path,label\n{path},cat\n".replace("\\\\", "\\").encode())])

    with pytest.raises(BadData, match=r"l.csv, line 2: the path .* leaves the archive"):
        loading.load(file)


def test_what_was_recognized_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = "path;label\n" + "".join(f"{path};{label(path)}\n" for path in paths())
    loading.load(zipped(tmp_path / "photos.zip", [*FILES, ("notes.txt", b"a"), ("video.mp4", b"b")]))
    err = capfd.readouterr().err
    assert "photos.zip: zip of class folders: 8 images of 2 classes\n" in err
    assert "photos.zip: not used: 2 other files\n" in err

    loading.load(tarred(tmp_path / "b.tgz", [*FILES, ("a.csv", text.encode())], mode="w:gz"))
    said = 'b.tgz: tar of a.csv, CSV, separated by ";", columns path and label: 8 images of 2 classes\n'
    assert said in capfd.readouterr().err


def test_an_archive_is_unpacked_once(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = zipped(tmp_path / "a.zip")
    first = loading.load(file)
    assert "unpacking a.zip" in capfd.readouterr().err
    file = file.rename(tmp_path / "b.zip")

    assert loading.load(file).splits == first.splits
    assert "unpacking" not in capfd.readouterr().err


def test_what_someone_removed_from_the_cache_is_unpacked_again(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip")
    found = loading.load(file)
    found.splits["train"][0].file.unlink()

    assert loading.load(file).splits == found.splits


@pytest.mark.parametrize("packer", ["zip", "tar"])
def test_a_bit_that_flipped_in_the_cache_is_no_image_of_a_new_run(
    tmp_path: Path, packer: str, capfd: pytest.CaptureFixture[str]
) -> None:
    file = PACKERS[packer](tmp_path / "a")
    found = loading.load(file)
    flip.bit(found.splits["train"][0].file, seed=1)

    assert loading.load(file).splits == found.splits
    assert found.splits["train"][0].sha256 == sha256_of(found.splits["train"][0].file)
    assert capfd.readouterr().err.count("unpacking a") == 2


def test_what_an_earlier_version_unpacked_is_unpacked_again_for_a_new_run(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip")
    found = stored(loading.load(file), tmp_path)
    (marker,) = cache.folder().rglob("unpacked.json")
    older = json.loads(marker.read_text())
    sha256 = older.pop("sha256")
    marker.write_text(json.dumps(older))

    assert found.with_images().splits == found.splits and "sha256" not in json.loads(marker.read_text())
    assert loading.load(file).splits == found.splits and json.loads(marker.read_text())["sha256"] == sha256


def stored(found: Dataset, folder: Path) -> Dataset:
    (folder / "splits.json").write_text(found.to_json())
    return Dataset.read(folder / "splits.json")


def test_a_run_finds_its_images_after_the_cache_was_emptied_or_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = zipped(tmp_path / "a.zip")
    found = loading.load(file)
    again = stored(found, tmp_path)
    assert again.source == file and again.with_images().splits == found.splits
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))

    moved = again.with_images()
    again.check_there()
    examples = [each for split in moved.splits.values() for each in split]
    assert len(examples) == 2 * COUNT
    assert all(each.file.read_bytes() and tmp_path / "other" in each.file.parents for each in examples)
    assert [each.sha256 for each in moved.splits["train"]] == [each.sha256 for each in found.splits["train"]]


def test_a_run_whose_archive_is_gone_or_another_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = zipped(tmp_path / "a.zip")
    found = stored(loading.load(file), tmp_path)
    file.unlink()
    found.check_there()  # they are in the cache
    assert found.with_images().splits == found.splits

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "other"))
    with pytest.raises(MissingInput, match=r"a\.zip: the archive with the images of the run is not there"):
        found.with_images()
    zipped(file, [("cat/0.jpg", image("another"))])
    with pytest.raises(BadData, match=r"a\.zip: not the archive that the images are from"):
        found.with_images()


_OUTSIDE = ("../x.jpg", "cat/../../x.jpg", "/tmp/x.jpg", "C:/x.jpg", "//host/x.jpg")


@pytest.mark.parametrize(
    ("packer", "name"), [*(("zip", name) for name in (*_OUTSIDE, "..\\x.jpg")), *(("tar", name) for name in _OUTSIDE)]
)
def test_a_path_that_leaves_the_archive_is_refused(tmp_path: Path, packer: str, name: str) -> None:
    file = PACKERS[packer](tmp_path / "a", [*FILES, (name, image("evil"))])

    assert "a path that leaves the archive" in refusal(file)
    assert not list(tmp_path.rglob("x.jpg"))


def special(file: Path, kind: bytes, *, name: str = "cat/evil.jpg", target: str = "") -> Path:
    with tarfile.open(tarred(file), "a") as out:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        out.addfile(info)
    return file


@pytest.mark.parametrize(
    ("kind", "target", "said"),
    [
        (tarfile.SYMTYPE, "/etc/passwd", "1 link"),
        (tarfile.SYMTYPE, "0.jpg", "1 link"),
        (tarfile.LNKTYPE, "cat/none.jpg", "1 link"),
        (tarfile.FIFOTYPE, "", "1 special file"),
        (tarfile.CHRTYPE, "", "1 special file"),
        (tarfile.BLKTYPE, "", "1 special file"),
    ],
)
def test_links_and_devices_are_not_unpacked(
    tmp_path: Path, kind: bytes, target: str, said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert counts(special(tmp_path / "a.tar", kind, target=target)) == ALL
    assert f"not used: {said}\n" in capfd.readouterr().err


def test_a_hard_link_that_leaves_the_archive_is_refused(tmp_path: Path) -> None:
    assert "leaves the archive" in refusal(special(tmp_path / "a.tar", tarfile.LNKTYPE, target="../../etc/passwd"))


def test_a_hard_link_is_a_copy(tmp_path: Path) -> None:
    file = special(tmp_path / "a.tar", tarfile.LNKTYPE, name="cat/again.jpg", target="./cat/0.jpg")

    assert counts(file) == {"cat": COUNT + 1, "dog": COUNT}


def test_a_file_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    file = special(tmp_path / "a.tar", tarfile.SYMTYPE, name="bird", target=str(tmp_path / "outside"))
    with tarfile.open(file, "a") as out:
        info = tarfile.TarInfo("bird/0.jpg")
        info.size = len(image("x"))
        out.addfile(info, io.BytesIO(image("x")))

    with pytest.raises(BadData, match="too few"):
        loading.load(file)
    assert not list((tmp_path / "outside").iterdir())


def test_a_link_in_a_zip_is_not_followed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    link = zipfile.ZipInfo("cat/link.jpg")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(zipped(tmp_path / "a.zip"), "a") as out:
        out.writestr(link, "/etc/passwd")

    assert counts(tmp_path / "a.zip") == ALL
    assert "not used: 1 link\n" in capfd.readouterr().err


def test_a_member_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    assert "not unpacked: 'cat/0.jpg/x.jpg'" in refusal(
        zipped(tmp_path / "a.zip", [*FILES, ("cat/0.jpg/x.jpg", image("x"))])
    )


@every_packer
@pytest.mark.parametrize("name", ["x" * 256 + ".jpg", "/".join(["y" * 200] * 11)])
def test_a_name_that_no_file_can_have_is_refused(
    tmp_path: Path, pack: Callable[[Path, Files], Path], name: str
) -> None:
    assert "a name that is too long for a file" in refusal(pack(tmp_path / "a", [*FILES, (f"cat/{name}", image("x"))]))


@pytest.mark.parametrize("name", ["cat/x\0.jpg", "\0", "cat\0/x.jpg"])
def test_a_name_with_a_zero_byte_is_refused(tmp_path: Path, name: str) -> None:
    with tarfile.open(tarred(tmp_path / "a.tar"), "a") as out:
        info = tarfile.TarInfo("x.jpg")
        info.size, info.pax_headers = len(image("x")), {"path": name}
        out.addfile(info, io.BytesIO(image("x")))

    assert "a name with a zero byte" in refusal(tmp_path / "a.tar")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("packer", ["zip", "tar"])
def test_the_last_of_two_members_of_one_name_is_used(tmp_path: Path, packer: str) -> None:
    file = PACKERS[packer](tmp_path / "a", [*FILES, ("./cat/0.jpg", image("later")), ("CAT/1.jpg", image("other"))])

    unpacked = archive.unpacked(file)
    assert (unpacked.folder / "cat/0.jpg").read_bytes() == image("later")
    assert unpacked.notes == (
        "names that are in it twice: 1 (cat/0.jpg); the last one is used",
        "names that differ in case or Unicode form only: 1 (cat/1.jpg, CAT/1.jpg)",
    )


@pytest.mark.parametrize(("encoding", "flag"), [("utf-8", 0), ("utf-8", 0x800), ("cp437", 0)])
def test_names_in_a_zip_are_utf_8_or_cp437(
    tmp_path: Path, encoding: str, flag: int, capfd: pytest.CaptureFixture[str]
) -> None:
    label = "café"
    plain = [(f"cafe{'e' * (len(label.encode(encoding)) - 4)}/{number}.jpg", image(str(number))) for number in range(4)]
    file = zipped(tmp_path / "a.zip", [*FILES, *plain])
    name = plain[0][0].split("/")[0].encode()
    content = file.read_bytes().replace(name + b"/", label.encode(encoding) + b"/")
    if flag:
        for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
            at = -1
            while (at := content.find(mark, at + 1)) >= 0:
                content = content[: at + offset] + struct.pack("<H", flag) + content[at + offset + 2 :]
    file.write_bytes(content)

    assert counts(file) == {**ALL, "café": 4}
    said = "names that are not in UTF-8, and so read as cp437: 4 (café/0.jpg)"
    assert (said in capfd.readouterr().err) == (encoding == "cp437")


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip").read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)

    assert "encrypted with a password" in refusal(tmp_path / "a.zip")


@every_packer
@pytest.mark.parametrize("share", [0.3, 0.7, 0.9])
def test_a_truncated_archive_is_refused_and_leaves_nothing(
    tmp_path: Path, pack: Callable[[Path, Files], Path], share: float
) -> None:
    file = pack(tmp_path / "a.tar", [(name, content + os.urandom(20_000)) for name, content in FILES])
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])

    refusal(file)


def test_a_tar_with_a_damaged_header_is_no_shorter_tar(tmp_path: Path) -> None:
    content = bytearray(tarred(tmp_path / "a.tar").read_bytes())
    at = content.index(b"dog/2.jpg")
    content[at] ^= 1
    (tmp_path / "a.tar").write_bytes(content)

    assert "a damaged archive (it ends early)" in refusal(tmp_path / "a.tar")


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", method=zipfile.ZIP_STORED)
    content = bytearray(file.read_bytes())
    content[content.index(image("cat/2.jpg")) + 6] ^= 1
    file.write_bytes(content)

    assert "a damaged archive (Bad CRC-32" in refusal(file)


def test_a_method_of_compression_that_is_not_read_is_named(tmp_path: Path) -> None:
    content = bytearray(zipped(tmp_path / "a.zip").read_bytes())
    for mark, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + offset] = 9  # Deflate64
    (tmp_path / "a.zip").write_bytes(content)

    assert "compressed by a method that is not read here" in refusal(tmp_path / "a.zip")


def test_a_class_of_an_archive_without_images_is_refused_as_in_folders(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip", [*FILES, ("bird/0.jpg", b"text")])
    with pytest.raises(BadData) as caught:
        loading.load(file)
    assert (
        caught.value.what
        == f"{file}/bird: the class has no images, but 1 file that is named as an image but is none (0.jpg)"
    )
    assert len(loading.labelled(file, ("cat", "dog"))[1]) == 2 * COUNT


def test_an_archive_without_images_is_refused(tmp_path: Path) -> None:
    assert "no images in it, but 1 other file" in refusal(zipped(tmp_path / "a.zip", [("cat/a.txt", b"text")]))
    assert "no images in it" in refusal(zipped(tmp_path / "b.zip", [("a.zip", FILES[0][1][4:])]))


def test_what_is_compressed_but_no_tar_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv.gz").write_bytes(gzip.compress(b"path,label\n" * 100))

    assert "no tar in it" in refusal(tmp_path / "list.csv.gz")


@every_packer
def test_more_bytes_than_images_come_to_are_refused(
    tmp_path: Path, pack: Callable[[Path, Files], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(allowance, "FREE_OF_RATIO", 100_000)
    monkeypatch.setattr(allowance, "MAX_RATIO", 1 / 10**6)
    bomb = [(f"cat/{number}.jpg", image("") + bytes(30_000)) for number in range(10)]

    assert "unpacks to more than" in refusal(pack(tmp_path / "a", bomb))


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:xz"])
def test_what_is_passed_over_in_a_tar_counts_too(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "FREE_OF_RATIO", 100_000)
    monkeypatch.setattr(allowance, "MAX_RATIO", 1 / 10**6)

    assert "unpacks to more than" in refusal(tarred(tmp_path / "a", [("zeros", bytes(1_000_000)), *FILES], mode=mode))


def test_a_header_that_claims_much_is_not_believed(tmp_path: Path) -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 10**9
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + bytes(10**7)))

    assert "a header that is too long" in refusal(tmp_path / "a.tar.gz")


def test_a_member_that_is_too_large_for_an_image_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MAX_BYTES", 100)
    file = zipped(tmp_path / "a.zip", [*FILES, ("video.mp4", bytes(1000))])
    assert counts(file) == ALL

    file = zipped(tmp_path / "b.zip", [*FILES, ("cat/large.jpg", image("") + bytes(1000))])
    with pytest.raises(BadData, match="too large for an image"):
        loading.load(file)


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowance, "MAX_MEMBERS", 5)

    assert "more than 5 members" in refusal(zipped(tmp_path / "a.zip"))


def test_a_cache_without_room_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEPT_FREE", 1 << 60)
    file = zipped(tmp_path / "a.zip")
    with pytest.raises(Unavailable) as caught:
        loading.load(file)

    assert "no room to unpack a.zip" in refusal(file, Unavailable) and "-" not in caught.value.reason
    assert caught.value.advice == ADVICE_IF_FULL


def test_a_disk_that_becomes_full_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(archive.itertools, "chain", full)  # what is written comes through it

    assert "no room to unpack a.zip" in refusal(zipped(tmp_path / "a.zip"), Unavailable)


def test_an_archive_in_an_archive_is_named(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "photos.zip").read_bytes()
    file = zipped(tmp_path / "nested.zip", [("all/photos.zip", inner)])
    with pytest.raises(BadData) as caught:
        loading.load(file)

    assert caught.value.reason == "no images in it, but 1 archive"
    assert caught.value.advice == "Unpack it, and name 'all/photos.zip'."


def test_a_cache_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("a file")
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path / "file"))

    with pytest.raises(Unavailable, match="TLPIPE_CACHE"):
        loading.load(zipped(tmp_path / "a.zip"))


@pytest.mark.parametrize("mark", [b"Rar!\x1a\x07", b"\x28\xb5\x2f\xfd", b"PK\7\x08"])
def test_archives_of_other_kinds_are_named(tmp_path: Path, mark: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(mark + bytes(100))

    assert "archive, which is not read here" in refusal(tmp_path / "a.tar")
    assert members.name_of(zipped(tmp_path / "b")) == "zip"


def test_the_cache_drops_an_archive_whole_or_not_at_all(tmp_path: Path) -> None:
    file = zipped(tmp_path / "a.zip")
    found = archive.unpacked(file)
    size = cache.size()
    assert size > sum(len(content) for _, content in FILES)
    assert cache.shrink(limit=0) == 0 and cache.size() == size  # this process uses it

    for descriptor in cache._held.values():  # as when this process has ended
        os.close(descriptor)
    cache._held.clear()
    assert cache.shrink(limit=size - 1) == size and cache.size() == 0
    assert not found.folder.exists()
    assert archive.unpacked(file).folder.is_dir()


@pytest.mark.parametrize("left", [".0123-1.tlpipe-abcdefgh", ".0123-1.abcdefgh"], ids=["", "of an earlier version"])
def test_the_rest_of_an_unpacking_that_was_killed_is_dropped(left: str) -> None:
    """Whatever the limit is, and without being counted, so that it cannot drive out what is used."""
    partial = images(cache.folder() / cache.ARCHIVES / left)
    with locks.locked(partial.parent / "0123-1"):
        assert cache.shrink() == cache.size() == 0 and partial.exists()

    assert cache.shrink() == 0 and not list(partial.parent.iterdir())
