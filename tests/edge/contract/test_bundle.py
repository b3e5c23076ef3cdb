"""Opening a bundle: the hashes are checked, damage is named, nothing outside is read."""

import hashlib
import json
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tlpipe_edge import Bundle, Classifier
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError, WrongUsage

pytestmark = pytest.mark.arm64


def change(bundle: Path, old: str, new: str) -> None:
    """Edit the manifest."""
    file = bundle / "manifest.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def test_the_artifacts_are_the_ones_exported(drawn: Bundle) -> None:
    for artifact in drawn.manifest.artifacts:
        assert len(drawn.read(artifact)) == artifact.bytes


def test_a_single_flipped_bit_is_found(copied: Path) -> None:
    file = copied / "drawn-int8.tflite"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(BadData, match=r"drawn-int8\.tflite: damaged: its sha256 is not that"):
        Classifier.open(copied)


def test_an_artifact_outside_the_bundle_is_not_read(copied: Path) -> None:
    outside = copied.parent / "outside.tflite"
    outside.write_bytes((copied / "drawn-int8.tflite").read_bytes())
    for path in ("../outside.tflite", str(outside), "golden/../../outside.tflite"):
        change(copied, '"drawn-int8.tflite"', json.dumps(path))
        with pytest.raises(BadData, match=r"artifacts\[0\]\.file: .* \(expected: a file name without a folder\)"):
            Classifier.open(copied)
        change(copied, json.dumps(path), '"drawn-int8.tflite"')


def test_what_is_missing_is_named(copied: Path) -> None:
    bundle = Bundle.open(copied)
    for file in ("drawn-int8.tflite", "reference.npz", "golden/expected.npz", "manifest.json"):
        (copied / file).unlink()
    for use in (bundle.reference, bundle.golden, lambda: Bundle.open(copied)):
        with pytest.raises(MissingInput) as caught:
            use()
        assert str(copied) in caught.value.what and caught.value.advice
    with pytest.raises(BadData, match=r"drawn-int8\.tflite: missing: .*\nCopy the bundle again"):
        bundle.read(bundle.artifact())


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half an archive", b"no archive"])
def test_damaged_arrays_are_bad_data(copied: Path, content: bytes) -> None:
    bundle = Bundle.open(copied)
    (copied / "reference.npz").write_bytes(content)
    (copied / "golden/expected.npz").write_bytes(content)

    with pytest.raises(BadData, match=r"reference\.npz: damaged"):
        bundle.reference()
    with pytest.raises(BadData, match=r"expected\.npz: damaged"):
        bundle.golden()


def test_arrays_of_something_else_are_bad_data(copied: Path) -> None:
    bundle = Bundle.open(copied)
    np.savez(copied / "reference.npz", other=np.zeros(3))
    np.savez(copied / "golden/expected.npz", other=np.zeros(3))

    with pytest.raises(BadData, match="no array 'images'"):
        bundle.reference()
    with pytest.raises(BadData, match="no array 'files'"):
        bundle.golden()


def damaged(file: Path, **others: np.ndarray) -> None:
    """The arrays of a file, with others in place of some."""
    with np.load(file) as stored:
        arrays = dict(stored)
    np.savez(file, **arrays | others)  # type: ignore[arg-type, unused-ignore]  # NumPy 2's stub


NO_TEXT = np.array([0x110000], "<u4").view("<U1")
"""A character beyond Unicode, with which Python fails."""


@pytest.mark.parametrize(
    "others",
    [
        {"images": np.zeros(())},
        {"images": NO_TEXT},
        {"truth": np.zeros(1, int)},
        {"truth": np.array(3)},
        {"truth": np.array(["x", "y"])},
        {"truth": -1},
        {"truth": 3},
        {"probabilities": np.zeros((2, 2), np.float32)},
        {"probabilities": np.zeros((), np.complex64)},
    ],
)
def test_a_reference_that_does_not_fit_is_bad_data(copied: Path, others: dict[str, np.ndarray | int]) -> None:
    count = len(Bundle.open(copied).reference().images)
    filled = {name: np.full(count, each) if isinstance(each, int) else each for name, each in others.items()}
    damaged(copied / "reference.npz", **filled)

    with pytest.raises(BadData, match=r"reference\.npz: damaged"):
        Bundle.open(copied).reference()


@pytest.mark.parametrize(
    "others",
    [
        {"files": np.zeros(())},
        {"files": NO_TEXT},
        {"files": np.array(["x" * 300])},
        {"files": np.array(["../0.jpg"])},
        {"pixels": np.zeros((1, 2, 2, 3), np.uint8)},
        {"pixels": np.zeros((), np.uint8)},
        {"int8": np.zeros((2, 9), np.float32)},
    ],
)
def test_golden_images_that_do_not_fit_are_bad_data(copied: Path, others: dict[str, np.ndarray]) -> None:
    if "files" in others:
        others = others | {"pixels": np.zeros((1, 64, 64, 3), np.uint8), "int8": np.zeros((1, 3), np.float32)}
    damaged(copied / "golden/expected.npz", **others)

    with pytest.raises(BadData, match=r"expected\.npz: damaged"):
        Bundle.open(copied).golden()


def test_a_member_that_is_no_array_is_bad_data(copied: Path) -> None:
    with zipfile.ZipFile(copied / "reference.npz", "w") as archive:
        for name in ("images", "truth", "probabilities"):
            archive.writestr(name, b"no array")

    with pytest.raises(BadData, match="'images' is no array"):
        Bundle.open(copied).reference()


def test_a_damaged_shape_gives_no_warning_of_numpy(copied: Path) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775808, -1), }"
    with zipfile.ZipFile(copied / "reference.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\1\0" + bytes([118, 0]) + header.ljust(117) + b"\n")

    with warnings.catch_warnings(record=True) as printed, pytest.raises(BadData, match=r"reference\.npz: damaged"):
        warnings.simplefilter("always")
        Bundle.open(copied).reference()
    assert not printed


def test_pickles_are_never_loaded(copied: Path) -> None:
    np.savez(copied / "reference.npz", images=np.array([object()]), truth=np.zeros(1), probabilities=np.zeros((1, 3)))

    with pytest.raises(BadData, match="damaged"):
        Bundle.open(copied).reference()


@pytest.mark.parametrize("recipe", ["float16", "squeezed"])
def test_a_recipe_that_is_not_here_names_those_that_are(drawn: Bundle, recipe: str) -> None:
    with pytest.raises(WrongUsage, match=f"no format {recipe} in this bundle\nIt holds int8"):
        drawn.artifact(recipe)


def test_the_fastest_recipe_is_taken(copied: Path) -> None:
    document = json.loads((copied / "manifest.json").read_text())
    (only,) = document["artifacts"]
    for recipes, expected in ((["float32", "float16", "int8"], "int8"), (["dynamic", "float32"], "float32")):
        document["artifacts"] = [only | {"recipe": recipe} for recipe in recipes]
        (copied / "manifest.json").write_text(json.dumps(document))
        assert Bundle.open(copied).artifact().recipe == expected


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ({"int8": 1, "of a later release": 0}, "of a later release"),
        ({"float32": 0, "int8": 1}, "float32"),
        ({"float32": None, "of a later release": None, "int8": None}, "int8"),
        ({"one": 3, "other": 3}, "one"),
        ({"one": None, "other": None}, "one"),
    ],
)
def test_the_recipe_of_the_lowest_rank_is_taken(copied: Path, ranks: dict[str, int | None], expected: str) -> None:
    document = json.loads((copied / "manifest.json").read_text())
    (only,) = document["artifacts"]
    document["artifacts"] = [only | {"recipe": recipe, "rank": rank} for recipe, rank in ranks.items()]
    (copied / "manifest.json").write_text(json.dumps(document))

    assert Bundle.open(copied).artifact().recipe == expected


@pytest.mark.parametrize("rank", [-1, 0.5, "first", True])
def test_a_rank_that_is_none_is_refused(copied: Path, rank: object) -> None:
    change(copied, '"recipe": "int8"', f'"rank": {json.dumps(rank)}, "recipe": "int8"')

    with pytest.raises(BadData, match=r"artifacts\[0\]\.rank: "):
        Bundle.open(copied)


def test_the_reference_covers_images_by_hash(drawn: Bundle) -> None:
    reference, golden = drawn.reference(), drawn.golden()

    assert reference.probabilities.shape == (len(reference.images), len(drawn.manifest.labels))
    np.testing.assert_allclose(reference.probabilities.sum(axis=1), 1, atol=1e-5)  # float32 softmax
    for file in golden.files:
        assert hashlib.sha256(file.read_bytes()).hexdigest() in reference.images


def test_every_refusal_says_what_to_do(copied: Path) -> None:
    (copied / "manifest.json").write_text("{")

    with pytest.raises(TlpipeError) as caught:
        Bundle.open(copied)
    assert str(copied / "manifest.json") in caught.value.what and caught.value.advice
