"""What runs on the cluster: an actor that drives Ray Data, and the actors that do the work.

Ray Data is driven from inside the cluster, since a Ray Client has limited support for it (ray issue 39860). The actor
``Pipeline`` takes batches of items and gives back their results, in bounded pieces. Between both, Ray Data schedules
the batches, with its backpressure, on a pool of ``Worker`` actors, and restarts those that die. A batch is one block.
"""

import collections
import pickle
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
import ray.data
from ray.data.block import BlockMetadata
from ray.data.datasource import Datasource, ReadTask
from ray.exceptions import RayError

from tlpipe.engine.cluster.answers import Failure, answered

if TYPE_CHECKING:
    from ray.actor import ActorHandle

HEAD = {"node:__internal_head__": 0.001}
"""Ray's resource of the head node. What must not be lost with a worker node is there: the pipeline, and the batches."""

OPTIONS = {"num_cpus": 0, "max_concurrency": 16, "max_restarts": 0, "resources": HEAD}
"""Those of Ray for the actor ``Pipeline``."""

PIECE_BYTES = 32_000_000
"""An answer has no further result after so many bytes: a Ray Client gets it in messages."""

DONE_BYTES = 2 * PIECE_BYTES
"""After so many bytes of answers that are not taken, no more are taken from Ray Data, whose backpressure acts then."""

RETRIES = 3
"""How often a worker is started again, or a batch given to another one, before Ray Data ends with the error."""

QUEUED = 2
"""The batches that wait at a worker or are computed there."""

STARTED = 2
"""The works that a worker keeps started, each of which holds a model."""

_POLL_SECONDS = 2.0
"""After so long, a call answers that there is nothing, and is made again: so no thread stays with one that was lost."""


@dataclass(frozen=True)
class Batch:
    """``items``, a pickled list of pickled ones, for the work of the key ``work``.

    Without a key, there is none: a worker only answers.
    """

    number: int
    work: str
    items: bytes


class Pipeline:
    """Takes batches, and gives back the pickled answers (``answers``) for each, in any order.

    ``workers`` is the maximum number of actors, of one core each; ``packages`` are installed for them by pip, if any.
    """

    def __init__(self, workers: int, packages: tuple[str, ...]) -> None:
        self._changed = threading.Condition()
        self._works: dict[str, bytes] = {}
        self._waiting: collections.deque[Batch] = collections.deque()
        self._given_up: set[int] = set()
        self._done: collections.deque[tuple[int, bytes]] = collections.deque()
        self._done_bytes = 0
        self._error: Exception | None = None
        here = ray.get_runtime_context().current_actor
        threading.Thread(target=self._drive, args=(here, workers, packages), daemon=True).start()

    def work(self, key: str) -> bytes | None:
        """For the workers: the pickled work of a key; None if it is not used any more."""
        return self._works.get(key)

    def is_wanted(self, number: int) -> bool:
        """For the workers: whether the batch of this number is not given up."""
        return number not in self._given_up

    def exchange(
        self, works: dict[str, bytes | None], batches: list[Batch], given_up: list[int], *, wait: bool
    ) -> list[tuple[int, bytes]]:
        """Take batches, and give the numbers and answers of those that are done: ``PIECE_BYTES``, or a single one.

        ``works`` are pickled ones by key, or None for one that is not used any more; ``given_up`` are batches without
        use. With ``wait``, it waits for an answer for a while. Raise the error with which Ray Data ended.
        """
        with self._changed:
            for key, work in works.items():
                if work is None:
                    self._works.pop(key, None)
                else:
                    self._works[key] = work
            self._given_up.update(given_up)
            self._waiting.extend(batches)
            self._changed.notify_all()
            if wait:
                self._changed.wait_for(lambda: self._done or self._error, _POLL_SECONDS)
            if self._error is not None:
                raise self._error
            piece: list[tuple[int, bytes]] = []
            size = 0
            while self._done and (not piece or size + len(self._done[0][1]) <= PIECE_BYTES):
                piece.append(self._done.popleft())
                size += len(piece[-1][1])
            self._given_up.difference_update(number for number, _ in piece)
            self._done_bytes -= size
            self._changed.notify_all()
            return piece

    def take(self) -> Batch | None:
        """For the feed: the next batch; None if there is none at the moment."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting, _POLL_SECONDS)
            while self._waiting:
                batch = self._waiting.popleft()
                if self.is_wanted(batch.number):
                    return batch
                self._given_up.discard(batch.number)
            return None

    def _drive(self, here: "ActorHandle", workers: int, packages: tuple[str, ...]) -> None:
        try:
            for table in _results(here, workers, packages):
                (number,), (answers,) = (table[name].to_pylist() for name in ("number", "answers"))
                with self._changed:
                    self._changed.wait_for(lambda: self._done_bytes < DONE_BYTES)  # so that Ray Data waits, too
                    if not self.is_wanted(number):
                        self._given_up.discard(number)
                        continue
                    self._done.append((number, answers))
                    self._done_bytes += len(answers)
                    self._changed.notify_all()
        except Exception as error:
            with self._changed:
                self._error = error
                self._changed.notify_all()


def _results(pipeline: "ActorHandle", workers: int, packages: tuple[str, ...]) -> Iterable[pa.Table]:
    """The answers, by Ray Data, which does not end by itself: tables with a row each, ``number`` and ``answers``."""
    context = ray.data.DataContext.get_current()
    context.target_max_block_size = 1  # so that each batch is a block, and goes on at once
    context.autoscaling_config.actor_pool_util_downscaling_threshold = -1  # idle workers stay for the next work
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    batches = ray.data.read_datasource(
        _Feed(pipeline),
        override_num_blocks=1,
        num_cpus=0,
        resources=HEAD,
        ray_remote_args={"max_retries": 0},  # another attempt would not get the batches that were taken
    )
    pool = ray.data.ActorPoolStrategy(
        min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=QUEUED
    )
    results = batches.map_batches(
        Worker,
        batch_size=None,
        batch_format="pyarrow",
        compute=pool,
        num_cpus=1,
        fn_constructor_args=(pipeline,),
        max_restarts=RETRIES,
        max_task_retries=RETRIES,
        **({"runtime_env": {"pip": list(packages)}} if packages else {}),
    )
    tables: Iterable[pa.Table] = results.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0)
    return tables


class _Feed(Datasource):  # type: ignore[misc]
    """The batches that the pipeline takes, as a data source of Ray Data: one task, which yields them as they come."""

    def __init__(self, pipeline: "ActorHandle") -> None:
        super().__init__()
        self._pipeline = pipeline

    def estimate_inmemory_data_size(self) -> int | None:
        """As ``Datasource``: not known."""
        return None

    def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
        """As ``Datasource``: one, however many are asked for."""
        pipeline = self._pipeline
        return [ReadTask(lambda: _blocks(pipeline), BlockMetadata(None, None, None, None))]


def _blocks(pipeline: "ActorHandle") -> Iterator[pa.Table]:
    while True:
        batch: Batch | None = ray.get(pipeline.take.remote())
        if batch is not None:
            items = pa.array([batch.items], pa.large_binary())
            yield pa.table({"number": [batch.number], "work": [batch.work], "items": items})


class Worker:
    """An actor of the pool: it holds what each work holds between items, such as a LiteRT session."""

    def __init__(self, pipeline: "ActorHandle") -> None:
        self._pipeline = pipeline
        self._started: collections.OrderedDict[str, Callable[[list[Any]], list[Any]]] = collections.OrderedDict()

    def __call__(self, table: pa.Table) -> pa.Table:
        """The answers for a batch."""
        (number,), (key,), (items,) = (table[name].to_pylist() for name in ("number", "work", "items"))
        wanted = key and ray.get(self._pipeline.is_wanted.remote(number))
        answers = self._answers(key, items) if wanted else b""
        return pa.table({"number": [number], "answers": pa.array([answers], pa.large_binary())})

    def _answers(self, key: str, items: bytes) -> bytes:
        try:
            if key not in self._started:
                work: bytes | None = ray.get(self._pipeline.work.remote(key))
                if work is None:
                    return b""
                self._started[key] = answered(pickle.loads(work))
                if len(self._started) > STARTED:
                    self._started.popitem(last=False)
            self._started.move_to_end(key)
            return pickle.dumps(self._started[key]([pickle.loads(item) for item in pickle.loads(items)]))
        except RayError:  # the pipeline is gone
            raise
        except Exception as error:
            return pickle.dumps([Failure.of(error)])
