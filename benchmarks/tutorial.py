"""The usual training, as in tensorflow.org's tutorial "Transfer learning and fine-tuning", for frozen_stage.py.

python tutorial.py DATA WEIGHTS SIZE EPOCHS: train a new head on a frozen MobileNetV2, with the whole network for every
image in every epoch, and print the best validation accuracy of an epoch.
"""

import sys

import keras


def main() -> None:
    """Load, build, fit, with the tutorial's own settings."""
    data, weights, size, epochs = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    train, validation = (
        keras.utils.image_dataset_from_directory(
            f"{data}/{split}", image_size=(size, size), batch_size=32, seed=0, label_mode="int", verbose=False
        ).prefetch(2)
        for split in ("train", "validation")
    )
    base = keras.applications.MobileNetV2(input_shape=(size, size, 3), include_top=False, weights=weights)
    base.trainable = False
    inputs = keras.Input((size, size, 3))
    outputs = keras.applications.mobilenet_v2.preprocess_input(inputs)
    outputs = keras.layers.GlobalAveragePooling2D()(base(outputs, training=False))
    outputs = keras.layers.Dense(10)(keras.layers.Dropout(0.2)(outputs))
    model = keras.Model(inputs, outputs)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-4), loss, metrics=["accuracy"])
    history = model.fit(train, epochs=epochs, validation_data=validation, verbose=0)
    print("trained", file=sys.stderr, flush=True)
    print(max(history.history["val_accuracy"]))


if __name__ == "__main__":
    main()
