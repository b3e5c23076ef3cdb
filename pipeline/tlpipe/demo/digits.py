"""The data of the demo: scikit-learn's handwritten digits as image files, and a small backbone in this folder.

The backbone is a MobileNetV2 of width 0.35 that ``scripts/pretrain_demo_backbone.py`` trains on drawn figures.
"""

from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from tlpipe.runs.config import Finetuning, Training
from tlpipe.storage import atomic

BACKBONE = Path(str(files("tlpipe.demo"))) / "mobilenet_v2_0.35_64.weights.h5"
SIZE = 64
ALPHA = 0.35
TEST_FRACTION = 0.2

TRAINING = Training(
    weights=str(BACKBONE),
    alpha=ALPHA,
    image_size=SIZE,
    views=1,
    finetuning=Finetuning(epochs=6, learning_rate=5e-4),
)
"""Only one view: a mirrored digit would be another figure."""


def write_images(folder: Path) -> Path:
    """The 1,797 digits (8 x 8 grey, 0..16) as a folder per class of PNG files, enlarged to the network's size."""
    if folder.is_dir():
        return folder
    from sklearn.datasets import load_digits

    digits = load_digits()
    with atomic.directory(folder, marker="0") as partial:
        for label in digits.target_names:
            (partial / str(label)).mkdir()
        for number, (digit, label) in enumerate(zip(digits.images, digits.target, strict=True)):
            grey = np.clip(digit * 255 / 16, 0, 255).astype(np.uint8)
            large = cv2.resize(grey, (SIZE, SIZE), interpolation=cv2.INTER_LINEAR)
            (partial / str(label) / f"{number:04}.png").write_bytes(cv2.imencode(".png", large)[1].tobytes())
    return folder
