"""--crop auto: the crop policy whose features serve a linear head best on validation."""

import dataclasses
from typing import Any

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features.extractor import Source, open_extractor
from tlpipe.runs.config import Config
from tlpipe.training.readable import checked
from tlpipe_edge.console import progress
from tlpipe_edge.contract.manifest import Crop
from tlpipe_edge.errors import WrongUsage


def choose_crop(model: Any, photographs: Dataset, config: Config, *, strict: bool) -> tuple[Dataset, Crop]:
    """The crop policy whose features serve a linear head best on validation; the data with what is unreadable."""
    results: dict[Crop, float] = {}
    if config.weights == "none":
        raise WrongUsage("--crop auto needs a pre-trained backbone", "Name a crop policy.")
    for crop in Crop:
        extractor = open_extractor(model, "pooling", dataclasses.replace(config.spec, crop=crop), dtype="float32")
        photographs = checked(extractor, photographs, strict=strict)
        sources = {
            split: extractor.source(photographs.readable(split), View(), what=f"{crop}: {split} images")
            for split in ("train", "validation")
        }
        results[crop] = _linear_accuracy(sources, photographs)
        progress.say(f"--crop {crop}: validation top-1 {results[crop]:.3f} with a linear head")
    best = max(results, key=lambda crop: results[crop])
    progress.say(f"chose --crop {best}")
    return photographs, best


def _linear_accuracy(sources: dict[str, Source], photographs: Dataset) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rows = {split: source.take(np.arange(len(photographs.readable(split)))) for split, source in sources.items()}
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    head.fit(rows["train"], label_indices(photographs.readable("train")))
    return float(head.score(rows["validation"], label_indices(photographs.readable("validation"))))
