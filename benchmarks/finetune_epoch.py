"""An epoch of fine-tuning on cached activations against one of the full Keras model, with the same layers unfrozen.

python benchmarks/finetune_epoch.py DATA WEIGHTS [EPOCHS]: the two take turns, epoch by epoch, at 160 px. The full model
gets decoded pixels in memory, so its time does not include decoding.
"""

import sys
from pathlib import Path
from typing import Any

import harness
import numpy as np

from tlpipe.data import loading
from tlpipe.data.augment import View
from tlpipe.data.pixels import read_pixels
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Weights
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.network.cut import cut_below, suffix
from tlpipe.training import fit
from tlpipe.training.batches import Batches, Examples
from tlpipe_edge.contract.manifest import ImageSpec

SIZE, TOP_LAYERS, BATCH = 160, 50, 32


def main() -> None:
    """Measure, and publish the ratio of medians and the accuracies of both."""
    data, weights = Path(sys.argv[1]), sys.argv[2]
    epochs = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    loaded = loading.load(data, test_fraction=0)
    spec = ImageSpec(SIZE)
    labels = {split: np.array([e.label for e in examples]) for split, examples in loaded.splits.items()}
    targets = {split: np.eye(len(loaded.labels), dtype=np.float32)[indices] for split, indices in labels.items()}

    cached = _trainable(weights, loaded.labels)
    cut = cut_below(cached, build.trained_layers(cached, TOP_LAYERS))
    given = Weights.of_file(Path(weights), backbone="mobilenet_v2", alpha=1.0)
    extractor = Extractor.at(cut, given, spec, lambda: cached)
    features = {split: extractor.extract(e, View(), what=split) for split, e in loaded.splits.items()}
    suffix_model = suffix(cached, cut)
    full_model = _trainable(weights, loaded.labels)
    pixels = {
        split: np.stack([read_pixels(example, View(), spec) for example in examples])
        for split, examples in loaded.splits.items()
    }
    for each in (suffix_model, full_model):
        each.compile(
            keras.optimizers.Adam(1e-4),
            keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
            metrics=["accuracy"],
            jit_compile=False,
        )
    batches = Batches(
        Examples([features["train"]], len(loaded.labels)),
        BATCH,
        seed=0,
    )
    seconds = harness.alternate(
        range(epochs),
        {
            "cached prefix": harness.seconds(lambda _: suffix_model.fit(batches, verbose=0)),
            "whole model": harness.seconds(
                lambda _: full_model.fit(pixels["train"], targets["train"], batch_size=BATCH, verbose=0)
            ),
        },
    )
    cached_scores = fit.scores(suffix_model, features["validation"], what="scoring")
    accuracy = {
        "cached prefix": float((cached_scores.argmax(1) == labels["validation"]).mean()),
        "whole model": float(full_model.evaluate(pixels["validation"], targets["validation"], verbose=0)[1]),
    }
    medians = {name: harness.median(values[1:]) for name, values in seconds.items()}
    harness.publish(
        "finetune_epoch",
        {
            "data": f"{data.name}, {SIZE} px, {len(labels['train'])} images, top {TOP_LAYERS} layers",
            "left_out": "the first epoch of each, which traces the graph",
            "seconds": seconds,
            "median_seconds": medians,
            "times_faster": medians["whole model"] / medians["cached prefix"],
            "validation_top1": accuracy,
        },
    )


def _trainable(weights: str, labels: tuple[str, ...]) -> Any:
    built = build.build("mobilenet_v2", alpha=1.0, size=SIZE, weights=weights, labels=labels, dropout=0.3, seed=0)
    build.freeze_all_but(built, build.trained_layers(built, TOP_LAYERS))
    return built


if __name__ == "__main__":
    main()
