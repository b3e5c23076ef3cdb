"""The pipeline on the cluster as it is used from here: batches go there, and results come back in their order.

Whatever is lost on the cluster, a batch that has no answer is still here, and is given to a new pipeline.
"""

import contextlib
import hashlib
import itertools
import pickle
import warnings
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlpipe.engine.batches import batches
from tlpipe.engine.cluster import nodes, problems
from tlpipe.engine.cluster.answers import Failure, Unseen, raised
from tlpipe.engine.work import Item, Result, Work
from tlpipe_edge.console import progress
from tlpipe_edge.errors import Unavailable

if TYPE_CHECKING:
    from ray.actor import ActorHandle

BATCH, MIN_BATCH = 256, 8
"""The items of a batch: the first ones are small, so that every worker begins at once. At 224 px, 256 take 1.3 s. At 64
px on two cores, 128 gave 1,430 images a second, 256 gave 1,960, and 512 gave 2,200."""

BATCH_BYTES = 16_000_000
"""The bytes of the items, or of their results as far as known, after which a batch has no more of them."""

AHEAD = 3
"""The batches per worker that are computed in advance."""

WINDOW_BYTES = 512_000_000
"""The bytes of items and of results, here or expected, after which a run sends no further batch."""

MAX_REMADE = 3
"""How often a pipeline is made again without an answer in between."""

PATIENCE = 15
"""The exchanges without an answer after which it is said that the workers wait for something."""


@dataclass
class _Asked:
    """A batch that is not answered yet, or whose ``answers`` are not taken yet."""

    work: str
    items: bytes
    expected: int
    answers: bytes | None = None

    def bytes(self) -> int:
        return len(self.items) + (self.expected if self.answers is None else len(self.answers))


class Driven:
    """A pipeline of at most ``workers`` actors on the connected cluster, which needs ``packages`` there."""

    def __init__(self, workers: int, packages: Sequence[str], where: str) -> None:
        self.workers, self.packages = workers, tuple(packages)
        self._where = where
        self._numbers = itertools.count()
        self._works: dict[str, bytes] = {}
        self._users: Counter[str] = Counter()
        self._item_bytes: dict[str, int] = {}
        self._asked: dict[int, _Asked] = {}
        self._unsent: deque[int] = deque()
        self._unsent_works: dict[str, bytes | None] = {}
        self._given_up: list[int] = []
        self._remade = self._silent = 0
        self._pipeline: ActorHandle | None = None

    def start(self) -> None:
        """Start the workers, and wait for the first one. Raise Unavailable if none can be started."""
        import ray

        from tlpipe.engine.cluster.pipeline import Batch

        if self.packages:
            progress.say(f"{self._where}: nodes lack packages, which Ray installs there, once: about a minute")
        waiting = [Batch(next(self._numbers), "", b"")]
        with progress.waiting(f"starting workers on {self._where}", seconds=10):
            try:
                pipeline = self._made()
                while not ray.get(pipeline.exchange.remote({}, waiting, [], wait=True)):
                    waiting = []
                    self._note_silence()
            except Exception as error:
                if not (problems.is_of_connection(error) or problems.is_of_ray(error)):
                    raise
                raise problems.of_starting(error, self._where) from error

    def close(self) -> None:
        """End what runs on the cluster."""
        if self._pipeline is not None:
            import ray

            with contextlib.suppress(Exception):
                ray.kill(self._pipeline)
            self._pipeline = None

    def run(self, work: Work[Item, Result], items: Iterable[Item]) -> Generator[Result, None, None]:
        """As ``Engine.run``. Raise Unavailable if the cluster is lost."""
        key = self._used(pickle.dumps(work))
        own: deque[tuple[int, list[bytes]]] = deque()
        taken = batches(items, self._limits(key), max_bytes=BATCH_BYTES)
        try:
            while True:
                while not own or (len(own) < AHEAD * self.workers and self._bytes(own) < WINDOW_BYTES):
                    batch = next(taken, None)
                    if batch is None:
                        break
                    own.append((self._ask(key, batch), batch))
                if not own:
                    return
                number, batch = own[0]
                while (answered := self._asked[number].answers) is None:
                    self._exchange()
                answers = pickle.loads(answered)
                self._item_bytes[key] = len(answered) // max(1, len(answers))
                yield from _results(work, batch, answers)
                if len(answers) < len(batch):  # the work has ended, as its store is lost
                    return
                own.popleft()
                del self._asked[number]
        finally:
            for number, _ in own:
                if self._asked.pop(number).answers is None:
                    self._given_up.append(number)
            self._unused(key)

    def _limits(self, key: str) -> Iterator[int]:
        """The maximum number of items of each batch of a work."""
        for number in itertools.count():
            fits = BATCH_BYTES // max(1, self._item_bytes.get(key, 1))
            yield max(1, min(BATCH, MIN_BATCH << min(number // self.workers, BATCH.bit_length()), fits))

    def _bytes(self, own: Iterable[tuple[int, list[bytes]]]) -> int:
        return sum(2 * len(self._asked[number].items) + self._asked[number].bytes() for number, _ in own)

    def _used(self, work: bytes) -> str:
        """The key of a work, which is kept until it is as often ``_unused``."""
        key = hashlib.sha256(work).hexdigest()
        self._users[key] += 1
        self._works[key] = self._unsent_works[key] = work
        return key

    def _unused(self, key: str) -> None:
        self._users[key] -= 1
        if not self._users[key]:
            del self._works[key]
            self._unsent_works[key] = None

    def _ask(self, key: str, batch: list[bytes]) -> int:
        number = next(self._numbers)
        self._asked[number] = _Asked(key, pickle.dumps(batch), self._item_bytes.get(key, 0) * len(batch))
        self._unsent.append(number)
        return number

    def _exchange(self) -> None:
        """Send what is not sent, and take the answers that are there. Raise Unavailable if the cluster is lost."""
        import ray

        from tlpipe.engine.cluster.pipeline import Batch

        try:
            pipeline = self._pipeline or self._made()
            sent = [Batch(number, self._asked[number].work, self._asked[number].items) for number in self._piece()]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # that much data is sent
                call = pipeline.exchange.remote(self._unsent_works, sent, self._given_up, wait=not self._unsent)
                found: list[tuple[int, bytes]] = ray.get(call)
        except Exception as error:
            if problems.is_of_connection(error):
                raise problems.lost(error, self._where) from error
            if not problems.is_of_ray(error):
                raise
            self._remake(error)
            return
        self._unsent_works, self._given_up = {}, []
        for number, answers in found:
            if number in self._asked:
                self._asked[number].answers = answers
        if found:
            self._remade = self._silent = 0
        elif not self._unsent:
            self._note_silence()

    def _piece(self) -> Iterator[int]:
        """The batches that are sent now: ``PIECE_BYTES`` together, or a single one. They are taken for sent."""
        from tlpipe.engine.cluster.pipeline import PIECE_BYTES

        size = 0
        while self._unsent and size < PIECE_BYTES:
            number = self._unsent.popleft()
            if number in self._asked:
                size += len(self._asked[number].items)
                yield number

    def _note_silence(self) -> None:
        self._silent += 1
        if self._silent == PATIENCE:
            progress.say(f"{self._where}: no answer of a worker yet. ray status says whether all cores are in use")

    def _made(self) -> "ActorHandle":
        import ray

        from tlpipe.engine.cluster.pipeline import OPTIONS, Pipeline

        self._pipeline = made = ray.remote(**OPTIONS)(Pipeline).remote(self.workers, self.packages)
        self._unsent_works, self._given_up = dict(self._works), []
        self._unsent = deque(number for number, each in self._asked.items() if each.answers is None)
        return made

    def _remake(self, error: Exception) -> None:
        """Give what has no answer to a new pipeline. Raise Unavailable if that has not helped."""
        self.close()
        self._remade += 1
        if self._remade > MAX_REMADE:
            raise Unavailable(
                f"its workers end again and again ({problems.summary(error)})",
                "Look at ray status and at the logs of Ray. A node may have too little memory.",
                where=self._where,
            ) from error
        progress.say(f"{self._where}: a part of the cluster was lost; what it had in work is computed again")


def _results(work: Work[Item, Result], batch: list[bytes], answers: list[Any]) -> Generator[Result, None, None]:
    """The results of a batch. Raise the error of a failure, and MissingInput for a file that a node cannot see."""
    function = None
    for item, answer in zip(batch, answers, strict=False):
        if isinstance(answer, Failure):
            raise raised(answer)
        if not isinstance(answer, Unseen):
            yield answer
            continue
        if nodes.can_be_read(answer.file):
            raise nodes.not_seen(answer.file, answer.node)
        function = function or work.start()  # it says what it always says of such a file
        yield function(pickle.loads(item))
