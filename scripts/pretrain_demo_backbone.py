"""Make the embedded weights of the demo: MobileNetV2 (alpha 0.35, 64 px) pre-trained on images drawn here.

Run it from a checkout, without arguments: it draws the images, trains as `tlpipe train --weights none` does, and
overwrites the file in ``tlpipe/demo``. It takes about a quarter of an hour on 2 cores.

Each class is a figure of random strokes that enclose three large regions or more. No digit or Latin letter encloses
more than two, so none is among the figures. The samples of a class differ in slant, stroke width, waviness, colour,
texture, noise and resolution. So only the shape of lines distinguishes the classes, as for handwritten digits.
"""

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.random import Generator, default_rng
from numpy.typing import NDArray

from tlpipe.data import loading
from tlpipe.demo import digits
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.runs.config import Head, Training
from tlpipe.runs.run_folder import FROZEN
from tlpipe.training import stages
from tlpipe_edge.console import progress

SIZE = digits.SIZE
CLASSES = 160
SAMPLES = 150
SEED = 0
TRAINING = Training(
    weights="none",
    alpha=digits.ALPHA,
    image_size=SIZE,
    views=1,
    batch_size=64,
    dropout=0.0,
    seed=SEED,
    head=Head(epochs=8, learning_rate=2e-3),
)

Floats = NDArray[Any]


def main() -> None:
    """Draw the images, train, and save the weights."""
    with tempfile.TemporaryDirectory() as folder:
        images = Path(folder) / "images"
        write_images(images)
        loaded = loading.load(images, validation_fraction=0.03, test_fraction=0, seed=TRAINING.seed)
        run = stages.train(loaded, Path(folder) / "run", TRAINING)
        save_backbone(run.path / FROZEN / "model.keras", digits.BACKBONE)
    print(f"{digits.BACKBONE}: {digits.BACKBONE.stat().st_size} bytes")


def write_images(folder: Path) -> None:
    """Write ``SAMPLES`` PNGs of each class to ``folder/CLASS/SAMPLE.png``."""
    for number in progress.track(range(CLASSES), description="drawing classes"):
        directory = folder / f"{number:03}"
        directory.mkdir(parents=True)
        for sample in range(SAMPLES):
            cv2.imwrite(str(directory / f"{sample:03}.png"), draw(number, sample)[..., ::-1])


def save_backbone(trained: Path, file: Path) -> None:
    """Save the weights of the backbone as float16, at half the size; a float32 model can load the file."""
    model = build.load(trained)
    backbone = keras.Model(model.get_layer("input_scaling").output, model.get_layer("pooling").input)
    half = keras.models.clone_model(
        backbone, clone_function=lambda layer: type(layer).from_config(layer.get_config() | {"dtype": "float16"})
    )
    half.set_weights(backbone.get_weights())
    half.save_weights(file)


def draw(number: int, sample: int) -> NDArray[np.uint8]:
    """One sample of a class: RGB uint8 (SIZE, SIZE, 3), a pure function of its arguments and ``SEED``."""
    rng = default_rng((SEED, number, sample + 1))  # + 1, because (a, b, 0) and (a, b) are the same seed in numpy
    ink = _ink(_figure(number), rng)[..., None]
    dark, light = _surface(rng) * rng.uniform(0, 0.5), 255 - _surface(rng) * rng.uniform(0, 0.5)
    paper, pen = (dark, light) if rng.random() < 0.6 else (light, dark)
    image: NDArray[np.float64] = paper + (pen - paper) * ink * rng.uniform(0.7, 1)
    if rng.random() < 0.5:
        image = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    image += rng.normal(0, rng.uniform(0, 8), (SIZE, SIZE, 1))
    return np.clip(image, 0, 255).astype(np.uint8)


@cache
def _figure(number: int) -> list[Floats]:
    """A class: polylines (n, 2) that fill -1..1 together, straight, bent, curved or closed, most of them joined."""
    rng = default_rng((SEED, number))
    while True:
        strokes: list[Floats] = []
        for _ in range(rng.integers(3, 5)):
            joined = bool(strokes) and rng.random() < 0.7
            start = rng.choice(strokes[rng.integers(len(strokes))]) if joined else rng.uniform(-1, 1, 2)
            corners = np.vstack([start, rng.uniform(-1, 1, (rng.integers(1, 4), 2))])
            strokes.append(_curve(corners, closed=rng.random() < 0.3) if rng.random() < 0.85 else corners)
        points = np.concatenate(strokes)
        middle, extent = (points.max(axis=0) + points.min(axis=0)) / 2, np.ptp(points, axis=0)
        figure = [(stroke - middle) * 2 / np.maximum(extent, extent.max() / 2) for stroke in strokes]
        paper = _plot([SIZE / 2 * (1 + 0.9 * stroke) for stroke in figure], 3) == 0
        areas = cv2.connectedComponentsWithStats(paper.astype(np.uint8), connectivity=4)[2][1:, cv2.CC_STAT_AREA]
        if np.count_nonzero(areas > SIZE * SIZE / 32) > 3:  # the outside, and three regions
            return figure


def _curve(corners: Floats, *, closed: bool) -> Floats:
    """The spline through ``corners`` (n, 2) of Catmull and Rom, "A class of local interpolating splines" (1974)."""
    if closed and len(corners) > 2:
        knots = np.vstack([corners[-1], corners, corners[:2]])
    else:
        knots = np.vstack([2 * corners[0] - corners[1], corners, 2 * corners[-1] - corners[-2]])
    t = np.linspace(0, 1, 16)[:, None]
    pieces = [
        (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3) / 2
        for a, b, c, d in zip(knots, knots[1:], knots[2:], knots[3:], strict=False)
    ]
    return np.concatenate(pieces)


def _ink(strokes: list[Floats], rng: Generator) -> Floats:
    """The ink of each pixel, 0..1, (SIZE, SIZE): the strokes are waved, sheared, turned, drawn, and often blurred."""
    angle = rng.normal(0, 0.15)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, rng.normal(0, 0.2)], [0, 1]])
    affine = turn @ shear @ np.diag(rng.uniform(0.6, 1.05, 2)) * rng.uniform(0.65, 0.9) * SIZE / 2
    centre = SIZE / 2 + rng.uniform(-SIZE / 16, SIZE / 16, 2)
    frequency, phase, height = rng.uniform(1, 3, (2, 2)), rng.uniform(0, 2 * np.pi, 2), rng.uniform(0, 0.12)
    width = int(rng.integers(3, 8))
    waved = [stroke + height * np.sin(stroke @ frequency + phase) + rng.normal(0, 0.03, 2) for stroke in strokes]
    ink: Floats = _plot([centre + stroke @ affine.T for stroke in waved], width).astype(np.float32) / 255
    damage = rng.random()
    if damage < 0.6:
        coarse = cv2.resize(ink, (int(rng.integers(10, 25)),) * 2, interpolation=cv2.INTER_AREA)
        back = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
        ink = cv2.resize(coarse, (SIZE, SIZE), interpolation=back)
    elif damage < 0.8:
        ink = cv2.GaussianBlur(ink, (0, 0), rng.uniform(0.5, 2))
    return ink


def _plot(strokes: list[Floats], width: int) -> NDArray[np.uint8]:
    """Polylines (n, 2) in pixels, drawn in 255 on 0: (SIZE, SIZE)."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    sixteenths = [np.round(stroke * 16).astype(np.int32) for stroke in strokes]
    cv2.polylines(canvas, sixteenths, False, (255,), width, cv2.LINE_AA, shift=4)
    return canvas


def _surface(rng: Generator) -> Floats:
    """A flat, graded or cloudy colour: float32 (SIZE, SIZE, 3), 0..255."""
    cells = int(rng.choice([1, 2, 4, 12, 32]))
    colours = rng.uniform(0, 255, 3) + rng.normal(0, 40, (cells, cells, 3))
    cloud = cv2.resize(colours.astype(np.float32), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return np.clip(cloud, 0, 255)


if __name__ == "__main__":
    main()
