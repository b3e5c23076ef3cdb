"""A classifier as someone trains it with plain Keras, for adopt.py: MobileNetV2, frozen, with a Dense head.

python stranger.py DATA WEIGHTS SIZE FOLDER: write to FOLDER the model (normalization outside, pixels of -1..1), its
labels, and the validation images as PNGs of the size of the model; print its accuracy on those as JSON.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from PIL import Image

EPOCHS = 30


def main() -> None:
    """Resize by stretching, as image_dataset_from_directory does; train the head on features that are computed once."""
    data, weights, size, folder = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4])
    keras.utils.set_random_seed(0)
    labels = sorted(each.name for each in (data / "train").iterdir())
    shape = (size, size, 3)
    base = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=weights, pooling="avg")
    train, train_labels = pixels(data / "train", labels, size)
    held_out, true_labels = pixels(data / "validation", labels, size)
    head = keras.Sequential([keras.Input(base.output_shape[1:]), keras.layers.Dense(len(labels), activation="softmax")])
    head.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
    features = base.predict(train.astype("float32") / 127.5 - 1, verbose=0)
    head.fit(features, train_labels, epochs=EPOCHS, batch_size=32, verbose=0)

    model = keras.Model(base.input, head(base.output))
    scores = model.predict(held_out.astype("float32") / 127.5 - 1, verbose=0)
    folder.mkdir(parents=True)
    model.save(folder / "stranger.keras")
    (folder / "labels.txt").write_text("\n".join(labels) + "\n", "utf-8")
    for number, (image, label) in enumerate(zip(held_out, true_labels, strict=True)):
        place = folder / "validation" / labels[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(place / f"{number:04}.png")
    print(json.dumps({"images": len(scores), "top1": float((scores.argmax(axis=1) == true_labels).mean())}))


def pixels(folder: Path, labels: list[str], size: int) -> tuple[np.ndarray, np.ndarray]:
    """(N, size, size, 3) uint8, and the labels."""
    dataset = keras.utils.image_dataset_from_directory(
        folder, class_names=labels, image_size=(size, size), batch_size=32, shuffle=False, verbose=False
    )
    images, classes = zip(*((image.numpy(), label.numpy()) for image, label in dataset), strict=True)
    return np.rint(np.concatenate(images)).astype(np.uint8), np.concatenate(classes)


if __name__ == "__main__":
    main()
