"""What `tlpipe score` takes: folders, lists, archives and images, one after the other; and what is wrong with them."""

import io
import os
import shutil
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from results import rows

from tlpipe.data import allowance
from tlpipe.scoring.score import Scored
from tlpipe_edge.errors import BadData, MissingInput

Run = Callable[..., Scored]
Files = Mapping[str, bytes]


def named(file: Path, base: Path) -> list[str]:
    """The sources of a result, from ``base``."""
    return [os.path.relpath(row["source"], base) for row in rows(file)]


def tar(file: Path, files: Files, mode: str = "w") -> Path:
    with tarfile.open(file, mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file


def zipped(file: Path, files: Files) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file


@pytest.fixture
def contents(photos: Path) -> list[bytes]:
    """Of the pictures, in the order of the folder."""
    return [file.read_bytes() for file in sorted(photos.rglob("*.*"))]


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out.csv"


def test_a_flat_folder(score: Run, photos: Path, out: Path) -> None:
    score(photos / "bars")

    assert named(out, photos) == [f"bars/{name}" for name in ("00.jpg", "01.png", "02.jpg", "03.png")]


def test_what_is_named_as_an_image_is_a_row(score: Run, photos: Path, out: Path) -> None:
    (photos / "bars/empty.jpg").touch()
    (photos / "bars/gone.jpg").symlink_to("nowhere")
    (photos / "bars/raw").write_bytes(b"FUJIFILMCCD-RAW")
    for name in ("text.txt", ".hidden.jpg", "Thumbs.db", "empty.txt"):
        (photos / "bars" / name).touch()
    score(photos / "bars")

    errors = {Path(row["source"]).name: row["error"] for row in rows(out) if row["error"]}
    assert errors == {
        "empty.jpg": "0 bytes",
        "gone.jpg": "no such file",
        "raw": "raw photograph, which is not read here",
    }


def test_sources_come_after_each_other(score: Run, photos: Path, contents: list[bytes], out: Path) -> None:
    packed = tar(photos / "a.tar", {"x.jpg": contents[0]})
    score(photos / "rings", photos / "bars/00.jpg", packed, photos / "rings/00.jpg")

    sources = [f"rings/{name}" for name in ("00.jpg", "01.png", "02.jpg", "03.png")]
    assert named(out, photos) == [*sources, "bars/00.jpg", "a.tar/x.jpg", "rings/00.jpg"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "photos/bars/00.jpg\nphotos/rings/01.png\n"),
        ("a.lst", "\nphotos/bars/00.jpg\r\n\r\n  photos/rings/01.png"),
        ("utf16.txt", "photos/bars/00.jpg\nphotos/rings/01.png\n"),
        ("a.csv", "path\nphotos/bars/00.jpg\nphotos/rings/01.png\n"),
        ("a.csv", "path,label\nphotos/bars/00.jpg,x\n\nphotos/rings/01.png,y\n"),
        ("a.csv", 'sep=;\nid;file\n1;photos/bars/00.jpg\n2;"photos/rings/01.png"\n'),
        ("a.csv", "photos/bars/00.jpg,x\nphotos/rings/01.png,y\n"),
        ("a.tsv", "label\tfilename\nx\tphotos/bars/00.jpg\ny\tphotos/rings/01.png\n"),
        ("a.jsonl", '{"path": "photos/bars/00.jpg"}\n\n{"label": 3, "path": "photos/rings/01.png"}\n'),
        ("a.ndjson", '{"file_name": "photos\\\\bars\\\\00.jpg"}\n{"file_name": "photos/rings/01.png"}'),
    ],
)
def test_a_list(score: Run, photos: Path, tmp_path: Path, out: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-16" if "utf16" in name else "utf-8")
    done = score(tmp_path / name)

    assert (named(out, photos), done.failed) == (["bars/00.jpg", "rings/01.png"], 0)


def test_a_list_of_another_encoding(score: Run, photos: Path, tmp_path: Path, out: Path) -> None:
    shutil.copy(photos / "bars/00.jpg", photos / "é.jpg")
    (tmp_path / "list.txt").write_text("photos/é.jpg\n", "cp1252")
    (tmp_path / "more.csv").write_text("\ufeffpath\nphotos/é.jpg\n", "utf-8")

    assert score(tmp_path / "list.txt", tmp_path / "more.csv").failed == 0
    assert named(out, photos) == ["é.jpg", "é.jpg"]


def test_a_list_may_repeat_and_miss_images(score: Run, photos: Path, tmp_path: Path, out: Path) -> None:
    """Names may have commas and blanks: nothing on a line but the path."""
    shutil.copy(photos / "bars/00.jpg", photos / "a, b #1.jpg")
    (tmp_path / "list").write_text("photos/a, b #1.jpg\nphotos/gone.jpg\nphotos/a, b #1.jpg\nphotos\n", "utf-8")
    done = score(tmp_path / "list")

    assert [row["error"] for row in rows(out)] == ["", "no such file", "", "a folder, not an image"]
    assert [row["source"] for row in rows(out)][1] == str(tmp_path / "photos/gone.jpg")
    assert (done.images, done.failed) == (4, 2)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "once upon a time\n", "no column has the path of an image (there is"),
        ("a.csv", "name,label\ncat,1\n", "no column has the path of an image (there is name, label)"),
        ("a.txt", "", "no images"),
        ("a.csv", "path\n", "no images"),
        ("a.csv", "path,label\n,x\n", "line 2: no path"),
        ("a.csv", 'path\n"photos/bars/00.jpg\nphotos/rings/01.png\n', "line 2: no path"),
        ("a.jsonl", "[]\n", "line 1: not a JSON object"),
        ("a.jsonl", '{"label": 1}\n', "line 1: no column has the path of an image (there is label)"),
        ("a.jsonl", '{"path": ["a"]}\n', "line 1: path is a list"),
        ("a.json", "[]", "this is a JSON file, not a list of images"),
        ("a.xlsx", "PK", "a spreadsheet, not a list of images"),
        ("a.tar", "text", "named as an archive, but no zip or tar"),
        ("a.parquet", "text", "named as a Parquet file, but none"),
        ("a.bin", "\0\1\2", "a binary file, not a list of images"),
        ("a.tflite", "TFL3", "this is a .tflite file, not a list of images"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_what_is_no_source(score: Run, tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(BadData) as raised:
        score(tmp_path / name)

    assert str(raised.value).startswith(f"{tmp_path / name}") and said in str(raised.value)
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([name, "photos"]), "nothing is left"


def test_a_folder_without_images_says_what_is_there(score: Run, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for number in range(2):
        tar(tmp_path / f"shards/{number}.tar", {"a.jpg": b""})
    with pytest.raises(BadData, match=r"no images, but 2 archives\n.*shards/0\.tar, name that, or all: .*/\*\.tar\."):
        score(tmp_path / "shards")


def test_one_empty_source_among_others_is_a_warning(
    score: Run, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()

    assert score(tmp_path / "empty", photos).images == 12
    assert f"warning: {tmp_path / 'empty'}: no images" in capfd.readouterr().err


def test_what_is_not_there(score: Run, photos: Path) -> None:
    with pytest.raises(MissingInput, match=r"no such folder, list, archive or image\nDid you mean .*/photos\?"):
        score(photos.with_name("fotos"))
    with pytest.raises(BadData, match="neither a file nor a folder"):
        score(Path("/dev/null"))


def test_a_bundle_is_no_source(score: Run) -> None:
    with pytest.raises(BadData, match="this is a bundle, not a folder of images"):
        score(Path(__file__).parents[2] / "data/bundle")


@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz", "zip"])
def test_an_archive_is_read_without_unpacking(
    score: Run,
    contents: list[bytes],
    tmp_path: Path,
    out: Path,
    suffix: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path / "cache"))
    files = {"in/b.jpg": contents[0], "in/a": contents[1], "__MACOSX/._b.jpg": b"x"}
    file = tmp_path / f"photos.{suffix}"
    if suffix == "zip":
        zipped(file, files)
    else:
        tar(file, files, "w" if suffix == "tar" else f"w:{suffix[4:]}")
    score(file)

    assert named(out, file) == ["in/b.jpg", "in/a"] and capfd.readouterr().err == "scoring\n"
    assert not list((tmp_path / "cache").rglob("b.jpg"))


def test_the_image_of_each_sample_of_a_shard(
    score: Run, contents: list[bytes], tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {
        "a/1.cls": b"0",
        "a/1.seg.png": contents[1],
        "a/1.jpg": contents[0],
        "a/2.jpg": contents[2],
        "a/2.json": b"{}",
        "b/2.png": contents[3],
        "IMG.1.jpg": contents[0],  # no samples: two photographs
        "IMG.2.jpg": contents[2],
    }
    shard = tar(tmp_path / "shard-000000.tar", files)
    score(shard)

    assert named(out, shard) == ["a/1.jpg", "a/2.jpg", "b/2.png", "IMG.1.jpg", "IMG.2.jpg"]
    assert f"{shard}: not scored: 2 other files, 1 other image of a sample" in capfd.readouterr().err


def test_what_is_not_scored_in_several_archives_is_said_once(
    score: Run, contents: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = {"1.jpg": contents[0], "1.seg.png": contents[1], "1.a.png": contents[1], "1.cls": b"0"}
    shards = [tar(tmp_path / f"{number}.tar", files) for number in range(3)]
    score(*shards, tar(tmp_path / "all.tar", {"1.jpg": contents[0]}))
    said = capfd.readouterr().err
    score(shards[0], overwrite=True)

    assert said == "scoring\n3 archives: not scored: 3 other files, 6 other images of samples\n"
    assert f"{shards[0]}: not scored: 1 other file, 2 other images of samples\n" in capfd.readouterr().err


def test_a_damaged_member_of_a_zip_is_a_row(score: Run, contents: list[bytes], tmp_path: Path, out: Path) -> None:
    files = {"1.jpg": contents[0], "2.jpg": contents[2], "3.jpg": b"\xff\xd8\xff", "4.jpg": b""}
    file = zipped(tmp_path / "a.zip", files)
    damaged = bytearray(file.read_bytes())
    damaged[200] ^= 255  # in the first member
    file.write_bytes(damaged)
    score(file)

    found = [row["error"] for row in rows(out)]
    assert "Bad CRC-32" in found[0] and found[1] == "" and found[2] and found[3] == "0 bytes"


def test_links_in_an_archive_are_rows(score: Run, contents: list[bytes], tmp_path: Path, out: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for name, kind in (("1.jpg", None), ("2.jpg", tarfile.LNKTYPE), ("3.jpg", tarfile.SYMTYPE)):
            info = tarfile.TarInfo(name)
            info.size = 0 if kind else len(contents[0])
            info.type, info.linkname = kind or tarfile.REGTYPE, "1.jpg" if kind else ""
            archive.addfile(info, io.BytesIO(contents[0]))
    score(tmp_path / "a.tar")

    assert [bool(row["error"]) for row in rows(out)] == [False, True, True]


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"../a.jpg": b"x"}, "a path that leaves the archive"),
        ({"/a.jpg": b"x"}, "a path that leaves the archive"),
        ({f"{number}.jpg": b"x" for number in range(6)}, "more than 5 members"),
        ({"a.jpg": b"\xff\xd8\xff" + bytes(200_000)}, "more than images come to"),
    ],
)
@pytest.mark.parametrize("pack", [tar, zipped])
def test_a_hostile_archive_is_refused(
    score: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pack: Callable[..., Path], files: Files, said: str
) -> None:
    monkeypatch.setattr(allowance, "MAX_MEMBERS", 5)
    monkeypatch.setattr(allowance, "FREE_OF_RATIO", 100_000)
    monkeypatch.setattr(allowance, "MAX_RATIO", 0)
    with pytest.raises(BadData, match=said) as raised:
        score(pack(tmp_path / "a.tar", files))
    assert "not unpacked" not in str(raised.value), "score never unpacks"


@pytest.mark.parametrize("pack", [tar, zipped])
def test_images_that_a_camera_kept_are_scored_and_the_files_about_them_are_no_news(
    score: Run, contents: list[bytes], tmp_path: Path, capfd: pytest.CaptureFixture[str], pack: Callable[..., Path]
) -> None:
    kept = {"review/cat/1.jpg": contents[0], "review/cat/1.review.json": b"{}"}
    folder = tmp_path / "kept"
    (folder / "review/cat").mkdir(parents=True)
    for name, content in kept.items():
        (folder / name).write_bytes(content)

    score(folder, pack(tmp_path / "kept.packed", kept))
    assert capfd.readouterr().err == "scoring\n"


def test_an_archive_without_images(score: Run, tmp_path: Path) -> None:
    with pytest.raises(BadData, match="no images in it, but 1 other file"):
        score(tar(tmp_path / "a.tar", {"a.txt": b"text"}))
