"""The default recipe from JPEG to evaluated bundle: accuracy of Keras and int8, and wall time, over three seeds.

python benchmarks/default_recipe.py DATA WEIGHTS [SEED ...]: DATA has train/ and validation/. A test split is cut from
train by the seed; it is not used for training or selection. Run `tlpipe run DATA --image-size 224` without tuning, each
time with an empty cache, then score the validation split with `tlpipe evaluate --data`.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import harness


def main() -> None:
    """Run each seed, and publish every figure and the medians."""
    data, weights = Path(sys.argv[1]).absolute(), str(Path(sys.argv[2]).absolute())
    seeds = [int(seed) for seed in sys.argv[3:]] or [0, 1, 2]
    with tempfile.TemporaryDirectory() as folder:
        runs = [_run(data, weights, seed, Path(folder)) for seed in seeds]
    names = ("test_top1", "validation_top1", "int8_drop", "int8_agreement", "minutes")
    harness.publish(
        "default_recipe",
        {
            "data": f"{data.name}, 224 px; test split cut from train, validation as it is",
            "runs": runs,
            "medians": {name: harness.median([run[name] for run in runs]) for name in names},
        },
    )


def _run(data: Path, weights: str, seed: int, folder: Path) -> dict[str, Any]:
    work = folder / str(seed)
    work.mkdir()
    cache = {"XDG_CACHE_HOME": str(work / "cache")}
    options = ["--image-size", "224", "--weights", weights, "--seed", str(seed), "--out", str(work / "run")]
    timed = harness.run([*harness.TLPIPE, "run", str(data), *options], environment=cache, folder=work)
    bundle = work / "exported" / "run"
    test = json.loads((bundle / "evaluation.json").read_text("utf-8"))
    scored = harness.run(
        [*harness.TLPIPE, "evaluate", str(bundle), "--data", str(data / "validation"), "--json"], environment=cache
    )
    validation = json.loads(scored.stdout)
    int8 = next(each for each in test["artifacts"] if each["recipe"] == "int8")
    on_validation = next(each for each in validation["artifacts"] if each["recipe"] == "int8")
    shutil.rmtree(work / "cache")
    return {
        "seed": seed,
        "minutes": timed.seconds / 60,
        "test_images": test["images"],
        "test_top1": test["keras"]["top1"],
        "test_top1_interval": test["keras"]["top1_interval"],
        "validation_images": validation["images"],
        "validation_top1": validation["keras"]["top1"],
        "int8_top1": int8["top1"],
        "int8_drop": test["keras"]["top1"] - int8["top1"],
        "int8_agreement": int8["agreement"],
        "int8_validation_top1": on_validation["top1"],
        "int8_validation_agreement": on_validation["agreement"],
    }


if __name__ == "__main__":
    main()
