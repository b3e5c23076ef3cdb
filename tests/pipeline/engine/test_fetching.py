"""What an engine computes with is fetched in advance by threads, in order, and no further than needed."""

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from tlpipe.engine import fetching, local
from tlpipe.engine.fetching import AHEAD, Fetches
from tlpipe.engine.local import Local
from tlpipe.engine.threads import Threads


@dataclass
class Doubling:
    """Fetches a number as its double. Those below ``first`` are not distant, and ``last`` is the last."""

    first: int = 0
    last: int = -1
    holds_lock: bool = False
    threads: set[str] = field(default_factory=set)
    fetched: list[int] = field(default_factory=list)

    def is_distant(self, item: int) -> bool:
        return item >= self.first

    def fetch(self, item: int) -> int:
        self.threads.add(threading.current_thread().name)
        self.fetched.append(item)
        return 2 * item if self.is_distant(item) else item

    def is_last(self, item: int) -> bool:
        return item == 2 * self.last

    def start(self) -> Callable[[int], int]:
        return lambda item: item + 1


def counted(taken: list[int]) -> Iterator[int]:
    for number in itertools.count():
        taken.append(number)
        yield number


def test_items_are_fetched_in_order() -> None:
    work = Doubling()
    assert isinstance(work, Fetches)
    assert list(fetching.ahead(work, range(100))) == list(range(0, 200, 2))
    assert threading.current_thread().name not in work.threads


def test_no_thread_starts_before_a_distant_item() -> None:
    work, taken = Doubling(first=5), list[int]()
    items = fetching.ahead(work, counted(taken))
    before = threading.active_count()

    assert list(itertools.islice(items, 5)) == list(range(5))
    assert (work.fetched, taken, threading.active_count()) == ([], list(range(5)), before)
    assert list(itertools.islice(items, 2)) == [10, 12]
    items.close()


def test_no_more_than_needed_is_taken_in_advance() -> None:
    taken = list[int]()
    items = fetching.ahead(Doubling(), counted(taken))
    before = threading.active_count()
    assert list(itertools.islice(items, 3)) == [0, 2, 4]
    assert len(taken) <= AHEAD + 3
    items.close()
    assert len(taken) <= AHEAD + 3 and threading.active_count() == before


def test_nothing_is_fetched_after_the_last_item() -> None:
    taken = list[int]()
    assert list(fetching.ahead(Doubling(last=3), counted(taken))) == [0, 2, 4, 6]
    assert len(taken) <= AHEAD + 4


def test_an_error_of_a_fetch_is_raised_in_its_turn() -> None:
    class Failing(Doubling):
        def fetch(self, item: int) -> int:
            if item == 3:
                raise OSError("gone")
            return super().fetch(item)

    items = fetching.ahead(Failing(), itertools.count())
    assert list(itertools.islice(items, 3)) == [0, 2, 4]
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_work_that_fetches_nothing_gets_its_items() -> None:
    taken = list[int]()
    items = fetching.ahead(object(), counted(taken))
    assert next(items) == 0 and taken == [0]


@pytest.mark.parametrize("items", [range(50), iter(range(50))])
def test_the_usual_engine_fetches(items: Iterator[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Also by processes, in whose place are threads here, which take what the parent has fetched."""
    monkeypatch.setattr(local, "FEW", 10)
    monkeypatch.setattr(local, "Processes", Threads)
    monkeypatch.setattr(local.processes, "pool", lambda _: None)
    work = Doubling(holds_lock=True)

    assert list(Local(2).run(work, items)) == [2 * item + 1 for item in range(50)]
    assert sorted(work.fetched) == list(range(50))
