"""What `--deterministic` costs: an epoch of fine-tuning at 160 px with and without it, in turns.

python benchmarks/deterministic.py DATA WEIGHTS [ROUNDS]: each round fine-tunes two runs for three epochs.
"""

import json
import sys
import tempfile
from pathlib import Path

import harness

CASES = {"usual": [], "deterministic": ["--deterministic"]}


def main() -> None:
    """Measure, and publish the ratio of medians; the first epoch of each process traces the graph and is left out."""
    data, weights = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 2
    seconds: dict[str, list[float]] = {name: [] for name in CASES}
    with tempfile.TemporaryDirectory() as folder:
        cache = {"XDG_CACHE_HOME": f"{folder}/cache"}
        for name, options in CASES.items():
            command = ["train", data, "--weights", weights, "--views", "1", "--out", f"{folder}/{name}", *options]
            harness.run([*harness.TLPIPE, *command], environment=cache)
        for _ in range(rounds):
            for name in CASES:
                command = ["finetune", f"{folder}/{name}", "--epochs", "3", "--overwrite"]
                harness.run([*harness.TLPIPE, *command], environment=cache)
                _, *epochs = (Path(folder) / name / "2-finetuned" / "history.jsonl").read_text().splitlines()
                seconds[name] += [json.loads(epoch)["seconds"] for epoch in epochs[2:]]
    medians = {name: harness.median(values) for name, values in seconds.items()}
    harness.publish(
        "deterministic",
        {
            "seconds": seconds,
            "median_seconds": medians,
            "times_slower": medians["deterministic"] / medians["usual"],
        },
    )


if __name__ == "__main__":
    main()
