"""A model that plain Keras trained (stranger.py), adopted: is its accuracy the same, and what does int8 cost it?

python benchmarks/adopt.py DATA WEIGHTS [SIZE]: DATA has train/ and validation/. The model is adopted three times, with
its own normalization and with two wrong ones, and evaluated on the validation images: as PNGs that stranger.py resized,
so that both see the same pixels, and as the original JPEGs, which the device resizes in its own way.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import publish

import tlpipe

NORMALIZATIONS = {"-1..1 (its own)": (127.5, 127.5), "0..1": (0, 255), "0..255": (0, 1)}


def main() -> None:
    """Train, adopt, export, evaluate."""
    data, weights = Path(sys.argv[1]).resolve(), str(Path(sys.argv[2]).resolve())
    size = sys.argv[3] if len(sys.argv) > 3 else "96"
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "stranger"
        command = [sys.executable, str(Path(__file__).with_name("stranger.py")), str(data), weights, size, str(folder)]
        told = subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout
        results: dict[str, Any] = {"size": int(size), "plain Keras": json.loads(told.splitlines()[-1])}
        for name, normalization in NORMALIZATIONS.items():
            results[name] = adopted(folder, normalization, data, Path(place) / name.partition(" ")[0])
            print(name, json.dumps(results[name]), flush=True)
    publish("adopt", results)


def adopted(folder: Path, normalization: tuple[float, float], data: Path, place: Path) -> dict[str, Any]:
    """The top-1 of the adopted model and of its int8 file on both kinds of images."""
    mean, std = normalization
    model, labels = folder / "stranger.keras", folder / "labels.txt"
    run = tlpipe.adopt(model, labels=labels, data=data, mean=mean, std=std, out=place / "run")
    bundle = tlpipe.export(run, ["int8"], out=place / "bundle")
    found = {}
    for name, images in {"the same pixels": folder / "validation", "JPEGs": data / "validation"}.items():
        scored = tlpipe.evaluate(bundle, data=images)
        (int8,) = scored.artifacts
        found[name] = {
            "images": scored.images,
            "Keras top-1": scored.keras.top1,
            "int8 top-1": int8.top1,
            "int8 agreement": int8.agreement,
            "mean probability difference": int8.mean_probability_difference,
        }
    return found | {"note": bundle.manifest.artifacts[0].notes[0]}


if __name__ == "__main__":
    main()
