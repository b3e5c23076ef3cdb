"""Adopts architectures of keras.applications with random weights, and what people build around them: which of them
become a run, an int8 file that the device accepts, and how close it is to Keras.

    python benchmarks/adopt_tour.py [NAME ...]

Random weights show that a model converts, not what int8 costs a trained one: the scores of the classes are close to
each other, so a small difference changes the prediction. BatchNormalization gets statistics of the images, so that
activations have usual magnitudes.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from harness import RESULTS, publish
from PIL import Image

import tlpipe
from tlpipe.network.backend import keras

LABELS = ("a", "b", "c", "d")
SIGNED = {"mean": 127.5, "std": 127.5}
TORCH = {"mean": (123.675, 116.28, 103.53), "std": (58.395, 57.12, 57.375)}
CAFFE = {"mean": (103.939, 116.779, 123.68), "std": 1, "bgr": True}


def application(name: str, size: int, **options: Any) -> Any:
    build = getattr(keras.applications, name)
    return build(weights=None, input_shape=(size, size, 3), classes=len(LABELS), **options)


def nested(name: str, size: int) -> Any:
    """As the guide to transfer learning of Keras does it: a backbone inside, logits at the end."""
    image = keras.Input((size, size, 3))
    base = getattr(keras.applications, name)(weights=None, input_shape=(size, size, 3), include_top=False)
    features = base(keras.layers.Rescaling(1 / 127.5, -1)(keras.layers.RandomFlip()(image)), training=False)
    pooled = keras.layers.Dropout(0.2)(keras.layers.GlobalAveragePooling2D()(features))
    return keras.Model(image, keras.layers.Dense(len(LABELS))(pooled))


def by_hand(size: int) -> Any:
    layers = keras.layers
    pairs = [(layers.Conv2D(width, 3, activation="relu"), layers.MaxPooling2D()) for width in (16, 32, 64)]
    blocks = [layer for pair in pairs for layer in pair]
    end = [layers.Flatten(), layers.Dense(64, activation="relu"), layers.Dense(len(LABELS), activation="softmax")]
    return keras.Sequential([keras.Input((size, size, 3)), layers.Rescaling(1 / 255), *blocks, *end])


TOUR: dict[str, tuple[Callable[[], Any], str, dict[str, Any]]] = {
    "MobileNetV2 96": (lambda: application("MobileNetV2", 96), "keras", SIGNED),
    "MobileNetV2 96, .h5": (lambda: application("MobileNetV2", 96, alpha=0.35), "h5", SIGNED),
    "MobileNetV3Small 96": (lambda: application("MobileNetV3Small", 96), "keras", {}),
    "EfficientNetB0 64": (lambda: application("EfficientNetB0", 64), "keras", {}),
    "EfficientNetV2B0 64": (lambda: application("EfficientNetV2B0", 64), "keras", {}),
    "ResNet50V2 64": (lambda: application("ResNet50V2", 64), "keras", SIGNED),
    "ResNet50 64, caffe": (lambda: application("ResNet50", 64), "keras", CAFFE),
    "DenseNet121 64": (lambda: application("DenseNet121", 64), "keras", TORCH),
    "NASNetMobile 64": (lambda: application("NASNetMobile", 64), "keras", SIGNED),
    "Xception 72": (lambda: application("Xception", 72), "keras", SIGNED),
    "MobileNet 64": (lambda: application("MobileNet", 64), "keras", SIGNED),
    "ConvNeXtTiny 64": (lambda: application("ConvNeXtTiny", 64), "keras", {}),
    "VGG16 32, caffe": (lambda: application("VGG16", 32), "keras", CAFFE),
    "nested MobileNetV2 96": (lambda: nested("MobileNetV2", 96), "keras", {}),
    "nested MobileNetV2 96, .h5": (lambda: nested("MobileNetV2", 96), "h5", {}),
    "Sequential by hand 64": (lambda: by_hand(64), "keras", {}),
}


def images(folder: Path) -> Path:
    """Smooth random colours, 16 for each label."""
    random = np.random.default_rng(0)
    for label in LABELS:
        (folder / label).mkdir(parents=True)
        for number in range(16):
            small = Image.fromarray(random.integers(0, 256, (6, 6, 3), dtype=np.uint8))
            small.resize((96, 96), Image.Resampling.BICUBIC).save(folder / label / f"{number}.png")
    return folder


def settled(model: Any, photographs: Path, given: dict[str, Any]) -> Any:
    """With statistics in its BatchNormalization."""
    size = model.input_shape[1]
    files = sorted(photographs.rglob("*.png"))[:32]
    pixels = np.stack([np.asarray(Image.open(file).resize((size, size)), np.float32) for file in files])
    pixels = (pixels - np.float32(given.get("mean", 0))) / np.float32(given.get("std", 1))
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(pixels[..., ::-1] if given.get("bgr") else pixels, training=True)
    return model


def toured(name: str, photographs: Path, labels: Path, folder: Path) -> dict[str, Any]:
    made, suffix, given = TOUR[name]
    keras.utils.set_random_seed(0)
    file = folder / f"model.{suffix}"
    settled(made(), photographs, given).save(file)
    start = time.perf_counter()
    run = tlpipe.adopt(file, labels=labels, data=photographs, **given, out=folder / "run")
    bundle = tlpipe.export(run, ["int8", "float32"], out=folder / "bundle")
    scored = {each.recipe: each for each in tlpipe.evaluate(bundle, data=photographs).artifacts}
    int8, float32 = scored["int8"], scored["float32"]
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "remedy": next(each.quantization.used for each in bundle.manifest.artifacts if each.quantization),
        "int8 bytes": int8.bytes,
        "int8 agreement": int8.agreement,
        "int8 mean difference": int8.mean_probability_difference,
        "float32 maximum difference": float32.max_probability_difference,
    }


def main() -> None:
    """All of them, or those that are named; a failure does not end the tour."""
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        photographs = images(Path(place) / "photographs")
        labels = Path(place) / "labels.txt"
        labels.write_text("\n".join(LABELS), "utf-8")
        for number, name in enumerate(sys.argv[1:] or TOUR):
            folder = Path(place) / str(number)
            folder.mkdir()
            try:
                results[name] = toured(name, photographs, labels, folder)
            except Exception as error:
                results[name] = {"error": f"{type(error).__name__}: {error}"}
            keras.backend.clear_session()
            print(name, json.dumps(results[name]), flush=True)
    stored = RESULTS / "adopt_tour.json"
    before = json.loads(stored.read_text("utf-8"))["models"] if stored.exists() else {}
    publish("adopt_tour", {"models": before | results})
    sys.exit(any("error" in each for each in results.values()))


if __name__ == "__main__":
    main()
