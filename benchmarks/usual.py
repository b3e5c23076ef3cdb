"""The usual script, for edge_speed.py: Pillow decodes and resizes, an Interpreter runs.

python usual.py MODEL.tflite IMAGE: print the best class, as the label_image examples of TensorFlow Lite do, with
``import tensorflow`` when the whole process is compared.
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def tensor(content: bytes, size: int) -> np.ndarray:
    """Encoded image -> (1, size, size, 3) uint8, decoded at full size and resized bilinearly, as such scripts do."""
    image = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(image, np.uint8)[None]


def classify(interpreter: Any, pixels: np.ndarray) -> int:
    """The index of the best class: set the input, invoke, get the output, argmax."""
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], pixels)
    interpreter.invoke()
    return int(np.squeeze(interpreter.get_tensor(scores["index"])).argmax())


def main() -> None:
    """Classify one image, with the interpreter of TensorFlow."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    size = interpreter.get_input_details()[0]["shape"][1]
    print(classify(interpreter, tensor(Path(sys.argv[2]).read_bytes(), size)))


if __name__ == "__main__":
    main()
