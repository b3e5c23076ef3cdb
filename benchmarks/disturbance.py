"""What other work on the machine does to latencies: TFLite with one thread and with two, and Keras.

python benchmarks/disturbance.py [BUNDLE [ROUNDS]]: in each round, each subject is timed in windows of a second, under
each load between two windows without one. The ratio of a percentile to the mean of these two counts. Where a
hypervisor took more than ``MAX_STEAL``, or others used more than ``MAX_CALM`` without a load, it does not qualify, and
counts only if none does: a star marks this in the table on stderr. The loads are stopped and continued by signals.
Rounds are added to those of the stored result; without BUNDLE, its ratios are calculated again from its windows. The
browser is left out if there is no Chromium.
"""

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import harness
import numpy as np

from tlpipe.network import build
from tlpipe.network.backend import tf
from tlpipe.runs.exported import original
from tlpipe_edge import Bundle
from tlpipe_edge.bench.latency import Rules, timed
from tlpipe_edge.console.text import table
from tlpipe_edge.machine import load
from tlpipe_edge.tflite.interpreter import Session

NAME = "disturbance"
SHARES = (0.1, 0.2, 0.4, 0.6, 1.0, 1.5, 2.0)
WINDOW = Rules(runs=10, seconds=1.05)
SETTLE_SECONDS = 0.2
MAX_STEAL, MAX_CALM = 0.1, 0.1
"""Cores."""
CALM = "calm"
BUSY = """
import sys, time
busy = 0.02 * float(sys.argv[1])
while True:
    start = time.perf_counter()
    while time.perf_counter() < start + busy: pass
    time.sleep(0.02 - busy)
"""
"""Use a share of a core, in periods of 20 ms."""
MEMORY = """
import numpy as np
source, target = np.ones(16_000_000), np.empty(16_000_000)
while True: np.copyto(target, source)
"""
"""Copy an array that no cache holds."""
PAGES = {
    "browser, a page of text": "<p>" + "text " * 2000,
    "browser, an animated page": """<canvas id=c width=800 height=600></canvas><script>
        const pen = c.getContext("2d");
        const draw = time => {
            pen.clearRect(0, 0, 800, 600);
            for (let at = 0; at < 300; at++) {
                pen.fillStyle = `hsl(${at},80%,50%)`;
                pen.fillRect(400 + 300 * Math.sin(time / 900 + at), 300 + 200 * Math.cos(time / 700 + at * 2), 20, 20);
            }
            requestAnimationFrame(draw);
        };
        requestAnimationFrame(draw);
        </script>""",
}


@dataclass(frozen=True)
class Window:
    """One subject timed under one load: percentiles in milliseconds; ``others`` and ``steal`` in cores."""

    round: int
    subject: str
    load: str
    p50: float
    p90: float
    p95: float
    others: float
    steal: float


def main() -> None:
    """Measure if there is a bundle, and publish the medians of the ratios."""
    stored = harness.RESULTS / f"{NAME}.json"
    document: dict[str, Any] = json.loads(stored.read_text("utf-8")) if stored.is_file() else {"windows": []}
    windows = [Window(**each) for each in document["windows"]]
    if len(sys.argv) > 1:
        bundle, rounds = Bundle.open(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 2
        windows += _measured(bundle, rounds, first=1 + max((each.round for each in windows), default=0))
        document = {"image_size": bundle.manifest.image.size}
    found = results(windows)
    print(_table(found), file=sys.stderr)
    harness.publish(
        NAME,
        document
        | {
            "rounds": max(each.round for each in windows),
            "max_steal": MAX_STEAL,
            "max_calm": MAX_CALM,
            "results": found,
            "windows": [asdict(each) for each in windows],
        },
    )


def _measured(bundle: Bundle, rounds: int, *, first: int) -> list[Window]:
    """The windows of rounds with the numbers from ``first`` on."""
    subjects = _subjects(bundle)
    windows: list[Window] = []
    with _loads() as loads:
        for number, (name, step) in itertools.product(range(first, first + rounds), subjects.items()):
            for _ in range(30):
                step()
            order = [each for each in np.random.default_rng(number).permutation(list(loads)) for each in (CALM, each)]
            windows += [_window(number, name, step, each, loads) for each in (*order, CALM)]
            print(f"round {number}, {name}", file=sys.stderr)
    return windows


def _subjects(bundle: Bundle) -> dict[str, Callable[[], object]]:
    subjects: dict[str, Callable[[], object]] = {}
    for recipe, threads in (("int8", 1), ("int8", 2), ("float16", 1), ("float16", 2)):
        session = Session((bundle.path / bundle.artifact(recipe).file).read_bytes(), threads=threads)
        subjects[f"{recipe}, {threads} thread{'s' * (threads > 1)}"] = session.invoke
    model = build.load(original(bundle, None))
    size = bundle.manifest.image.size
    pixels = np.random.default_rng(0).uniform(0, 255, (1, size, size, 3)).astype(np.float32)
    compiled = tf.function(lambda image: model(image, training=False))
    return subjects | {"Keras, compiled": lambda: compiled(tf.constant(pixels)).numpy()}


@contextmanager
def _loads() -> Iterator[dict[str, Sequence[int]]]:
    """The process groups of each load, all stopped."""
    commands: dict[str, list[Sequence[str]]] = {}
    for share in SHARES:
        parts = [1.0] * int(share) + [share % 1] * (share % 1 > 0)
        commands[f"busy {share:g}"] = [(sys.executable, "-c", BUSY, f"{part:g}") for part in parts]
    commands["memory 1"] = [(sys.executable, "-c", MEMORY)]
    with ExitStack() as stack:
        chromium = shutil.which("chromium")
        for name, page in PAGES.items() if chromium else ():
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
            (folder / "page.html").write_text(page, "utf-8")
            options = ("--headless=new", "--no-sandbox", "--remote-debugging-port=0", f"--user-data-dir={folder}/user")
            commands[name] = [(str(chromium), *options, (folder / "page.html").as_uri())]
        loads: dict[str, Sequence[int]] = {
            name: tuple(_started(each, stack) for each in several) for name, several in commands.items()
        }
        time.sleep(10)
        for group in itertools.chain.from_iterable(loads.values()):
            os.killpg(group, signal.SIGSTOP)
        yield loads


def _started(command: Sequence[str], stack: ExitStack) -> int:
    process = subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=_one_thread()
    )
    stack.callback(process.wait)
    stack.callback(os.killpg, process.pid, signal.SIGKILL)
    return process.pid


def _one_thread() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def _window(number: int, name: str, step: Callable[[], object], under: str, loads: dict[str, Sequence[int]]) -> Window:
    groups = loads.get(under, ())
    for group in groups:
        os.killpg(group, signal.SIGCONT)
    time.sleep(SETTLE_SECONDS)
    for _ in range(5):
        step()
    before, stolen = load.now(), _stolen()
    latency = timed(step, rules=WINDOW)
    after, steal = load.now(), _stolen() - stolen
    for group in groups:
        os.killpg(group, signal.SIGSTOP)
    steal /= after.seconds - before.seconds
    others = max(0.0, (load.other_load(before, after) or 0.0) - steal)
    p50, p90, p95 = (round(latency.percentile(each), 4) for each in (50, 90, 95))
    return Window(number, name, under, p50, p90, p95, round(others, 3), round(steal, 3))


def _stolen() -> float:
    """CPU seconds that a hypervisor took (proc_stat(5))."""
    return int(Path("/proc/stat").read_text(encoding="utf-8").split(maxsplit=9)[8]) / os.sysconf("SC_CLK_TCK")


def results(windows: Sequence[Window]) -> dict[str, Any]:
    """For each subject and load, medians over the windows between two calm ones.

    ``kept`` of its ``windows`` qualify, and only these count; if it is 0, all of them count.
    """
    subjects = dict.fromkeys(each.subject for each in windows)
    return {name: _ratios([each for each in windows if each.subject == name]) for name in subjects}


def _table(found: dict[str, Any]) -> str:
    """The median of each subject, in the columns, under each load; with a star if no window qualified."""
    loads = dict.fromkeys(name for ratios in found.values() for name in ratios)
    cells = ([ratios.get(name) for ratios in found.values()] for name in loads)
    rows = [
        (name, *(f"{each['p50']:.2f}" + "* "[each["kept"] > 0] if each else "-" for each in row))
        for name, row in zip(loads, cells, strict=True)
    ]
    return table(("p50", *found), rows) + "\n*: no window qualified, all of them count"


def _ratios(windows: Sequence[Window]) -> dict[str, Any]:
    triples = [each for each in zip(windows, windows[1:], windows[2:], strict=False) if each[1].load != CALM]
    found: dict[str, Any] = {}
    for name in dict.fromkeys(each[1].load for each in triples):
        mine = [each for each in triples if each[1].load == name]
        kept = [each for each in mine if _is_quiet(*each)]
        counted = kept or mine
        found[name] = {
            "others": harness.median([now.others for _, now, _ in counted]),
            "calm_others": harness.median([(before.others + after.others) / 2 for before, _, after in counted]),
            "p50": harness.median([2 * now.p50 / (before.p50 + after.p50) for before, now, after in counted]),
            "p95": harness.median([2 * now.p95 / (before.p95 + after.p95) for before, now, after in counted]),
            "p90_over_p50": harness.median([now.p90 / now.p50 for _, now, _ in counted]),
            "p50_of_each": [round(2 * now.p50 / (before.p50 + after.p50), 3) for before, now, after in counted],
            "kept": len(kept),
            "windows": len(mine),
        }
    return found


def _is_quiet(before: Window, now: Window, after: Window) -> bool:
    return (
        max(each.steal for each in (before, now, after)) <= MAX_STEAL and max(before.others, after.others) <= MAX_CALM
    )


if __name__ == "__main__":
    main()
