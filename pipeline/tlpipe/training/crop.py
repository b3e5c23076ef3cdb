"""--crop auto: the crop policy whose features serve a linear head best on validation."""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features.extractor import Features, open_extractor
from tlpipe.runs.config import Training
from tlpipe.training.inputs import extract_plain
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import WrongUsage

if TYPE_CHECKING:
    import keras


def choose_crop(
    model: "keras.Model", photographs: Dataset, training: Training, *, strict: bool
) -> tuple[Dataset, Crop]:
    """The crop policy whose features serve a linear head best on validation; the data with the problems found."""
    results: dict[Crop, float] = {}
    if training.from_scratch:
        raise WrongUsage("--crop auto needs a pre-trained backbone", "Name a crop policy.")
    for crop in Crop:
        extractor = open_extractor(model, "pooling", dataclasses.replace(training.spec, crop=crop), dtype="float32")
        photographs, plain = extract_plain(extractor, photographs, strict=strict)
        results[crop] = _linear_accuracy(plain)
        progress.say(f"--crop {crop}: validation top-1 {results[crop]:.3f} with a linear head")
    best = max(results, key=lambda crop: results[crop])
    progress.say(f"chose --crop {best}")
    return photographs, best


def _linear_accuracy(plain: Mapping[str, Features]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = {split: plain[split].rows.take(plain[split].usable) for split in ("train", "validation")}
    labels = {split: label_indices(plain[split].examples)[plain[split].usable] for split in rows}
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    head.fit(rows["train"], labels["train"])
    return float(head.score(rows["validation"], labels["validation"]))
