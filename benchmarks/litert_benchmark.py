"""The network alone as `tlpipe-edge bench` times it, against `litert-benchmark`, which comes with LiteRT.

python benchmarks/litert_benchmark.py BUNDLE [ROUNDS]: every file of the bundle, with one thread and with two. Both take
turns, in the other order in each round. litert-benchmark runs in a separate process: it has no other interface.
"""

import json
import math
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness

from tlpipe_edge import Bundle
from tlpipe_edge.bench.latency import Rules, measure
from tlpipe_edge.machine import load
from tlpipe_edge.tflite.interpreter import Session

THREADS = (1, 2)
RULES = Rules(seconds=1.0)
"""As in a benchmark, but shorter, because there are several rounds."""
MAX_DIFFERENCE = 0.05
"""Maximum relative difference of both, with one thread."""


def main() -> None:
    """Measure, and publish for each file the p50 of all rounds with the median of their ratios."""
    bundle = Bundle.open(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 11
    before = load.now()
    results = {
        f"{artifact.recipe}, {threads} thread{'s' * (threads > 1)}": _alternate(
            bundle.path / artifact.file, threads, rounds
        )
        for artifact in bundle.manifest.artifacts
        for threads in THREADS
    }
    single = [each["ours_over_theirs"] for name, each in results.items() if name.endswith(" 1 thread")]
    harness.publish(
        "litert_benchmark",
        {
            "rounds": rounds,
            "image_size": bundle.manifest.image.size,
            "load_average_before": before.load_average,
            "results": results,
            "largest_difference_at_one_thread": max(abs(ratio - 1) for ratio in single),
            "within_wanted": all(abs(ratio - 1) <= MAX_DIFFERENCE for ratio in single),
        },
    )


def _alternate(file: Path, threads: int, rounds: int) -> dict[str, Any]:
    """p50 of each round in milliseconds, and the median of the ratios of the rounds: a shared machine varies."""
    session = Session(file.read_bytes(), threads=threads)
    runs = max(RULES.runs, math.ceil(RULES.seconds * 1e3 / measure(session.invoke, rules=RULES).p50))
    p50 = harness.alternate(
        range(rounds),
        {
            "ours": lambda _: measure(session.invoke, rules=RULES).p50,
            "theirs": lambda _: _litert_benchmark(file, threads, runs),
        },
    )
    ratios = [ours / theirs for ours, theirs in zip(p50["ours"], p50["theirs"], strict=True)]
    return {
        "p50_ms": p50,
        "median_ms": {name: harness.median(values) for name, values in p50.items()},
        "ours_over_theirs": harness.median(ratios),
    }


def _litert_benchmark(file: Path, threads: int, runs: int) -> float:
    """The median of litert-benchmark in milliseconds, rounded to a hundredth."""
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "result.json"
        options = {"model": file, "num_threads": threads, "num_runs": runs, "warmup_runs": runs // 4}
        command = [str(Path(sys.executable).with_name("litert-benchmark"))]
        harness.run([*command, *(f"--{name}={value}" for name, value in options.items()), f"--result_json={result}"])
        return float(json.loads(result.read_text("utf-8"))["latency"]["median_ms"])


if __name__ == "__main__":
    main()
