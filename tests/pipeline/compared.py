"""Bundles to compare: evaluated, with predictions for each image that a test states; and their comparison."""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import benches
import numpy as np
from reports import DRAWN

from tlpipe.evaluation import per_image
from tlpipe.evaluation.per_image import Predictions
from tlpipe.reporting import publish
from tlpipe_edge.classify.accuracy import wilson
from tlpipe_edge.contract.bundle import EVALUATION, Bundle

LABELS = ("cat", "dog", "fox")
Labelled = Sequence[tuple[str, str]]
"""The name of each image, from which its hash is made, and its true label."""


def images(count: int, *, first: int = 0, labels: Sequence[str] = LABELS) -> list[tuple[str, str]]:
    """Images with the labels in turn."""
    return [(f"image {number}", labels[number % len(labels)]) for number in range(first, first + count)]


def bundle(
    folder: Path,
    examples: Labelled,
    wrong: Mapping[str, Sequence[int]],
    *,
    labels: Sequence[str] = LABELS,
    trained_on: int = 0,
    size: int = 1_000_000,
    scores: bool = True,
) -> Path:
    """An evaluated bundle. ``wrong`` are the positions of the images on which each format is wrong; "keras" is never.

    A wrong prediction is the class after the true one. The score of a prediction rises with its position, from 0.5 to
    below 1; without ``scores``, the predictions are as an earlier version wrote them.
    """
    shutil.copytree(DRAWN, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    artifact = manifest["artifacts"][0]
    hashes = {recipe: hashlib.sha256(f"{folder}{recipe}".encode()).hexdigest() for recipe in wrong}
    manifest |= {"name": folder.name, "labels": list(labels)}
    manifest["artifacts"] = [
        artifact
        | {"recipe": recipe, "file": f"{recipe}.tflite", "sha256": hashes[recipe], "bytes": size + rank}
        | {"rank": rank}
        for rank, recipe in enumerate(wrong)
    ]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    truth = np.array([list(labels).index(label) for _, label in examples])
    predicted = {
        recipe: (truth + np.isin(np.arange(len(truth)), places)) % len(labels) for recipe, places in wrong.items()
    }
    of_files = [
        {"recipe": each["recipe"], "file": each["file"], "sha256": each["sha256"], "bytes": each["bytes"]}
        | _rates(predicted[each["recipe"]], truth, labels)
        | {"agreement": float((predicted[each["recipe"]] == truth).mean())}
        for each in manifest["artifacts"]
    ]
    document = {"schema": 1, "images": len(truth), "split": "test", "failed_images": [], "gate": None}
    document |= {"keras": _rates(truth, truth, labels), "artifacts": of_files, "trained_on": trained_on}
    (folder / EVALUATION).write_text(json.dumps(document))
    keys = per_image.of_hashes([benches.sha256(name) if name else "" for name, _ in examples])
    by_hash = {hashes[recipe]: each for recipe, each in predicted.items()}
    rising = 0.5 + np.arange(len(truth)) / (2 * len(truth))
    scored = {"keras_scores": rising, "scores": dict.fromkeys(by_hash, rising)} if scores else {}
    predictions = Predictions(keys, truth, truth, by_hash, **scored)
    per_image.write(folder, predictions, evaluation=(folder / EVALUATION).read_text())
    return folder


def _rates(predicted: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> dict[str, Any]:
    right = predicted == truth
    counts = {
        label: {"images": int((truth == index).sum()), "correct": int(right[truth == index].sum())}
        for index, label in enumerate(labels)
    }
    top1 = float(right.mean())
    return {"top1": top1, "top1_interval": list(wilson(int(right.sum()), len(right))), "top5": 1.0, "per_class": counts}


def bench(bundle: Path, **options: Any) -> benches.Document:
    """A benchmark of the files of a bundle without accuracy; the options are those of ``benches.document``."""
    manifest = Bundle.open(bundle).manifest
    recipes = [artifact.recipe for artifact in manifest.artifacts]
    document = benches.document(labels=manifest.labels, recipes=recipes, keras=False, **options)
    document["model"] |= {"keras_sha256": manifest.provenance.keras_sha256}
    nothing = dict.fromkeys(("top1", "top1_interval", "top5", "per_class", "confusion", "agreement", "disagreements"))
    by_recipe = {artifact.recipe: artifact for artifact in manifest.artifacts}
    results = [
        each | nothing | {"sha256": by_recipe[each["recipe"]].sha256, "bytes": by_recipe[each["recipe"]].bytes}
        for each in document["results"]
    ]
    return document | {"results": results, "images": None}


def bench_file(bundle: Path, **options: Any) -> Path:
    """The same in a file beside the bundle."""
    file = bundle.with_suffix(".json")
    file.write_text(json.dumps(bench(bundle, **options)))
    return file


def compare(new: Path | list[Path], old: Path | list[Path], *, out: str = "out") -> Any:
    """The document of a comparison, as a program reads it."""
    sides = [each if isinstance(each, list) else [each] for each in (new, old)]
    folder = sides[0][0].parent / out
    publish.comparison_of_paths(*sides, folder)
    return json.loads((folder / "comparison.json").read_text("utf-8"))


def notes(document: Any) -> list[str]:
    """The notes of a comparison as text."""
    return ["".join(part["text"] for part in note) for note in document["notes"]]
