"""`tlpipe score` of an object store, which moto is here: the rows of the same files on the disk, and its errors."""

import io
import json
import os
import pickle
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from happening import after
from results import rows
from spawned import Spawned
from stores import Bucket, Store, running, use

import tlpipe as package
from tlpipe.data import object_store
from tlpipe.data.location import Remote, located
from tlpipe.engine import local
from tlpipe.engine.choice import using
from tlpipe.scoring import feed, saved_rows
from tlpipe.scoring.score import Scored
from tlpipe.scoring.work import Item, ScoreImages
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, MissingInput, Unavailable, WrongUsage
from tlpipe_edge.images import decode

pytest.importorskip("s3fs", reason="s3fs comes with the extra s3")
pytest.importorskip("moto", reason="moto comes with the extra dev")
Run = Callable[..., Scored]
Command = Callable[..., Any]
PICTURES = 12


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with running() as started:
        yield started


@pytest.fixture
def bucket(store: Store, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A new one, in the store of this process."""
    use(store, monkeypatch)
    monkeypatch.setattr(object_store, "_PAUSES", (0.1,))
    return store.bucket()


def told(file: Path, prefix: object) -> list[dict[str, Any]]:
    """The rows of a result, with names that begin behind the prefix."""
    return [row | {"source": row["source"].removeprefix(f"{prefix}/")} for row in rows(file)]


def remote(url: str) -> Remote:
    found = located(url)
    assert isinstance(found, Remote)
    return found


@pytest.fixture
def same(score: Run, tmp_path: Path) -> Callable[..., list[str]]:
    """Score objects and the files that they are of: the results differ by their prefixes only. Give their names."""

    def check(url: str, file: Path, prefixes: tuple[str, str] | None = None) -> list[str]:
        here, there = prefixes or (str(file), url)
        score(file, out="here.csv", overwrite=True)
        score(remote(url), out="there.csv", overwrite=True)
        expected = (tmp_path / "here.csv").read_bytes().replace(here.encode(), there.encode())
        assert (tmp_path / "there.csv").read_bytes() == expected
        return [row["source"].removeprefix(f"{there}/") for row in rows(tmp_path / "there.csv")]

    return check


@pytest.mark.parametrize("end", ["", "/"])
def test_a_prefix_has_the_rows_of_the_folder(
    same: Callable[..., list[str]], bucket: Bucket, photos: Path, end: str
) -> None:
    (photos / "bars/00.jpg").write_bytes(b"\xff\xd8\xff no image")
    (photos / "rings/empty.png").touch()
    shutil.copy(photos / "bars/02.jpg", photos / "bars/ä +#?%20.jpg")
    bucket.put("photographs.jpg", b"beside the prefix, not below it")
    url = bucket.put_all(photos, "photo")

    assert len(same(url + end, photos, (f"{photos}/", f"{url}/"))) == PICTURES + 2


def test_a_bucket_is_scored_in_the_order_of_its_keys(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are listed in several pages, and may have empty parts."""
    monkeypatch.setattr(object_store, "_PAGE", 5)
    bucket.put_all(photos, "b")
    for key in ("b//x.jpg", "a.jpg"):
        bucket.put(key, (photos / "bars/00.jpg").read_bytes())
    score(remote(bucket.url), out="out.jsonl")
    score(photos, out="folder.jsonl")

    first, second, *others = told(tmp_path / "out.jsonl", bucket.url)
    assert (first["source"], second["source"]) == ("a.jpg", "b//x.jpg")
    assert [row | {"source": row["source"].removeprefix("b/")} for row in others] == told(
        tmp_path / "folder.jsonl", photos
    )


def test_what_is_passed_over_is_counted(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    url = bucket.put_all(photos, "in")
    for name in ("in/", "in/folder/"):
        bucket.put(name, b"")
    for name in (".hidden.jpg", ".git/a.jpg", "Thumbs.db", "a.txt", "b.csv", "c.tar", "bars/no_suffix"):
        bucket.put(f"in/{name}", (photos / "bars/00.jpg").read_bytes())
    score(remote(url))

    assert len(rows(tmp_path / "out.csv")) == PICTURES
    said = f"{url}: passed over 2 hidden files, 1 system file, 2 text files, 1 other file, 1 archive\n"
    assert sorted(said.strip().split(", ")[1:]) == sorted(
        capfd.readouterr().err.splitlines()[-1].strip().split(", ")[1:]
    )


def test_an_image_has_the_row_of_its_file(same: Callable[..., list[str]], bucket: Bucket, photos: Path) -> None:
    bucket.put_all(photos, "in")

    same(f"{bucket.url}/in/bars/00.jpg", photos / "bars/00.jpg")
    same(bucket.put("no-suffix", (photos / "bars/01.png").read_bytes()), photos / "bars/01.png")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "photos/bars/00.jpg\nphotos/gone.jpg\n./photos/rings/01.png\n"),
        ("latin", "photos/bars/00.jpg\nphotos/gön.jpg\nphotos/rings/01.png\n"),
        ("a.csv", "label,path\nx,photos/bars/00.jpg\ny,photos/gone.jpg\nz,lists/../photos/rings/01.png\n"),
        ("a.csv", "photos/bars/00.jpg;x\nphotos/gone.jpg;\nphotos/rings/01.png;y\n"),
        (
            "a.jsonl",
            "".join(f'{{"path": "photos\\\\{name}"}}\n' for name in ("bars\\\\00.jpg", "gone.jpg", "rings\\\\01.png")),
        ),
        ("a.txt", "s3://BUCKET/top/photos/bars/00.jpg\ns3://BUCKET/gone.jpg\nphotos/rings/01.png\n"),
    ],
)
def test_a_list(score: Run, bucket: Bucket, photos: Path, tmp_path: Path, name: str, text: str) -> None:
    """Relative paths begin where the list is; URLs may be among them."""
    bucket.put_all(photos, "top/photos")
    url = bucket.put(f"top/{name}", text.replace("BUCKET", bucket.name).encode("latin-1"))
    done = score(remote(url), out="out.jsonl")
    score(photos, out="all.jsonl")

    found = told(tmp_path / "out.jsonl", f"{bucket.url}/top/photos")
    by_name = {row["source"]: row for row in told(tmp_path / "all.jsonl", photos)}
    assert (done.images, done.failed) == (3, 1)
    assert [found[0], found[2]] == [by_name["bars/00.jpg"], by_name["rings/01.png"]]
    assert found[1]["error"] == "no such file"


def test_a_list_of_this_machine_may_name_objects(score: Run, bucket: Bucket, photos: Path, tmp_path: Path) -> None:
    url = bucket.put("a.jpg", (photos / "rings/00.jpg").read_bytes())
    errors = {
        url: "",
        str(photos / "bars/00.jpg"): "",
        "s3://": "no bucket",
        "https://localhost/a.jpg": "no such file",
        bucket.url: "a bucket, not an image",
        f"{bucket.url}/": "a bucket, not an image",
        f"{bucket.url}/{'a' * 2000}": "no such file",
        f"{bucket.url}/a.jpg/": "no such file",
    }
    (tmp_path / "list.txt").write_text("".join(f"{each}\n" for each in errors))
    score(tmp_path / "list.txt")

    assert {row["source"]: row["error"] for row in rows(tmp_path / "out.csv")} == errors


def test_a_path_that_leaves_the_bucket_is_a_row(score: Run, bucket: Bucket, photos: Path, tmp_path: Path) -> None:
    bucket.put("a.jpg", (photos / "rings/00.jpg").read_bytes())
    url = bucket.put("lists/list.csv", "path\n../a.jpg\n../../a.jpg\n/data/a.jpg\nC:\\a.jpg\nhttps://localhost/a.jpg\n")
    score(remote(url))

    outside = "a path outside of the bucket"
    assert [row["error"] for row in rows(tmp_path / "out.csv")] == ["", outside, outside, outside, "no such file"]


def _archive(photos: Path, file: Path) -> Path:
    if file.suffix == ".zip":
        return Path(shutil.make_archive(str(file.with_suffix("")), "zip", photos))
    with tarfile.open(file, "w:gz" if file.suffix == ".gz" else "w") as archive:
        for number, image in enumerate(sorted(photos.rglob("*.*"))):
            for suffix, content in ((".json", b"{}"), (image.suffix, image.read_bytes())):
                info = tarfile.TarInfo(f"{number:02}{suffix}")
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return file


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_an_archive_is_read_without_unpacking(
    same: Callable[..., list[str]],
    bucket: Bucket,
    photos: Path,
    tmp_path: Path,
    name: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(object_store, "_BLOCK", 1000)
    file = _archive(photos, tmp_path / name)

    assert len(same(bucket.put(f"in/{name}", file.read_bytes()), file)) == PICTURES


def test_parquet(same: Callable[..., list[str]], bucket: Bucket, photos: Path, tmp_path: Path) -> None:
    assert len(same(*_parquet(bucket, photos, tmp_path))) == PICTURES


def _parquet(bucket: Bucket, photos: Path, folder: Path) -> tuple[str, Path]:
    pa = pytest.importorskip("pyarrow", reason="pyarrow comes with the extra parquet")
    pq = pytest.importorskip("pyarrow.parquet")
    file = folder / "a.parquet"
    contents = [image.read_bytes() for image in sorted(photos.rglob("*.*"))]
    pq.write_table(pa.table({"image": contents}), file, row_group_size=3)
    return bucket.put("in/a.parquet", file.read_bytes()), file


@pytest.mark.parametrize(("name", "error"), [("a.zip", "archive"), ("a.tar", "archive"), ("a.parquet", "Parquet")])
def test_a_damaged_object_is_told(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, name: str, error: str
) -> None:
    file = _parquet(bucket, photos, tmp_path)[1] if name == "a.parquet" else _archive(photos, tmp_path / name)
    url = bucket.put(name, file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(BadData, match=f"a damaged {error}") as raised:
        score(remote(url))
    assert raised.value.where == url


@pytest.mark.parametrize(
    ("key", "content", "said"),
    [
        ("a.bin", b"\0\1\2", "a binary file, not a list of images"),
        ("a.csv", b"", "no images"),
        ("a.tar", b"text", "named as an archive, but no zip or tar"),
        ("a.xlsx", b"PK", "a spreadsheet"),
        ("a.tflite", b"TFL3", "this is a .tflite file, not a list"),
    ],
)
def test_what_is_no_source(score: Run, bucket: Bucket, tmp_path: Path, key: str, content: bytes, said: str) -> None:
    url = bucket.put(key, content)
    with pytest.raises(BadData) as raised:
        score(remote(url))
    assert raised.value.where.startswith(url) and said in str(raised.value)
    assert list(tmp_path.iterdir()) == []


def test_a_prefix_without_images_says_what_is_there(score: Run, bucket: Bucket) -> None:
    for name in ("a.tar", "b.tar", "c.txt"):
        bucket.put(f"in/{name}", b"")
    with pytest.raises(BadData, match=r"no images, but 2 archives, 1 text file\nIf the images are in .*/in/a\.tar, n"):
        score(remote(f"{bucket.url}/in"))


def test_what_is_not_there(score: Run, bucket: Bucket) -> None:
    with pytest.raises(MissingInput, match="no such bucket: no-bucket"):
        score(remote("s3://no-bucket/a"))
    with pytest.raises(MissingInput, match=f"{bucket.url}/a: no such object, nor any below it"):
        score(remote(f"{bucket.url}/a"))


def test_an_image_that_is_too_large_is_a_row(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bucket.put_all(photos, "in")
    bucket.put("in/large.jpg", bytes(2_000_000))
    monkeypatch.setattr(decode, "MAX_BYTES", 1_000_000)
    score(remote(url))

    assert [row["error"] for row in rows(tmp_path / "out.csv") if row["error"]] == [
        "more than 1 MB, too large for an image"
    ]


def test_the_beginning_of_an_object_is_read_alone(bucket: Bucket) -> None:
    """Or one of gigabytes that is named as an image would fill the memory."""
    assert object_store.head(remote(bucket.put("a", b"0123456789")), 4) == b"0123"
    assert object_store.head(remote(bucket.put("b", b"0123")), 100) == b"0123"
    assert object_store.head(remote(bucket.put("c", b"")), 4) == b""


@pytest.fixture
def guarded(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """A bucket whose store asks for credentials."""
    from moto import settings

    with monkeypatch.context() as patch:
        bucket.put("in/a.jpg", b"")
        patch.setattr(settings, "INITIAL_NO_AUTH_ACTION_COUNT", 0)
        yield bucket


def test_credentials_that_are_not_known(score: Run, guarded: Bucket, photos: Path, tmp_path: Path) -> None:
    """A store says why if it lists or gives an object, not if it is asked whether there is one."""
    url = f"{guarded.url}/in/a.jpg"
    (tmp_path / "list.txt").write_text(f"{photos}/bars/00.jpg\n{url}\n")
    not_known = r"the store does not accept the credentials \(InvalidAccessKeyId\)\nSet AWS_PROFILE"
    with pytest.raises(Unavailable, match=not_known):
        score(remote(guarded.url))
    with pytest.raises(Unavailable, match=f"{url}: access is denied .403.\nSet AWS_PROFILE"):
        score(remote(url))
    with pytest.raises(Unavailable, match=not_known):
        score(tmp_path / "list.txt")


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no credentials (Unable to locate credentials)"),
        ({"AWS_PROFILE": "none"}, "no credentials (The config profile (none) could not be found)"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "the store cannot be read (Invalid endpoint: nonsense)"),
    ],
)
def test_an_environment_that_is_not_right(
    score: Run, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], said: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    with pytest.raises(Unavailable) as raised:
        score(remote(bucket.url))
    assert raised.value.what == f"{bucket.url}: {said}"


def test_a_public_bucket_needs_no_credentials(
    in_a_process: Command, stored: Bundle, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also: the program loads no TensorFlow for it, and prints nothing but its messages."""
    url = bucket.put_all(photos, "in")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("FSSPEC_S3_ANON", "true")
    monkeypatch.setenv("FSSPEC_S3_ENDPOINT_URL", os.environ["AWS_ENDPOINT_URL"])
    monkeypatch.delenv("AWS_ENDPOINT_URL")
    done = in_a_process(
        "import sys; from tlpipe.cli import commands; sys.argv[0] = 'tlpipe'; commands.main()",
        *("score", stored.path, url, "--out", tmp_path / "out.csv"),
    )

    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out.csv'}\n"), done.stderr
    first, last = done.stderr.splitlines()
    assert first == "scoring" and last.startswith("int8: 12 images in ")


def test_an_object_that_may_not_be_read_is_a_row(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 says so of one that is missing, too, to who may not list keys."""
    url = bucket.put_all(photos, "in")
    usual = object_store._as_ours

    def denied(error: Exception, place: Remote) -> Any:
        if place.name == "none.jpg":
            error = PermissionError("Forbidden")
        return usual(error, place)

    monkeypatch.setattr(object_store, "_as_ours", denied)
    list_url = bucket.put("list.txt", f"{url}/bars/00.jpg\n{url}/none.jpg\n")
    score(remote(list_url))

    assert [row["error"] for row in rows(tmp_path / "out.csv")] == ["", "access is denied (Forbidden)"]


class One:
    """An engine that takes images one by one."""

    def run(self, work: Any, items: Any) -> Iterator[Any]:
        yield from map(work.start(), items)


KINDS = ("in", "list.txt", "a.tar", "a.zip", "a.parquet")


def _put(bucket: Bucket, photos: Path, folder: Path, kind: str) -> Remote:
    """The pictures, as a kind of source."""
    if kind == "a.parquet":
        return remote(_parquet(bucket, photos, folder)[0])
    url = bucket.put_all(photos, "in")
    names = [str(file.relative_to(photos)) for file in sorted(photos.rglob("*.*"))]
    if kind == "list.txt":
        return remote(bucket.put("list.txt", "".join(f"in/{name}\n" for name in names)))
    return remote(url if kind == "in" else bucket.put(kind, _archive(photos, folder / kind).read_bytes()))


@pytest.mark.parametrize("kind", KINDS)
def test_a_store_that_is_gone_stops_the_command_and_the_same_one_goes_on(
    score: Run,
    bucket: Bucket,
    store: Store,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """All rows before are kept, though a save is due at the first row only. Nor is a store that is gone asked again."""
    monkeypatch.setattr(object_store, "_BLOCK", 100)
    monkeypatch.setattr(saved_rows, "engine", One)
    source = _put(bucket, photos, tmp_path, kind)
    score(source, out="undisturbed.csv")
    capfd.readouterr()
    with monkeypatch.context() as patch:
        after(4, store.stop, patch)
        patch.setattr(Checkpoint, "due", lambda saved: not saved.reached)
        patch.setattr(feed, "check_there", lambda _: pytest.fail("asked again"))
        try:
            with pytest.raises(
                Unavailable, match=r"the store cannot be read .*\nCheck the network and AWS_ENDPOINT_URL"
            ):
                score(source)
        finally:
            store.start()
    said = capfd.readouterr().err
    kept = int(said.split("The same command continues after ")[1].split()[0])
    assert 4 <= kept < PICTURES and "what was scored is kept." in said

    assert score(source).continued == kept
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "undisturbed.csv").read_bytes()


def test_a_store_that_is_gone_is_told_by_the_usual_engine(
    tlpipe: Command, stored: Bundle, bucket: Bucket, store: Store, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose threads fetch images in advance. Those before the first that is not there are rows, and those after it are
    not tried."""
    url, later = bucket.put_all(photos, "in"), bucket.put_all(photos, "z")
    command = ("score", stored.path, *[url] * 20, later, "--out", "out.csv")
    with monkeypatch.context() as patch:
        after(30, store.stop, patch)
        try:
            done = tlpipe(*command)
        finally:
            store.start()
    kept, reason, advice = done.stderr.splitlines()[-3:]
    count = int(kept.removeprefix("what was scored is kept. The same command continues after ").split()[0])

    assert (done.code, done.stdout) == (69, "") and 30 <= count < 21 * PICTURES
    assert reason.startswith(f"error: {url}") and advice.startswith("Check the network and AWS_ENDPOINT_URL")
    again = tlpipe(*command)
    assert again.code == 0 and f"{count} images were scored before" in again.stderr
    assert len(rows(Path("out.csv"))) == 21 * PICTURES


def test_a_store_that_comes_back_at_once_is_no_error(
    score: Run, bucket: Bucket, store: Store, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bucket.put_all(photos, "in")
    monkeypatch.setattr(object_store, "_PAUSES", (0.1, 0.1))
    usual, slept = object_store.time.sleep, 0

    def sleep(seconds: float) -> None:
        nonlocal slept
        slept += 1
        if slept == 2:
            store.start()
        usual(seconds)

    monkeypatch.setattr(object_store.time, "sleep", sleep)
    store.stop()
    assert score(remote(url)).images == PICTURES
    assert slept == 2


def test_a_store_that_is_not_there(score: Run, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=f"{bucket.url}: the store cannot be read \\(Could not connect"):
        score(remote(bucket.url))


@pytest.mark.parametrize("kind", KINDS)
def test_a_source_that_changed_begins_anew(
    score: Run,
    bucket: Bucket,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(saved_rows, "engine", One)
    monkeypatch.setattr(Checkpoint, "due", lambda _: True)
    source = _put(bucket, photos, tmp_path, kind)

    def stop() -> None:
        raise MissingInput("stopped")

    def stopped() -> None:
        with monkeypatch.context() as patch, pytest.raises(MissingInput, match="stopped"):
            after(5, stop, patch)
            score(source)

    stopped()
    _put(bucket, photos, tmp_path, kind)  # the same objects, at another time
    with monkeypatch.context() as patch, pytest.raises(MissingInput, match="stopped"):
        after(2, stop, patch)
        score(source)
    assert "continuing the unfinished" in capfd.readouterr().err
    (photos / "bars/00.jpg").unlink()
    bucket.delete("in/bars/00.jpg")
    _put(bucket, photos, tmp_path, kind)
    done = score(source)

    assert done.continued == 0 and done.images == PICTURES - 1
    assert f"(changed since: {source}): it begins anew" in capfd.readouterr().err


@pytest.mark.parametrize("kind", ["in", "list.txt"])
def test_a_change_of_the_same_size_is_seen(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(saved_rows, "engine", One)
    source = _put(bucket, photos, tmp_path, kind)

    def stop() -> None:
        raise MissingInput("stopped")

    with monkeypatch.context() as patch, pytest.raises(MissingInput, match="stopped"):
        after(5, stop, patch)
        score(source)
    first = (photos / "bars/00.jpg").read_bytes()
    changed = {"in": ("in/bars/00.jpg", first[:-1] + b"\0"), "list.txt": ("list.txt", _reversed(photos))}
    bucket.put(*changed[kind])

    assert score(source).continued == 0


def _reversed(photos: Path) -> bytes:
    names = [str(file.relative_to(photos)) for file in sorted(photos.rglob("*.*"), reverse=True)]
    return "".join(f"in/{name}\n" for name in names).encode()


def test_a_prefix_that_vanishes_is_an_error(
    score: Run, bucket: Bucket, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved_rows, "engine", One)
    url = bucket.put_all(photos, "in")

    def vanish() -> None:
        for file in photos.rglob("*.*"):
            bucket.delete(f"in/{file.relative_to(photos)}")

    after(3, vanish, monkeypatch)
    with pytest.raises(MissingInput, match=f"{url}: gone while it was read\nPut it back."):
        score(remote(url))


def test_a_remote_can_be_pickled(stored: Bundle, bucket: Bucket, photos: Path) -> None:
    url = bucket.put("a.jpg", (photos / "bars/00.jpg").read_bytes())
    artifact = stored.artifact()
    work = ScoreImages(stored.read(artifact), stored.manifest.labels, stored.manifest.image, 3)
    item = Item(url, remote(url))
    again = pickle.loads(pickle.dumps(item))

    assert again == item and hash(again.content) == hash(item.content)
    assert work.is_distant(item) and not work.is_distant(work.fetch(item))
    assert work.fetch(item) == Item(url, (photos / "bars/00.jpg").read_bytes())
    assert work.start()(item) == work.start()(work.fetch(item))


def test_a_process_fetches_what_it_scores(
    score: Run, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = bucket.put_all(photos, "in")
    score(remote(url), out="threads.csv")
    pool = Spawned()
    with using(pool):
        score(remote(url))
    monkeypatch.setattr(local, "FEW", 2)
    score(remote(url), out="processes.csv", workers=2)

    assert pool.runs == PICTURES and not pool.heavy
    results = [(tmp_path / f"{name}.csv").read_bytes() for name in ("threads", "out", "processes")]
    assert results[0] == results[1] == results[2]


def test_without_s3fs_the_extra_is_named(score: Run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    object_store._made.cache_clear()
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(Unavailable, match=r"s3:// needs s3fs .*\npip install 'tlpipe\[s3\]'"):
        score(remote("s3://bucket/a"))
    assert score(photos).images == PICTURES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["s3://", "--out", "out.csv"], "tlpipe score SOURCE: s3://: no bucket\nWrite s3://BUCKET/PREFIX."),
        (["s3:///a", "--out", "out.csv"], "no bucket"),
        (["s3://me:pw@host/a", "--out", "out.csv"], "not the name of a bucket"),
        (["s3:/bucket/a", "--out", "out.csv"], "s3:/bucket/a: neither a path nor a URL\nWrite s3://BUCKET/PREFIX"),
        (
            ["gs://bucket/a", "--out", "out.csv"],
            "a URL that is not read here\nName a path of this machine, or s3://BUC",
        ),
        (
            ["https://me:pw@localhost/a", "--out", "out.csv"],
            "a URL that is not read here: https://localhost\nName a pa",
        ),
        (["file:///photos", "--out", "out.csv"], "a URL, not a path\nWrite the path without file://."),
        (
            ["photos", "--out", "s3://bucket/a.csv"],
            "a URL, not a path\nThe result is written to this machine: name a loc",
        ),
        (
            ["photos", "--out", "s3:/bucket/a.csv"],
            "a URL, but the result is written to this machine\nName a local file.",
        ),
    ],
)
@pytest.mark.usefixtures("photos")
def test_what_is_not_a_place(tlpipe: Command, stored: Bundle, arguments: list[str], said: str) -> None:
    done = tlpipe("score", stored.path, *arguments)

    assert (done.code, done.stdout) == (2, "") and said in done.stderr, done.stderr
    assert "pw" not in done.stderr
    assert [each.name for each in Path().iterdir()] == ["photos"]


def test_the_function(
    stored: Bundle, bucket: Bucket, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    url = bucket.put_all(photos, "in")

    assert package.score(stored, [url, photos], out=tmp_path / "out.csv").images == 2 * PICTURES
    with pytest.raises(WrongUsage, match="in Python as text: a Path drops a slash"):
        package.score(stored, Path(url), out=tmp_path / "two.csv")
    with pytest.raises(WrongUsage, match="the result is written to this machine"):
        package.score(stored, photos, out="s3://bucket/out.csv")


def test_a_file_of_options_may_name_objects(
    tlpipe: Command, stored: Bundle, bucket: Bucket, photos: Path, tmp_path: Path
) -> None:
    url = bucket.put_all(photos, "in")
    Path("sub").mkdir()
    Path("sub/tlpipe.toml").write_text(
        f"[score]\nbundle = {json.dumps(str(stored.path))}\nsources = [{json.dumps(url)}, '../photos/bars']\n"
    )
    done = tlpipe("score", "--config", "sub/tlpipe.toml", "--out", "out.csv")

    assert done.code == 0, done.stderr
    assert len(rows(tmp_path / "out.csv")) == PICTURES + 4
