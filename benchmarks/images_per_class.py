"""How many images a class needs: accuracy and wall time by the number of training images, with the default recipe.

python benchmarks/images_per_class.py DATA WEIGHTS [COUNT ...]: DATA has train/ and validation/. Each COUNT images of
each class in train, chosen by a seed, are all that `tlpipe run --image-size 224` gets, and it holds out its own
validation split from them. All images of validation/ are the test split: they take no part in training or selection.
"""

import csv
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness

COUNTS = (10, 20, 50, 100)
SEED = 0


def main() -> None:
    """Run each count, and publish the figures."""
    data, weights = Path(sys.argv[1]).absolute(), str(Path(sys.argv[2]).absolute())
    counts = [int(count) for count in sys.argv[3:]] or COUNTS
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(data, weights, count, Path(folder)) for count in counts]
    harness.publish("images_per_class", {"data": f"{data.name}, 224 px; test: all of validation/", "runs": runs})


def _run(data: Path, weights: str, count: int, folder: Path) -> dict[str, Any]:
    listed, name = folder / f"{count}.csv", f"{count}-per-class"
    with listed.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("path", "label", "split"))
        rows.writerows(_rows(data, count))
    options = ["--image-size", "224", "--weights", weights, "--bench", "none", "--out", str(folder / "runs" / name)]
    timed = harness.run([*harness.TLPIPE, "run", str(listed), *options], folder=folder)
    test = json.loads((folder / "exported" / name / "evaluation.json").read_text("utf-8"))
    int8 = next(each for each in test["artifacts"] if each["recipe"] == "int8")
    return {
        "images_per_class": count,
        "minutes": timed.seconds / 60,
        "test_images": test["images"],
        "test_top1": test["keras"]["top1"],
        "test_top1_interval": test["keras"]["top1_interval"],
        "int8_top1": int8["top1"],
    }


def _rows(data: Path, count: int) -> list[tuple[str, str, str]]:
    """Path, label and split of ``count`` images of each class, and of all test images."""
    classes = sorted(folder for folder in (data / "train").iterdir() if folder.is_dir())
    rows = []
    for folder in classes:
        chosen = random.Random(SEED).sample(sorted(folder.iterdir()), count)
        rows += [(str(file), folder.name, "train") for file in chosen]
        rows += [(str(file), folder.name, "test") for file in sorted((data / "validation" / folder.name).iterdir())]
    return rows


if __name__ == "__main__":
    main()
