"""--crop auto: selects the crop whose features give a linear head the best accuracy on validation."""

import dataclasses
from collections.abc import Mapping

from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features.extractor import Extractor, Features
from tlpipe.training.inputs import extract_plain
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.manifest import Crop


def choose_crop(extractor: Extractor, dataset: Dataset, *, strict: bool) -> tuple[Dataset, Crop]:
    """The dataset with the problems that were found, and the best crop for a linear head on validation.

    ``extractor`` extracts pooled features, for any one crop.
    """
    results: dict[Crop, float] = {}
    for crop in Crop:
        cropped = dataclasses.replace(extractor, spec=dataclasses.replace(extractor.spec, crop=crop))
        dataset, plain = extract_plain(cropped, dataset, strict=strict)
        results[crop] = _linear_accuracy(plain)
        progress.say(f"--crop {crop}: validation top-1 {percent(results[crop])} with a linear head")
    best = max(results, key=lambda crop: results[crop])
    progress.say(f"selected --crop {best}")
    return dataset, best


def _linear_accuracy(plain: Mapping[str, Features]) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = {split: plain[split].rows.take(plain[split].usable) for split in ("train", "validation")}
    labels = {split: label_indices(plain[split].examples)[plain[split].usable] for split in rows}
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    head.fit(rows["train"], labels["train"])
    return float(head.score(rows["validation"], labels["validation"]))
