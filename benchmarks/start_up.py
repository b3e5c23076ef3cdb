"""Process start to answer: `tlpipe --help`, `tlpipe-edge --help`, and `tlpipe-edge classify` of one image.

python benchmarks/start_up.py BUNDLE [ROUNDS]: the three take turns.
"""

import sys
from pathlib import Path

import harness


def main() -> None:
    """Measure, and publish medians."""
    bundle = Path(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    photo = next(file for file in sorted((bundle / "golden").iterdir()) if file.suffix != ".npz")
    commands = {
        "tlpipe --help": [*harness.TLPIPE, "--help"],
        "tlpipe-edge --help": [sys.executable, "-m", "tlpipe_edge", "--help"],
        "tlpipe-edge classify": [sys.executable, "-m", "tlpipe_edge", "classify", str(bundle), str(photo)],
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds[name].append(harness.run(command).seconds)
    harness.publish(
        "start_up",
        {"seconds": seconds, "median_seconds": {name: harness.median(values) for name, values in seconds.items()}},
    )


if __name__ == "__main__":
    main()
