"""--crop auto: selects the crop whose features give a linear head the best accuracy on validation."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features import room
from tlpipe.features.extractor import Extractor, Features
from tlpipe.training.inputs import extract_plain, passes
from tlpipe_edge.console import progress
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract.manifest import Crop

MAX_IMAGES = 10_000
"""The number of images of a split on which crops are compared: the head has all their features in memory."""


def choose_crop(extractor: Extractor, dataset: Dataset, *, strict: bool) -> tuple[Dataset, Crop]:
    """The dataset with the problems that were found, and the best crop for a linear head on validation.

    ``extractor`` extracts pooled features, for any one crop.
    """
    results: dict[Crop, float] = {}
    for crop, cropped in candidates(extractor).items():
        room.check(cropped, passes(dataset, 1, 0))
        dataset, plain = extract_plain(cropped, dataset, strict=strict)
        results[crop] = _linear_accuracy(plain)
        progress.say(f"--crop {crop}: validation top-1 {percent(results[crop])} with a linear head")
    best = max(results, key=lambda crop: results[crop])
    progress.say(f"selected --crop {best}")
    return dataset, best


def candidates(extractor: Extractor) -> dict[Crop, Extractor]:
    """The extractors for each crop."""
    return {crop: dataclasses.replace(extractor, spec=dataclasses.replace(extractor.spec, crop=crop)) for crop in Crop}


def _linear_accuracy(plain: Mapping[str, Features]) -> float:
    """The top-1 on validation of a linear head, trained on at most ``MAX_IMAGES`` images at random."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows, labels = {}, {}
    for split in ("train", "validation"):
        features = plain[split]
        chosen = np.random.default_rng(0).permutation(features.usable)[:MAX_IMAGES]
        chosen = features.rows.in_sequence(chosen)
        rows[split], labels[split] = features.rows.take(chosen), label_indices(features.examples)[chosen]
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    head.fit(rows["train"], labels["train"])
    return float(head.score(rows["validation"], labels["validation"]))
