"""What each step of an image takes in one thread, for ``cluster.py``: milliseconds, means over the images of a round.

Files are in the page cache, after the first round.
"""

import functools
import os
import pickle
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import harness
import numpy as np

from tlpipe.data import object_store
from tlpipe.data.location import Remote, remote
from tlpipe.engine import fetching
from tlpipe.features import shelf
from tlpipe.features.work import scorer
from tlpipe.scoring import formats
from tlpipe.scoring.work import Item, Row, ScoreImages, of_file
from tlpipe.storage import checkpoint
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.images import decode

IMAGES, ROUNDS = 1000, 5
ROWS: Mapping[str, tuple[tuple[int, ...], str]] = {
    "pooled": ((1280,), "float32"),
    "at the cut of finetune": ((14, 14, 96), "float16"),
}
"""Features of MobileNetV2 1.0 at 224 px, as ``train`` and ``finetune`` store them."""
SHARD_BYTES = 32_000_000
STORE = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@dataclass(frozen=True)
class Shares:
    """Milliseconds an image of each step, one number per round; ``bytes`` of an image, of its file and of its row."""

    milliseconds: dict[str, list[float]]
    bytes: dict[str, float]


def measure(work: ScoreImages, files: Sequence[Path]) -> Shares:
    """Each step on the first ``IMAGES`` files: hashing, fetching, decoding, the network, pickling, storing a result."""
    chosen = list(files[:IMAGES])
    with tempfile.TemporaryDirectory() as name, _store(chosen) as places:
        os.environ["TLPIPE_CACHE"] = str(Path(name, "cache"))
        steps, sizes = _steps(work, chosen, places, Path(name))
        found = harness.alternate(range(ROUNDS), {step: harness.seconds(action) for step, action in steps.items()})
    return Shares({step: [1000 * each / IMAGES for each in taken] for step, taken in found.items()}, sizes)


def _steps(
    work: ScoreImages, files: list[Path], places: list[Remote], folder: Path
) -> tuple[dict[str, Callable[[int], object]], dict[str, float]]:
    probabilities, answer = scorer(work.model), work.start()
    pixels = [decode.load(file, work.spec) for file in files]
    items = [of_file(file) for file in files]
    rows = [answer(item) for item in items]
    lines = formats.of(Path("scores.csv"))
    size = sum(file.stat().st_size for file in files) / len(files)
    written = sum(len(lines.line(row, work.top_k)) for row in rows) / len(rows)
    steps: dict[str, Callable[[int], object]] = {
        "hash": lambda _: [sha256_of(file) for file in files],
        "decode": lambda _: [decode.load(file, work.spec) for file in files],
        "network": lambda _: [probabilities(each) for each in pixels],
        "pickle": lambda _: _pickled(items, rows),
        "store a row": lambda turn: _written(rows, lines, work.top_k, folder / f"{turn}.csv"),
        "fetch, one by one": lambda _: [work.fetch(of_file(place)) for place in places],
        "fetch, by threads": lambda _: _fetched(places),
    }
    for name, (shape, dtype) in ROWS.items():
        steps[f"store features, {name}"] = functools.partial(_shelved, shape, dtype)
    return steps, {"file": size, "row": written}


def _pickled(items: list[Item], rows: list[Row]) -> None:
    """As a cluster does: each item, to know its size; then, batches there and back."""
    for item in items:
        pickle.dumps(item)
    for each in (items, rows):
        for first in range(0, len(each), 128):
            pickle.loads(pickle.dumps(each[first : first + 128]))


def _written(rows: list[Row], form: formats.Format, top_k: int, out: Path) -> None:
    saved = Checkpoint(out, checkpoint.key("score", {}))
    saved.open({})
    growing = saved.growing("rows")
    assert growing is not None
    for row in rows:
        growing.append(form.line(row, top_k))
    growing.flushed()
    growing.close()


def _shelved(shape: tuple[int, ...], dtype: str, turn: int) -> None:
    rows = np.random.default_rng(turn).random((IMAGES, *shape), np.float32).astype(dtype)
    hashes = shelf.digests([f"{turn:032x}{number:032x}" for number in range(IMAGES)])
    in_a_shard = SHARD_BYTES // rows[0].nbytes
    for first in range(0, IMAGES, in_a_shard):
        shelf.store(f"features/{len(shape)}", hashes[first : first + in_a_shard], rows[first : first + in_a_shard])


def _fetched(places: list[Remote]) -> None:
    with ThreadPoolExecutor(fetching.AHEAD) as pool:
        for content in pool.map(lambda place: object_store.head(place, decode.MAX_BYTES + 1), places):
            assert content


@contextmanager
def _store(files: list[Path]) -> Iterator[list[Remote]]:
    """The files as objects of a store on loopback: moto's server, a program in Python, in a process of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(STORE | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"})
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(port, server)
        import s3fs

        client = s3fs.S3FileSystem()
        client.mkdir("images")
        for number, file in enumerate(files):
            client.pipe_file(f"images/{number:06}.jpg", file.read_bytes())
        yield [remote(f"s3://images/{number:06}.jpg") for number in range(len(files))]
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.2)
    sys.exit("moto's server does not start")
