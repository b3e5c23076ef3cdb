"""The usual script, which edge_speed.py compares with: Pillow decodes and resizes, an Interpreter runs.

python usual.py MODEL.tflite PHOTO: prints the best class, as the label_image examples of TensorFlow Lite do, with
``import tensorflow`` where the whole process is compared.
"""

import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def tensor(content: bytes, size: int) -> np.ndarray:
    """Encoded image -> (1, size, size, 3) uint8, decoded in full and resized bilinearly, as such scripts do."""
    picture = Image.open(io.BytesIO(content)).convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(picture, np.uint8)[None]


def answer(interpreter: Any, pixels: np.ndarray) -> int:
    """Set, invoke, get, argmax."""
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.set_tensor(image["index"], pixels)
    interpreter.invoke()
    return int(np.squeeze(interpreter.get_tensor(scores["index"])).argmax())


def main() -> None:
    """One photograph, with the interpreter of TensorFlow."""
    import tensorflow as tf

    interpreter = tf.lite.Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    size = interpreter.get_input_details()[0]["shape"][1]
    print(answer(interpreter, tensor(Path(sys.argv[2]).read_bytes(), size)))


if __name__ == "__main__":
    main()
