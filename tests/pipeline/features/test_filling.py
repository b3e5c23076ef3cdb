"""What a shelf lacks is computed once: by this process, or by another one at the same time."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.features import claims, room, shelf
from tlpipe.features.extractor import Extractor, Pass
from tlpipe.features.prefix import Prefix
from tlpipe.storage import cache
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import Unavailable

DRAWN = Path(__file__).parents[2] / "data" / "bundle"
IN_ANOTHER = f"""
import sys
from pathlib import Path
from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.engine import threads
from tlpipe.features import filling, work
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Prefix
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.tflite.interpreter import Session

filling.CLAIMED_AT_ONCE = 8
filling.SHARD_BYTES = 4 * 64
threads.AHEAD, threads.cores = 1, lambda: 1

class Slow(Session):
    runs = 0

    def run(self, tensor):
        Slow.runs += 1
        print(flush=True)
        sys.stdin.readline()
        return super().run(tensor)

work.Session = Slow
bundle = Bundle.open({str(DRAWN)!r})
content = bundle.read(bundle.manifest.artifacts[0])
examples = loading.load(Path(sys.argv[1])).splits["train"]
features = Extractor(Prefix("w", "pooling", lambda: content), ImageSpec(64), "float32").extract(
    examples, View(), what="test"
)
features.rows.take(features.usable)
print("done", Slow.runs, flush=True)
"""


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


@pytest.fixture
def extractor() -> Extractor:
    bundle = Bundle.open(DRAWN)
    content = bundle.read(bundle.manifest.artifacts[0])
    return Extractor(Prefix("w", "pooling", lambda: content), ImageSpec(64), "float32")


@pytest.fixture
def examples(few: Path) -> tuple[Example, ...]:
    return loading.load(few).splits["train"]


class Other(NamedTuple):
    """A process that extracts the same; it waits for a line before each image."""

    process: "subprocess.Popen[str]"

    def computes_one(self) -> bool:
        """Let it compute the image that it has begun. False if it has ended instead, or is done."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return False
        return self.begins()

    def begins(self) -> bool:
        assert self.process.stdout is not None
        return self.process.stdout.readline() == "\n"


@pytest.fixture
def other(few: Path) -> Iterator[Callable[[], Other]]:
    started: list[subprocess.Popen[str]] = []

    def start() -> Other:
        command = [sys.executable, "-c", IN_ANOTHER, str(few)]
        started.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        )
        return Other(started[-1])

    yield start
    for each in started:
        each.kill()
        each.communicate()


def test_two_processes_do_no_work_twice(
    extractor: Extractor, examples: tuple[Example, ...], other: Callable[[], Other], monkeypatch: pytest.MonkeyPatch
) -> None:
    """This one computes what the other has not claimed, and takes what the other has stored."""
    monkeypatch.setattr("tlpipe.features.filling._POLL_SECONDS", 0.0)
    there = other()
    assert there.begins()
    computed: list[int] = []
    wait = claims.Claims.choosing

    def choosing(own: Any) -> Any:
        if len(computed) >= 10:  # all that the other one has left
            while there.computes_one():
                pass
        return wait(own)

    monkeypatch.setattr(claims.Claims, "choosing", choosing)
    monkeypatch.setattr("tlpipe.features.work.read_pixels", counted(computed))
    features = extractor.extract(examples, View(), what="test")
    assert len(features.rows.take(features.usable)) == len(examples) == 18
    assert len(computed) == 10
    assert there.process.wait(60) == 0


def counted(computed: list[int]) -> Callable[..., np.ndarray]:
    from tlpipe.data.pixels import read_pixels

    def reading(*arguments: Any) -> np.ndarray:
        computed.append(1)
        return read_pixels(*arguments)

    return reading


def test_what_a_killed_process_has_claimed_is_computed(
    extractor: Extractor, examples: tuple[Example, ...], other: Callable[[], Other]
) -> None:
    there = other()
    assert there.begins() and there.computes_one()
    os.kill(there.process.pid, signal.SIGKILL)
    there.process.wait()
    left = list((cache.folder() / extractor.shelf(View())).glob(".claims-*"))
    features = extractor.extract(examples, View(), what="test")

    assert len(features.rows.take(features.usable)) == len(examples) and len(left) == 1
    assert not list((cache.folder() / extractor.shelf(View())).glob(".claims*"))


def test_an_added_image_is_the_only_one_that_is_computed(
    extractor: Extractor, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cache is far too small, and each view is used by this run alone: none makes room for another."""
    passes = [Pass(examples, View(number), "test") for number in range(3)]
    for each in passes:
        extractor.extract(each.examples[:-1], each.view, what="test")
    for each in passes:
        tree = cache.folder() / extractor.shelf(each.view)
        os.close(cache._held.pop(tree))  # as if that process had ended
        os.utime(tree, (1, 1))
    shrink = cache.shrink
    monkeypatch.setattr(cache, "shrink", lambda keep_since: shrink(limit=0, keep_since=keep_since))
    computed: list[int] = []
    monkeypatch.setattr("tlpipe.features.work.read_pixels", counted(computed))
    room.check(extractor, passes)
    for each in passes:
        extractor.extract(each.examples, each.view, what="test")
    assert len(computed) == len(passes)


def test_without_room_nothing_is_computed(
    extractor: Extractor, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    passes = [Pass(examples, View(number), "test") for number in range(3)]
    row = extractor.row_bytes()
    extractor.extract(examples, View(), what="test")
    stored = list(cache.folder().rglob("*.npy"))
    assert sum(file.stat().st_size for file in stored) == pytest.approx(len(examples) * row, abs=300)

    free = 4 * len(examples) * row  # as much again is left free
    monkeypatch.setattr(room.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(0, 0, free))  # type: ignore[attr-defined]
    room.check(extractor, passes)
    free -= 1
    with pytest.raises(Unavailable, match=r"in 3 views: they need .* MB, and .* MB can be used") as caught:
        room.check(extractor, passes)
    assert "--views" in caught.value.advice and "--cache DIR" in caught.value.advice
    assert list(cache.folder().rglob("*.npy")) == stored


MANY = """
import resource, sys
import numpy as np
from tlpipe.features import shelf
from tlpipe.features.rows import Shelved

soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
hashes = np.frombuffer(np.random.default_rng(0).bytes(32 * 4000), shelf.DIGEST)
rows = np.arange(4000, dtype=np.float32)[:, None]
for start in range(0, 4000, 2):
    shelf.store("features/many", hashes[start : start + 2], rows[start : start + 2])
views = []
for _ in range(3):
    index = shelf.Index("features/many", "float32", hashes)
    index.refresh()
    assert len(index.files) == 2000
    views.append(Shelved(index.placed(index.places(hashes)), lambda: sys.exit("lost")))
order = np.random.default_rng(1).permutation(4000)
for view in views:
    view.will_need(order)
    np.testing.assert_array_equal(view.take(order), rows[order])
"""


def test_two_thousand_shards_need_few_file_descriptors() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, check=False, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr


def test_a_damaged_claim_claims_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".claims-0123").write_bytes(b"half of a digest")
    with claims.opened(tmp_path) as own, claims.opened(tmp_path) as another:
        another.add(np.array([b"1" * 32, b"2" * 32], shelf.DIGEST))
        with own.choosing() as claimed:
            assert claimed.tolist() == [b"1" * 32, b"2" * 32]
        another.drop(np.array([b"1" * 32], shelf.DIGEST))
        with own.choosing() as claimed:
            assert claimed.tolist() == [b"2" * 32]
    assert not list(tmp_path.iterdir())


def test_a_cache_that_is_deleted_meanwhile_is_filled_again(
    extractor: Extractor, examples: tuple[Example, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tlpipe.features.filling.SHARD_BYTES", 1)
    monkeypatch.setattr("tlpipe.features.filling.CLAIMED_AT_ONCE", 2)
    monkeypatch.setattr("tlpipe.engine.threads.AHEAD", 1)
    store, stored = shelf.store, []

    def deleting(name: str, hashes: np.ndarray, rows: np.ndarray) -> None:
        stored.append(name)
        store(name, hashes, rows)
        if len(stored) == 5:
            shutil.rmtree(cache.folder())

    monkeypatch.setattr(shelf, "store", deleting)
    features = extractor.extract(examples, View(), what="test")
    assert len(features.rows.take(features.usable)) == len(examples)
