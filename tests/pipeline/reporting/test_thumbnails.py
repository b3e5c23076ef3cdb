"""The small pictures in the report: whose they are, and what they tell."""

import base64
import hashlib
import io
import json
import shutil
from pathlib import Path

import benches
import pytest
import reports
from PIL import Image
from reports import changed

from tlpipe.reporting.derive.thumbnails import files_of_run, thumbnails
from tlpipe_edge.contract.bundle import Bundle


def photograph(file: Path, colour: str = "red") -> str:
    """A photograph with a place and an orientation in its EXIF data; its sha256."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera's secret"
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (640, 320), colour).save(file, exif=exif)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def shown(folder: Path, *disagreements: tuple[str, str], bundle: Path | None = None) -> list[str | None]:
    """The thumbnails of a report on disagreements over these (sha256, file)."""
    document = benches.document(recipes=("int8",))
    first = document["results"][0]["disagreements"][0]
    rows = [first | {"image": sha256, "file": file} for sha256, file in disagreements]
    out = reports.write(folder, changed(document, 0, disagreements=rows), bundle=bundle)
    uris = {each["image"]: each["thumbnail"] for each in reports.read(out)["disagreements"]}
    return [uris[sha256] for sha256, _ in disagreements]


def test_thumbnails_are_small_upright_and_tell_nothing_else(tmp_path: Path) -> None:
    sha256 = photograph(tmp_path / "photos/a.jpg")
    (uri,) = shown(tmp_path, (sha256, str(tmp_path / "photos/a.jpg")))

    assert uri is not None
    content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    picture = Image.open(io.BytesIO(content))
    assert picture.size == (96, 192) and not picture.getexif()
    assert b"secret" in (tmp_path / "photos/a.jpg").read_bytes() and b"secret" not in content
    assert len(content) < 10_000


def test_an_image_that_changed_or_is_gone_is_named_alone(tmp_path: Path) -> None:
    sha256, file = photograph(tmp_path / "photos/a.jpg"), str(tmp_path / "photos/a.jpg")
    text = tmp_path / "photos/private.txt"
    text.write_text("mine")
    secret = hashlib.sha256(b"mine").hexdigest()
    photograph(tmp_path / "photos/a.jpg", "green")
    gone = ("1" * 64, str(tmp_path / "photos/gone.jpg"))
    assert shown(tmp_path, (sha256, file), gone, (secret, str(text)), ("0" * 64, "/dev/zero")) == [None] * 4
    assert "image not found" in (tmp_path / "out/report.html").read_text()
    assert str(tmp_path / "photos") not in (tmp_path / "out/report.html").read_text().replace("out-0.json", "")


def test_an_image_is_one_by_its_content(tmp_path: Path) -> None:
    sha256 = photograph(tmp_path / "photos/a.jpg")
    (tmp_path / "photos/a.jpg").rename(tmp_path / "photos/8f14e45f")

    assert shown(tmp_path, (sha256, str(tmp_path / "photos/8f14e45f"))) != [None]


def test_images_are_found_beside_the_bench_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = photograph(tmp_path / "photos/a.jpg")
    monkeypatch.chdir("/")

    assert shown(tmp_path, (sha256, "photos/a.jpg"))[0] is not None


def test_images_of_a_device_are_found_where_the_run_found_them(tmp_path: Path) -> None:
    bundle = Bundle.open(reports.bundle(tmp_path))
    golden = bundle.golden().files[0]
    wanted = {
        photograph(tmp_path / "photos/a.jpg"): "/home/pi/a.jpg",
        hashlib.sha256(golden.read_bytes()).hexdigest(): "/home/pi/b.png",
    }
    run = (bundle.path / bundle.manifest.provenance.keras_file).resolve().parent
    run.mkdir(parents=True)
    rows = [{"file": str(tmp_path / "photos/a.jpg"), "label": bundle.manifest.labels[0], "sha256": next(iter(wanted))}]
    document = {"source": "photos", "labels": bundle.manifest.labels, "cut_from_train": [], "unreadable": []}
    (run / "splits.json").write_text(json.dumps(document | {"splits": {"train": [], "validation": [], "test": rows}}))

    def found() -> set[str]:
        return set(thumbnails(wanted, run_files=files_of_run(bundle), bundle=bundle, folders=()))

    assert found() == set(wanted)
    shutil.rmtree(run)
    assert len(found()) == 1
