"""Activations through LiteRT: the numbers of Keras, each computed once."""

import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.data.pixels import read_pixels
from tlpipe.engine import threads
from tlpipe.features import extractor, filling, prefix, rows, shelf, work
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Prefix, Weights
from tlpipe.network import backbones, build, cut
from tlpipe.storage import cache
from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadData, Busy, MissingInput
from tlpipe_edge.images import decode
from tlpipe_edge.tflite.interpreter import Session

SPEC = ImageSpec(64)


@pytest.fixture(scope="module")
def whole(backbone_weights: Path) -> Any:
    options: dict[str, Any] = {"labels": ("a", "b"), "dropout": 0.0, "seed": 0}
    return build.build("mobilenet_v2", alpha=0.35, size=64, weights=str(backbone_weights), **options)


@pytest.fixture(scope="module")
def pooled(whole: Any) -> bytes:
    """The converted prefix; converting takes seconds, and each test has a cache of its own."""
    return prefix.to_tflite(whole, "pooling")


@pytest.fixture
def examples(few: Path) -> tuple[Example, ...]:
    return loading.load(few).splits["train"]


class Counted(Session):
    """A session that counts what it runs."""

    runs = 0

    def run(self, tensor: np.ndarray) -> np.ndarray:
        Counted.runs += 1
        return super().run(tensor)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(work, "Session", Counted)
    Counted.runs = 0
    yield


def pooled_extractor(tflite: bytes, *, spec: ImageSpec = SPEC, dtype: str = "float32", weights: str = "w") -> Extractor:
    return Extractor(Prefix(weights, "pooling", lambda: tflite), spec, dtype)


def take(extractor: Extractor, examples: tuple[Example, ...], view: View = View()) -> np.ndarray:  # noqa: B008
    return extractor.extract(examples, view, what="test").rows.take(np.arange(len(examples)))


def test_rows_are_those_of_keras_in_the_order_asked_for(
    whole: Any, pooled: bytes, examples: tuple[Example, ...]
) -> None:
    backwards = examples[::-1]
    rows = take(pooled_extractor(pooled), backwards)
    pixels = np.stack([read_pixels(example, View(), SPEC) for example in backwards]).astype(np.float32)

    assert rows.shape == (len(examples), 1280) and rows.dtype == np.float32
    # float32 sums of some hundred terms in another order
    np.testing.assert_allclose(rows, cut.prefix(whole, "pooling").predict(pixels, verbose=0), atol=1e-3)


def test_each_row_is_computed_once(pooled: bytes, examples: tuple[Example, ...]) -> None:
    first = take(pooled_extractor(pooled), examples)
    assert Counted.runs == len(examples)

    np.testing.assert_array_equal(take(pooled_extractor(pooled), examples), first)
    np.testing.assert_array_equal(take(pooled_extractor(pooled), examples[3:5]), first[3:5])
    assert Counted.runs == len(examples)


def test_only_what_is_new_is_computed(pooled: bytes, examples: tuple[Example, ...]) -> None:
    take(pooled_extractor(pooled), examples[:4])
    Counted.runs = 0
    rows = take(pooled_extractor(pooled), examples)

    assert Counted.runs == len(examples) - 4
    np.testing.assert_array_equal(rows[:4], take(pooled_extractor(pooled), examples[:4]))


def test_weights_spec_view_and_dtype_have_shelves_of_their_own(pooled: bytes, examples: tuple[Example, ...]) -> None:
    variants = [
        (pooled_extractor(pooled), View()),
        (pooled_extractor(pooled, weights="others"), View()),
        (pooled_extractor(pooled, spec=ImageSpec(64, Crop.STRETCH)), View()),
        (pooled_extractor(pooled, dtype="float16"), View()),
        (pooled_extractor(pooled), View(1)),
        (pooled_extractor(pooled), View(2)),
        (pooled_extractor(pooled), View(1, seed=1)),
    ]
    for number, (variant, view) in enumerate(variants, start=1):
        take(variant, examples[:2], view)
        assert Counted.runs == 2 * number
    take(pooled_extractor(pooled), examples[:2], View(0, seed=5))
    assert Counted.runs == 2 * len(variants)  # the plain view has no seed


def test_versions_have_shelves_of_their_own(
    pooled: bytes, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another OpenCV, LiteRT or decoder of ours made is not taken for this one's."""
    take(pooled_extractor(pooled), examples[:2])
    runs = 2
    for place, name in ((extractor.cv2, "__version__"), (extractor.PIL, "__version__"), (decode, "VERSION")):
        monkeypatch.setattr(place, name, "another")
        take(pooled_extractor(pooled), examples[:2])
        runs += 2
        assert Counted.runs == runs, name
    monkeypatch.setattr(extractor, "version", lambda _: "another")
    take(pooled_extractor(pooled), examples[:2])
    assert Counted.runs == runs + 2


def test_half_floats_take_half_the_room_and_three_digits(pooled: bytes, examples: tuple[Example, ...]) -> None:
    exact = take(pooled_extractor(pooled), examples)
    size = cache.size()
    rounded = take(pooled_extractor(pooled, dtype="float16"), examples)

    assert rounded.dtype == np.float32
    assert cache.size() - size < 0.6 * size
    np.testing.assert_allclose(rounded, exact, rtol=2**-10, atol=1e-6)
    assert (rounded != exact).any()


@pytest.mark.parametrize(("limit", "value", "rows"), [("SHARD_BYTES", 3 * 1280 * 4, 3), ("SHARD_SECONDS", 0.0, 1)])
def test_an_interrupted_run_goes_on_where_it_ended(
    pooled: bytes,
    examples: tuple[Example, ...],
    monkeypatch: pytest.MonkeyPatch,
    limit: str,
    value: float,
    rows: int,
) -> None:
    monkeypatch.setattr(filling, limit, value)
    put, stored = cache.put, []

    def interrupted(name: str, content: bytes) -> Path:
        if len(stored) == 2:
            raise KeyboardInterrupt
        stored.append(name)
        return put(name, content)

    monkeypatch.setattr(cache, "put", interrupted)
    with pytest.raises(KeyboardInterrupt):
        take(pooled_extractor(pooled), examples)
    monkeypatch.setattr(cache, "put", put)
    Counted.runs = 0
    take(pooled_extractor(pooled), examples)

    assert Counted.runs == len(examples) - 2 * rows


def test_the_cache_is_bounded_but_a_run_keeps_its_own(
    pooled: bytes, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(pooled_extractor(pooled, weights="of an older run"), examples)
    (old,) = cache.folder().rglob("*.npy")
    os.utime(old.parent, (1, 1))
    os.close(cache._held.pop(old.parent))  # its process has ended
    shrink = cache.shrink
    monkeypatch.setattr(cache, "shrink", lambda keep_since: shrink(limit=0, keep_since=keep_since))
    running = pooled_extractor(pooled)
    rows = [take(running, examples, View(number)) for number in range(3)]

    assert not old.exists()
    Counted.runs = 0
    for number in range(3):
        np.testing.assert_array_equal(take(running, examples, View(number)), rows[number])
    assert Counted.runs == 0


def test_copies_share_a_row(pooled: bytes, examples: tuple[Example, ...], tmp_path: Path) -> None:
    copy = tmp_path / "copy.jpg"
    copy.write_bytes(examples[0].file.read_bytes())
    rows = take(pooled_extractor(pooled), (examples[0], examples[1], Example(copy, 1, examples[0].sha256)))

    assert Counted.runs == 2
    np.testing.assert_array_equal(rows[0], rows[2])


@pytest.mark.parametrize("cut", ["pooling", "image"])
def test_unreadable_copies_are_all_named(cut: str, pooled: bytes, few: Path) -> None:
    for name in ("x.jpg", "y.jpg"):
        (few / "kryss" / name).write_bytes(b"\xff\xd8\xff no picture")
    found = [e for split in loading.load(few).splits.values() for e in split]
    extract = pooled_extractor(pooled) if cut == "pooling" else Extractor(None, SPEC, "float32")
    features = extract.extract(found, View(), what="test")

    problems = {each.file.name: each.problem for each in features.examples if each.problem is not None}
    assert problems == dict.fromkeys(
        ["x.jpg", "y.jpg"], "cannot be decoded as JPEG (its header is truncated or damaged)"
    )
    assert [replace(each, problem=None) for each in features.examples] == found
    assert [each.file.name for each in features.new_problems(found)] == [
        e.file.name for e in found if e.file.name in problems
    ]
    assert features.new_problems(features.examples) == ()
    damaged = next(number for number, each in enumerate(features.examples) if each.problem)
    assert damaged not in features.usable and len(features.usable) == len(found) - 2
    rows = features.rows.take(features.usable)
    np.testing.assert_array_equal(rows, take(extract, tuple(found[number] for number in features.usable)))
    with pytest.raises((IndexError, BadData)):  # no row of another image in its place
        features.rows.take(np.array([damaged]))


def test_an_example_with_a_problem_is_not_read_again(pooled: bytes, examples: tuple[Example, ...]) -> None:
    known = replace(examples[1], problem="known before")
    examples[1].file.unlink()
    given = (examples[0], known, examples[2])
    for extract in (pooled_extractor(pooled), Extractor(None, SPEC, "float32")):
        features = extract.extract(given, View(), what="test")

        assert features.examples == given and features.usable.tolist() == [0, 2]
        assert features.new_problems(given) == ()
    assert Counted.runs == 2


def test_a_photograph_that_changed_after_its_plain_view_is_named(pooled: bytes, examples: tuple[Example, ...]) -> None:
    """The plain view comes from the cache; the augmented one has to read the file again."""
    take(pooled_extractor(pooled), examples)
    examples[2].file.write_bytes(examples[3].file.read_bytes())

    features = pooled_extractor(pooled).extract(examples, View(1), what="test")
    assert features.new_problems(examples) == (replace(examples[2], problem="changed since the splits were made"),)


def test_a_damaged_shard_is_computed_again(pooled: bytes, examples: tuple[Example, ...]) -> None:
    first = take(pooled_extractor(pooled), examples)
    (shard,) = cache.folder().rglob("*.npy")
    for damage in (b"", shard.read_bytes()[:-100], b"no array"):
        shard.write_bytes(damage)
        Counted.runs = 0
        np.testing.assert_array_equal(take(pooled_extractor(pooled), examples), first)
        assert Counted.runs == len(examples)


def test_after_a_full_disk_not_one_more_image_is_computed(
    pooled: bytes, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(cache, "put", full)
    monkeypatch.setattr(filling, "SHARD_BYTES", 1280 * 4)
    monkeypatch.setattr(threads, "cores", lambda: 1)
    monkeypatch.setattr(threads, "AHEAD", 2)
    with pytest.raises(OSError, match="No space left"):
        take(pooled_extractor(pooled), examples)
    assert Counted.runs < len(examples)


def test_a_shard_that_cannot_be_opened_now_is_not_deleted(
    pooled: bytes, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    take(pooled_extractor(pooled), examples)

    def too_many(*_: Any, **__: Any) -> np.ndarray:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(shelf.np.lib.format, "read_magic", too_many)
    with pytest.raises(OSError, match="Too many open files"):
        take(pooled_extractor(pooled), examples)
    assert list(cache.folder().rglob("*.npy"))


def test_rows_that_are_deleted_while_they_are_used_are_computed_again(
    pooled: bytes, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    features = pooled_extractor(pooled).extract(examples, View(), what="test")
    first = features.rows.take(np.arange(5))
    delete_rows()
    np.testing.assert_array_equal(features.rows.take(np.arange(4, -1, -1)), first[::-1])
    assert Counted.runs == 2 * len(examples)

    delete_rows()
    examples[7].file.unlink()
    with pytest.raises(MissingInput):
        features.rows.take(np.arange(5))
    monkeypatch.setattr(cache, "shrink", delete_rows)
    with pytest.raises(Busy, match="another tlpipe process removed these features"):
        pooled_extractor(pooled).extract(examples[:5], View(), what="test").rows.take(np.arange(5))


def delete_rows(**_: float) -> None:
    for shard in cache.folder().rglob("*.npy"):
        shard.unlink()
    rows._opened.cache_clear()


def test_a_file_that_changed_or_went_is_named(examples: tuple[Example, ...]) -> None:
    changed = examples[2].file
    changed.write_bytes(examples[3].file.read_bytes())
    with pytest.raises(BadData, match="changed since the splits were made") as caught:
        read_pixels(examples[2], View(), SPEC)
    assert str(changed) in caught.value.what

    changed.unlink()
    with pytest.raises(MissingInput) as missing:
        read_pixels(examples[2], View(), SPEC)
    assert str(changed) in missing.value.what


def test_without_a_prefix_rows_are_pixels_and_nothing_is_cached(examples: tuple[Example, ...]) -> None:
    rows = take(Extractor(None, SPEC, "float32"), examples)

    assert rows.shape == (len(examples), 64, 64, 3) and rows.max() > 100
    assert cache.size() == 0 and Counted.runs == 0


def test_a_prefix_is_converted_once_and_known_by_its_weights_file(
    backbone_weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    converted: list[str] = []
    monkeypatch.setattr(prefix, "to_tflite", lambda _, cut: converted.append(cut) or b"model")
    copy = tmp_path / "copy.weights.h5"
    copy.write_bytes(backbone_weights.read_bytes())

    def load(file: Path = copy, cut: str = "pooling", *, alpha: float = 0.35, size: int = 64) -> bytes:
        weights = Weights.of_file(file, backbone="mobilenet_v2", alpha=alpha)
        return weights.prefix(cut, size, lambda: None).load()

    for file in (backbone_weights, copy):
        assert load(file) == b"model"
    assert len(converted) == 1
    others: list[dict[str, Any]] = [{"cut": "block_10_project_BN"}, {"alpha": 0.5}, {"size": 96}]
    for times, other in enumerate(others, start=2):
        load(**other)
        assert len(converted) == times
    copy.write_bytes(b"others")
    load()
    monkeypatch.setattr(backbones, "VERSION", "another")
    load()
    monkeypatch.setattr(prefix, "versions", lambda _: {"keras": "another"})
    load()
    assert len(converted) == 7
    with pytest.raises(BadData, match="cannot be read"):
        load(tmp_path)


def test_a_damaged_shard_of_any_kind_is_computed_again(pooled: bytes, examples: tuple[Example, ...]) -> None:
    """A header that NumPy's parser stumbles over, other dtypes and shapes, and every flipped bit that matters."""
    first = take(pooled_extractor(pooled), examples)
    (file,) = cache.folder().rglob("*.npy")
    sound = file.read_bytes()
    index, size = 128, len(examples) * (32 + 4)
    rows = index + size + 128
    assert len(sound) == rows + len(examples) * 4 * 1280
    damaged = [sound.replace(old, new, 1) for old, new in HEADERS]
    assert all(content != sound for content in damaged)
    for place in (8, index, index + 33, index + size + 8, rows, rows + 4 * 1280 - 1, len(sound) - 1):
        damaged.append(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
    for content in damaged:
        file.write_bytes(content)
        Counted.runs = 0
        np.testing.assert_array_equal(take(pooled_extractor(pooled), examples), first, err_msg=repr(content[:200]))
        assert Counted.runs > 0, content[:200]
        for shard in cache.folder().rglob("*.npy"):
            shard.unlink()


HEADERS = (
    (b"'sha256'", b"'sha25\\'"),
    (b"'sha256'", b"'sha25 '"),
    (b"'<f4'", b"'>f4'"),
    (b"'<f4'", b"'<i4'"),
    (b", 1280)", b", 128) "),
    (b", 1280)", b",2,640)"),
    (b"'descr'", b"'descx'"),
    (b"{", b"("),
    (b"'<u4'", b"'|O '"),
)


DAMAGED = sorted((Path(__file__).parents[2] / "data/damaged_shards").glob("*.npy"))


def test_shards_that_a_fuzzer_damaged_are_computed_again(pooled: bytes, examples: tuple[Example, ...]) -> None:
    first = take(pooled_extractor(pooled), examples)
    (file,) = cache.folder().rglob("*.npy")
    assert len(DAMAGED) == 6
    for case in DAMAGED:
        file.write_bytes(case.read_bytes())
        Counted.runs = 0
        np.testing.assert_array_equal(take(pooled_extractor(pooled), examples), first, err_msg=case.name)
        assert Counted.runs == len(examples), case.name
