"""Process start to end: `tlpipe --help`, `tlpipe-edge --help`, and `tlpipe-edge classify` of one image.

python benchmarks/start_up.py BUNDLE [ROUNDS]: they take turns. Classify is measured twice: with a model that was
checked before, and with a model that is new on this machine, which first runs in a child process.
"""

import sys
import tempfile
from functools import partial
from pathlib import Path

import harness


def main() -> None:
    """Measure, and publish medians."""
    bundle = Path(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 15
    photo = next(file for file in sorted((bundle / "golden").iterdir()) if file.suffix != ".npz")
    classify = [sys.executable, "-m", "tlpipe_edge", "classify", str(bundle), str(photo)]
    harness.run(classify)
    commands = {
        "tlpipe --help": [*harness.TLPIPE, "--help"],
        "tlpipe-edge --help": [sys.executable, "-m", "tlpipe_edge", "--help"],
        "tlpipe-edge classify": classify,
        "tlpipe-edge classify, a new model": classify,
    }
    seconds = harness.alternate(
        range(rounds), {name: partial(_run, name, command) for name, command in commands.items()}
    )
    harness.publish(
        "start_up",
        {"seconds": seconds, "median_seconds": {name: harness.median(values) for name, values in seconds.items()}},
    )


def _run(name: str, command: list[str], _: int) -> float:
    with tempfile.TemporaryDirectory() as empty:
        return harness.run(command, environment={"XDG_CACHE_HOME": empty} if "new" in name else None).seconds


if __name__ == "__main__":
    main()
