"""What a device says over ssh: lines of events, with the document of a benchmark at the end."""

import io
import json
from pathlib import Path
from random import Random
from typing import Any, cast

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD
from tlpipe.benchmark.measure import with_keras
from tlpipe.remote import device_bench, failures
from tlpipe.remote.address import Address
from tlpipe.remote.device_bench import Content
from tlpipe.remote.ssh import Connection
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract.benchmark import KerasResult, to_json
from tlpipe_edge.errors import BadData, TlpipeError
from tlpipe_edge.remote_job import messages
from tlpipe_edge.remote_job.messages import Ended, Failed, Missing, NotInstalled, Result, Said

ADDRESS = Address("there")
FILE = Content(b"content", "0" * 64, 7)


class _Ssh:
    """A process that has said all that it says."""

    def __init__(self, said: bytes) -> None:
        self.stdin, self.stdout = io.BytesIO(), io.BytesIO(said)

    def wait(self, _seconds: float = 0) -> int:
        return 0


def prepare(_folder: Path) -> Fuzzed:
    document = json.loads((OLD / "bench-edge.json").read_text())
    del document["results"][1:]
    bench = json.dumps(document).encode()
    events = [messages.AwaitsWheels(), messages.Installing(), messages.AwaitsJob(), Missing((FILE.sha256,)),
              messages.Running(), Said("a line")]  # fmt: skip
    start = b"".join(map(messages.line_of, events))
    seeds = [start + messages.line_of(Result(), size=len(bench)) + bench]
    seeds += [start + messages.line_of(Result(), size=len(bench)) + bench]
    ends = (Failed(65, "bundle", "reason", "advice"), Ended(-9, "killed"), NotInstalled("ERROR: x", "3.11.2", "armv7l"))
    seeds += [start + messages.line_of(end) for end in ends] + [messages.line_of(messages.Busy())]
    return Fuzzed(_read, seeds, mutate)


def _read(content: bytes) -> None:
    connection = Connection(cast(Any, _Ssh(content)), ADDRESS, io.BytesIO(b"ssh: lost\n"))
    for event, output in connection.events(messages.KINDS):
        match event:
            case Missing():
                device_bench._asked(ADDRESS, event, {FILE.sha256: FILE})
            case Said():
                printable(event.line)
            case NotInstalled():
                str(failures.not_installed(ADDRESS, event))
                return
            case Failed():
                assert isinstance(failures.failed(ADDRESS, event), TlpipeError)
                return
            case Ended():
                str(failures.ended(ADDRESS, event))
                return
            case messages.Busy():
                return
            case Result():
                bench = device_bench.bench_of(output, "there")
                to_json([with_keras(bench, KerasResult())])
                return
    raise BadData("unreachable")


def mutate(content: bytes, random: Random) -> bytes:
    """Also the document, with the right number of bytes before it."""
    head, line, bench = content.rpartition(b'{"event": "result"')
    if not line or random.random() < 0.4:
        return mutations.lines_of_values(content, random)
    changed = mutations.values(bench.partition(b"\n")[2], random)
    return head + messages.line_of(Result(), size=len(changed)) + changed
