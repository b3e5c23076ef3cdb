"""The same work on threads and on spawned processes: the same bytes, and no TensorFlow where it runs."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spawned import Spawned

from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.data.dataset import Example
from tlpipe.engine import local, processes, threads
from tlpipe.engine.choice import engine, using
from tlpipe.engine.local import Local
from tlpipe.engine.processes import Processes
from tlpipe.engine.threads import Threads
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Prefix
from tlpipe.features.work import CheckImages, ComputeFeatures, ComputeScores
from tlpipe.runs.run_folder import Run
from tlpipe.storage import cache
from tlpipe_edge import errors
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import MissingInput, TlpipeError, Unavailable

DRAWN = Path(__file__).parents[2] / "data" / "bundle"


@pytest.fixture
def drawn() -> Bundle:
    return Bundle.open(DRAWN)


@pytest.fixture
def models(drawn: Bundle) -> tuple[bytes, ...]:
    return tuple(drawn.read(artifact) for artifact in drawn.manifest.artifacts)


@pytest.fixture
def examples(few: Path) -> tuple[Example, ...]:
    (few / "kryss" / "text.jpg").write_bytes(b"\xff\xd8\xff no picture")
    return loading.load(few).splits["train"]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield


def works(drawn: Bundle, models: tuple[bytes, ...]) -> list[Any]:
    spec = drawn.manifest.image
    return [
        ComputeFeatures(models[0], spec, View(), "float32"),
        ComputeFeatures(models[0], spec, View(1, seed=3), "float16"),
        ComputeScores(models, spec),
        CheckImages(spec),
    ]


def test_processes_give_the_bytes_of_threads(
    drawn: Bundle, models: tuple[bytes, ...], examples: tuple[Example, ...]
) -> None:
    for work in works(drawn, models):
        pool = Spawned()
        here, there, too = (list(each.run(work, examples)) for each in (Threads(), pool, Processes(2)))
        assert [as_bytes(result) for result in here] == [as_bytes(result) for result in there]
        assert [as_bytes(result) for result in here] == [as_bytes(result) for result in too]
        assert pool.runs == len(examples) and not pool.heavy
        assert sum(isinstance(result, str | TlpipeError) for result in here) == 1  # what is wrong with text.jpg


def as_bytes(result: Any) -> Any:
    if isinstance(result, np.ndarray):
        return str(result.dtype), result.shape, result.tobytes()
    if isinstance(result, TlpipeError):
        return type(result), str(result)
    return result if isinstance(result, str | None) else (as_bytes(result.pixels), as_bytes(result.scores))


def test_work_is_a_value(drawn: Bundle, models: tuple[bytes, ...]) -> None:
    for work, same in zip(works(drawn, models), works(drawn, models), strict=True):
        assert pickle.loads(pickle.dumps(work)) == work == same and hash(work) == hash(same)


def test_another_engine_extracts_what_threads_extract(models: tuple[bytes, ...], examples: tuple[Example, ...]) -> None:
    def extracted(key: str) -> tuple[bytes, tuple[Example, ...]]:
        extractor = Extractor(Prefix(key, "pooling", lambda: models[0]), ImageSpec(64), "float32")
        features = extractor.extract(examples, View(), what="test")
        return features.rows.take(features.usable).tobytes(), features.examples

    pool = Spawned()
    with using(pool):
        there = extracted("one shelf")
    assert extracted("another shelf") == there and pool.runs == len(examples)
    assert len(list((cache.folder() / "features").iterdir())) == 2


def test_another_engine_evaluates_as_threads_do(bundle: Bundle, run: Run, tmp_path: Path) -> None:
    from tlpipe.evaluation import evaluate

    copy = Bundle.open(shutil.copytree(bundle.path, tmp_path / "drawn"))
    keras_file = run.best_stage / "model.keras"
    pool = Spawned()
    with using(pool):
        there = evaluate.evaluate(copy, keras_file=keras_file)
    assert evaluate.evaluate(copy, keras_file=keras_file) == there
    assert pool.runs == there.images and not pool.heavy


def test_the_engine_is_that_of_this_machine_again_after_the_block() -> None:
    with pytest.raises(ZeroDivisionError), using(Spawned()):
        assert isinstance(engine(), Spawned)
        raise ZeroDivisionError
    assert engine() == Local()


def test_what_work_raises_comes_from_every_engine(
    drawn: Bundle, models: tuple[bytes, ...], examples: tuple[Example, ...]
) -> None:
    examples[1].file.unlink()
    for each in (Threads(), Spawned()):
        with pytest.raises(MissingInput) as caught:
            list(each.run(works(drawn, models)[0], examples))
        assert caught.value.where == str(examples[1].file) and caught.value.advice == "Put it back, or train again."


@pytest.mark.parametrize("kind", [each for each in vars(errors).values() if isinstance(each, type)])
def test_errors_travel_between_processes(kind: type) -> None:
    if issubclass(kind, errors.TlpipeError):
        sent = kind("what", "advice", where="where")
        back = pickle.loads(pickle.dumps(sent))
        assert type(back) is kind and str(back) == str(sent) and vars(back) == vars(sent)


@dataclass(frozen=True)
class Counting:
    """Work that counts its calls and the threads that began it."""

    holds_lock: bool = False
    calls: list[int] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    fails_at: int = -1

    def start(self) -> Callable[[int], int]:
        self.started.append(threading.get_ident())

        def double(item: int) -> int:
            self.calls.append(item)
            if item == self.fails_at:
                raise ValueError(item)
            return 2 * item

        return double


def test_processes_keep_the_order_and_are_bounded() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(2000):
            taken.append(number)
            yield number

    with closing(Processes(2).run(Doubling(), items())) as results:
        assert [next(results) for _ in range(3)] == [0, 2, 4]
        assert len(taken) <= processes.BATCH * (processes.AHEAD * 2 + 1)
    assert list(Processes(2).run(Doubling(), range(100))) == list(range(0, 200, 2))


@dataclass(frozen=True)
class Doubling:
    """Work that ends its process at an item."""

    ends_at: int = -1
    holds_lock = True

    def start(self) -> Callable[[int], int]:
        return self.double

    def double(self, item: int) -> int:
        if item == self.ends_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * item


def test_a_killed_process_is_an_error_of_two_lines() -> None:
    with pytest.raises(Unavailable, match="was killed"):
        list(Processes(2).run(Doubling(ends_at=50), range(100)))
    assert list(Processes(2).run(Doubling(), range(3))) == [0, 2, 4]  # others are started


NAMING = """
import os

class Name:
    def start(self):
        return lambda item: os.getpid()
"""

UNGUARDED = """
import os
from naming import Name
from tlpipe.engine.processes import Processes

pids = set(Processes(2).run(Name(), range(1000)))
print(len(pids) > 0, os.getpid() in pids)
"""


def test_a_script_without_a_guard_runs_once(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED, "utf-8")
    (tmp_path / "naming.py").write_text(NAMING, "utf-8")
    done = subprocess.run([sys.executable, script], capture_output=True, check=False, text=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == ("True False\n", "")


@pytest.mark.parametrize(("holds_lock", "count", "expected"), [(True, 6, [6]), (True, 5, []), (False, 6, [])])
@pytest.mark.parametrize("sized", [True, False])
def test_processes_are_for_much_work_that_holds_the_lock(
    monkeypatch: pytest.MonkeyPatch, holds_lock: bool, count: int, expected: list[int], sized: bool
) -> None:
    """Of items whose number is not known, only those after the first few."""
    monkeypatch.setattr(local, "FEW", 5)
    by_processes: list[int] = []

    class Noted(Processes):
        def run(self, work: Any, items: Any) -> Any:
            some = list(items)
            by_processes.append(len(some))
            return Threads(2).run(work, some)

    monkeypatch.setattr(local, "Processes", Noted)
    work = Counting(holds_lock=holds_lock)
    assert list(Local(2).run(work, range(count) if sized else iter(range(count)))) == list(range(0, 2 * count, 2))
    assert by_processes == (expected if sized else [each - 5 for each in expected])
    list(Local(1).run(work, range(9)))  # one worker is a thread
    assert len(by_processes) == len(expected)


def test_where_no_process_can_be_started_threads_do_the_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def none(_: int | None) -> Any:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(local, "FEW", 5)
    monkeypatch.setattr(processes, "pool", none)
    assert list(Local(2).run(Counting(holds_lock=True), range(9))) == list(range(0, 18, 2))
    assert "warning: no processes can be started" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "cores", "expected"), [(159, 2, True), (160, 2, False), (160, 9, True)])
def test_small_images_hold_the_lock(monkeypatch: pytest.MonkeyPatch, size: int, cores: int, expected: bool) -> None:
    monkeypatch.setattr("tlpipe.features.work.cores", lambda: cores)
    assert CheckImages(ImageSpec(size)).holds_lock is expected


def test_threads_keep_the_order_and_start_once_each() -> None:
    work = Counting()
    assert list(Threads(3).run(work, range(1000))) == list(range(0, 2000, 2))
    assert len(work.started) == len(set(work.started)) <= 3


def test_threads_are_bounded_ahead_of_a_slow_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "AHEAD", 5)
    work = Counting()
    with closing(Threads(2).run(work, range(1000))) as results:
        for _ in range(4):
            next(results)
        assert max(work.calls) < 4 + 5 * 2 + 1
    assert len(work.calls) <= 4 + 5 * 2 + 1  # closed: nothing more is computed


def test_after_a_failure_nothing_more_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "AHEAD", 5)
    work = Counting(fails_at=3)
    with pytest.raises(ValueError, match="3"):
        list(Threads(2).run(work, range(1000)))
    assert len(work.calls) <= 3 + 5 * 2 + 1
