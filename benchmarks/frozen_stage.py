"""Wall time of the frozen stage, process start to trained head, against TensorFlow's tutorial: cold, warm, cached.

python benchmarks/frozen_stage.py DATA WEIGHTS [ROUNDS]: DATA has train/ and validation/. In each round the tutorial and
the three cases of tlpipe take turns; all train on the same images, up to 15 epochs at 160 px, without augmented views.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

import harness

EPOCHS, SIZE = 15, 160


def main() -> None:
    """Measure, and publish ratios of medians."""
    data, weights = sys.argv[1], sys.argv[2]
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    seconds: dict[str, list[float]] = {"tutorial": [], "cold": [], "backbone cached": [], "features cached": []}
    accuracy: dict[str, list[float]] = {name: [] for name in seconds}
    epochs: dict[str, list[int]] = {name: [] for name in seconds}
    tutorial = Path(__file__).with_name("tutorial.py")
    for _ in range(rounds):
        timed = harness.run(
            [sys.executable, str(tutorial), data, weights, str(SIZE), str(EPOCHS)],
            until="trained",
            environment={"TF_CPP_MIN_LOG_LEVEL": "3"},
        )
        seconds["tutorial"].append(timed.seconds)
        accuracy["tutorial"].append(float(timed.stdout))
        epochs["tutorial"].append(EPOCHS)
        with tempfile.TemporaryDirectory() as folder:
            cache = Path(folder) / "cache"
            for case in ("cold", "backbone cached", "features cached"):
                if case == "backbone cached":
                    shutil.rmtree(cache / "tlpipe" / "features")
                rate = "0.0008" if case == "features cached" else "0.001"
                spent, top1, trained = _train(data, weights, Path(folder) / case, cache, rate)
                seconds[case].append(spent)
                accuracy[case].append(top1)
                epochs[case].append(trained)
    medians = {name: harness.median(values) for name, values in seconds.items()}
    harness.publish(
        "frozen_stage",
        {
            "data": f"{Path(data).name}, {SIZE} px, {EPOCHS} epochs",
            "seconds": seconds,
            "median_seconds": medians,
            "times_faster_than_tutorial": {name: medians["tutorial"] / value for name, value in medians.items()},
            "validation_top1": accuracy,
            "epochs_trained": epochs,
        },
    )


def _train(data: str, weights: str, out: Path, cache: Path, learning_rate: str) -> tuple[float, float, int]:
    """Seconds to the trained head, its validation top-1, and the epochs until early stopping."""
    options = ["--views", "1", "--epochs", str(EPOCHS), "--image-size", str(SIZE), "--test-fraction", "0"]
    command = [*harness.TLPIPE, "train", data, "--weights", weights, "--out", str(out), *options]
    timed = harness.run(
        [*command, "--learning-rate", learning_rate],
        until="kept epoch",
        environment={"XDG_CACHE_HOME": str(cache)},
    )
    metrics = json.loads((out / "1-frozen" / "metrics.json").read_text("utf-8"))
    history = (out / "1-frozen" / "history.jsonl").read_text("utf-8").splitlines()
    return timed.seconds, metrics["validation"]["top1"], json.loads(history[-1])["number"]


if __name__ == "__main__":
    main()
