"""What a workstation says to a device over ssh: a job, and the files that the device asks for."""

import hashlib
import io
import json
import shutil
import sys
from contextlib import redirect_stdout
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe_edge.contract import codec
from tlpipe_edge.errors import BadData
from tlpipe_edge.remote_job import __main__ as device
from tlpipe_edge.remote_job.cache import Cache
from tlpipe_edge.remote_job.messages import File, Job

CONTENT = {"bundle/manifest.json": b"{}", "bundle/a.tflite": b"TFL3" * 9, "images/0.jpg": b"\xff\xd8"}


def prepare(folder: Path) -> Fuzzed:
    root, temporary, outside = folder / "root", folder / "temporary", {each.name for each in folder.iterdir()}
    said = cast(Any, SimpleNamespace(buffer=io.BytesIO(), flush=lambda: None))

    def read(content: bytes) -> None:
        for each in (root, temporary):
            shutil.rmtree(each, ignore_errors=True)
            each.mkdir()
        (root / "venvs").mkdir()  # the bootstrap makes it
        cache = Cache(root, temporary)
        sys.stdin = cast(Any, SimpleNamespace(buffer=io.BytesIO(content)))
        said.buffer = io.BytesIO()
        try:
            with redirect_stdout(said):
                made = device._receive(device._hear(Job), cache)
                cache.prune()
        except EOFError:
            raise BadData("it ends early") from None
        except OSError as error:
            raise device._disk_error(error) from error
        finally:
            sys.stdin = sys.__stdin__
            assert {each.name for each in folder.iterdir()} <= outside | {root.name, temporary.name}, "written outside"
            for file in (root / "files").iterdir():
                assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name, "another content in the cache"
        assert made.is_relative_to(root)

    return Fuzzed(read, [_said(CONTENT), _said({name: CONTENT[name] for name in [*CONTENT][:1]})], mutate)


def _said(content: dict[str, bytes]) -> bytes:
    files = tuple(File(name, hashlib.sha256(each).hexdigest(), len(each)) for name, each in content.items())
    job = json.dumps(codec.as_json(Job(files, ("bench", "bundle")))).encode()
    return job + b"\n" + b"".join(b'{"bytes": %d}\n' % len(each) + each for each in content.values())


def mutate(content: bytes, random: Random) -> bytes:
    """The job as a document, or any line."""
    job, end, rest = content.partition(b"\n")
    if random.random() < 0.6:
        return mutations.values(job, random) + end + rest
    return job + end + mutations.octets()(rest, random)
