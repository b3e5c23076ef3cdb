"""The cost of `--deterministic`: an epoch of fine-tuning at 160 px with and without it, in turns.

python benchmarks/deterministic.py DATA WEIGHTS [ROUNDS]: each round fine-tunes two runs for three epochs.
"""

import json
import sys
import tempfile
from functools import partial
from pathlib import Path

import harness

CASES = {"usual": [], "deterministic": ["--deterministic"]}


def main() -> None:
    """Measure, and publish the ratio of medians; the first epoch of each process traces the graph and is left out."""
    data, weights = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    with tempfile.TemporaryDirectory() as folder:
        cache = {"XDG_CACHE_HOME": f"{folder}/cache"}
        for name, options in CASES.items():
            command = ["train", data, "--weights", weights, "--views", "1", "--out", f"{folder}/{name}", *options]
            harness.run([*harness.TLPIPE, *command], environment=cache)
        seconds = harness.alternate(
            range(rounds), {name: partial(_epoch, Path(folder) / name, cache) for name in CASES}
        )
    medians = {name: harness.median(values) for name, values in seconds.items()}
    harness.publish(
        "deterministic",
        {
            "seconds": seconds,
            "median_seconds": medians,
            "times_slower": medians["deterministic"] / medians["usual"],
        },
    )


def _epoch(run: Path, cache: dict[str, str], _: int) -> float:
    """Seconds of the third epoch."""
    harness.run([*harness.TLPIPE, "finetune", str(run), "--epochs", "3", "--overwrite"], environment=cache)
    *_before, third = (run / "2-finetuned" / "history.jsonl").read_text("utf-8").splitlines()
    return float(json.loads(third)["seconds"])


if __name__ == "__main__":
    main()
