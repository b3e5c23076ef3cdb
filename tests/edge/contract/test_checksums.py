"""Damage of a bundle is found before it gives a wrong answer: one flipped bit anywhere, or a file that is gone."""

import dataclasses
import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import flip
import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.bench.target import BenchOptions, find_images, read_target
from tlpipe_edge.cli import describe
from tlpipe_edge.contract import arrays, checksums
from tlpipe_edge.contract.checksums import Checksum
from tlpipe_edge.contract.manifest import Manifest
from tlpipe_edge.errors import BadData

SEEDS = range(8)


@pytest.fixture
def listed(copied: Path) -> Path:
    """The bundle as it is exported now: the manifest lists its files."""
    artifacts = {artifact.file for artifact in Bundle.open(copied).manifest.artifacts}
    files = {file.relative_to(copied).as_posix() for file in copied.rglob("*") if file.is_file()}
    others = checksums.of(copied, sorted(files - artifacts - {"manifest.json"}))
    manifest = dataclasses.replace(Bundle.open(copied).manifest, files=others)
    (copied / "manifest.json").write_text(manifest.to_json())
    return copied


def info(bundle: Path) -> str:
    return "\n".join(describe.model(bundle))


def bench(bundle: Path) -> object:
    return find_images(read_target(bundle, BenchOptions()), None)


READERS: dict[str, tuple[Callable[[Path], object], ...]] = {
    "drawn-int8.tflite": (info, Classifier.open),
    "labels.txt": (info,),
    "reference.npz": (info, bench, lambda bundle: Bundle.open(bundle).reference()),
    "golden/expected.npz": (info, bench, lambda bundle: Bundle.open(bundle).golden()),
    "golden/0.png": (info, bench, lambda bundle: Bundle.open(bundle).golden()),
}


@pytest.mark.parametrize("name", READERS)
def test_each_reader_finds_one_flipped_bit_in_a_file(listed: Path, name: str) -> None:
    for _ in flip.bits(listed / name, SEEDS):
        for read in READERS[name]:
            with pytest.raises(BadData) as caught:
                read(listed)
            assert caught.value.where == str(listed / name) and caught.value.advice.startswith("Copy the bundle again.")
    for read in READERS[name]:
        read(listed)


@pytest.mark.parametrize("name", READERS)
def test_each_reader_finds_that_a_listed_file_is_missing(listed: Path, name: str) -> None:
    (listed / name).unlink()
    for read in READERS[name]:
        with pytest.raises(BadData, match="missing: it was written with the other files"):
            read(listed)


def test_a_file_that_is_not_read_may_be_missing(listed: Path) -> None:
    """Only what a command reads has to be there, such as the model on a device."""
    for name in ("labels.txt", "reference.npz", "golden/expected.npz"):
        (listed / name).unlink()

    assert Classifier.open(listed).labels


def test_a_flipped_bit_in_the_manifest_changes_nothing_unnoticed(listed: Path) -> None:
    """A label's letter, the size of the image, a scale, a hash: what still is JSON of the right types is compared."""
    sound = Bundle.open(listed).manifest
    refused = 0
    for _ in flip.bits(listed / "manifest.json", range(300)):
        try:
            assert Bundle.open(listed).manifest == sound
        except BadData as error:
            refused += 1
            assert error.where.startswith(str(listed / "manifest.json"))
    assert refused > 290  # all but those in the word "checksum"


def test_a_flipped_letter_of_a_label_is_refused(listed: Path) -> None:
    file = listed / "manifest.json"
    file.write_text(file.read_text().replace("red ring", "bed ring"))

    with pytest.raises(BadData, match=r"manifest\.json: damaged or edited: its checksum is wrong"):
        Classifier.open(listed)


def without(bundle: Path, *names: str) -> None:
    """Edit the manifest as the advice says: without its own checksum, and without those of the files ``names``."""
    file = bundle / "manifest.json"
    document = json.loads(file.read_text("utf-8"))
    document["files"] = [each for each in document["files"] if each["file"] not in names]
    file.write_text(json.dumps({key: document[key] for key in document if key != "checksum"}))


def test_who_edits_a_label_is_told_what_to_do(listed: Path) -> None:
    file = listed / "manifest.json"
    file.write_text(file.read_text().replace("red ring", "bed ring"))

    with pytest.raises(BadData, match='If you edited it, remove its key "checksum"'):
        Classifier.open(listed)
    without(listed)
    assert "bed ring" in Classifier.open(listed).labels


@pytest.mark.parametrize("name", ["labels.txt", "golden/0.png", "reference.npz"])
def test_who_changes_or_removes_a_file_is_told_what_to_do(listed: Path, name: str) -> None:
    (listed / name).write_bytes(b"red\n")
    for _ in range(2):  # changed, then removed
        with pytest.raises(BadData, match="on purpose, remove its entry and the key"):
            info(listed)
        (listed / name).unlink(missing_ok=True)
    without(listed, name)
    assert "files: 9 of 9 checked" in info(listed).splitlines()


def test_info_says_what_was_checked(listed: Path) -> None:
    assert "files: 10 of 10 checked" in info(listed).splitlines()

    (listed / "golden/added.png").write_bytes(b"")
    assert "files: 10 of 11 checked; not checked, as they have no checksum: golden/" in info(listed).splitlines()


def test_a_bundle_of_an_earlier_version_opens_as_before(drawn: Bundle) -> None:
    expected = "files: 1 of 10 checked; not checked, as they have no checksum: labels.txt, reference.npz, golden/"

    assert expected in info(drawn.path).splitlines()
    assert drawn.manifest.files == () and drawn.reference().images and drawn.golden().files
    bench(drawn.path)


def test_the_command_ends_with_65(listed: Path, tlpipe_edge: Callable[..., "subprocess.CompletedProcess[str]"]) -> None:
    flip.bit(listed / "labels.txt", seed=0)
    done = tlpipe_edge("info", listed)

    assert done.returncode == 65 and done.stdout == ""
    assert done.stderr.splitlines()[0].startswith(f"error: {listed / 'labels.txt'}: damaged: ")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "golden/../../outside", ""])
def test_a_list_names_no_file_outside(listed: Path, name: str) -> None:
    manifest = dataclasses.replace(Bundle.open(listed).manifest, files=(Checksum(name, "0" * 64, 1),))

    with pytest.raises(BadData, match=r"files\[0\]\.file: .* \(expected: a path below the folder\)"):
        Manifest.from_json(manifest.to_json())


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_a_flipped_bit_never_changes_an_array(tmp_path: Path, save: Callable[..., None]) -> None:
    """Each member of an .npz has a CRC-32, which also covers a shape that ends before the numbers do."""
    file = tmp_path / "a.npz"
    expected = {"images": np.arange(20, dtype=np.uint8).reshape(10, 2), "truth": np.linspace(0, 1, 7)}
    save(file, **expected)
    for _ in flip.bits(file, range(500)):
        try:
            found = arrays.load(file, "")
        except BadData:
            continue
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name], strict=True)


def test_a_shape_that_ends_before_the_numbers_is_damage(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", images=np.zeros((2000, 3)))
    content = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "a.npz").write_bytes(content.replace(b"(2000, 3)", b"(1000, 3)"))

    with pytest.raises(BadData, match=r"damaged \(the checksum of images\.npy is wrong\)"):
        arrays.load(tmp_path / "a.npz", "")
