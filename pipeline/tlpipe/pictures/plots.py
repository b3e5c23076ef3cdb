"""The plots of a training stage: learning curve, sample predictions, confusion matrix.

Each plot has a function that returns a matplotlib ``Figure`` (``draw_...``) and one that writes it as a PNG.
"""

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import font_manager, style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from tlpipe.runs.history import History

Images = NDArray[np.uint8]
Integers = NDArray[np.integer[Any]]
Scores = NDArray[np.floating[Any]]

INK, FAINT = "#263238", "#90a4ae"
TRAIN, VALIDATION = "#6c8ebf", "#d9622b"
BEST: dict[str, Any] = {"color": VALIDATION, "marker": "o", "mfc": "white", "mew": 2, "ms": 9, "ls": ""}
RIGHT, WRONG = "#00695c", "#c62828"
MAX_PREDICTIONS = 20
MIN_TEXT = 4.5  # points

CJK_FONTS = ("Noto Sans CJK JP", "Noto Sans CJK SC", "Hiragino Sans", "Microsoft YaHei", "WenQuanYi Zen Hei")


@contextmanager
def house_style() -> Iterator[None]:
    """The style of all plots, whatever the user's matplotlibrc says. It must be active while drawing and saving.

    Class names are data, so mathtext is off: "$" is a dollar sign. A character without an installed font is a box.
    """
    installed = font_manager.get_font_names()
    look = {
        "text.parse_math": False,
        "font.family": ["DejaVu Sans", *(font for font in CJK_FONTS if font in installed)],
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": FAINT,
        "axes.titlesize": 12,
        "xtick.color": INK,
        "ytick.color": INK,
        "legend.frameon": False,
    }
    with style.context(["default", look]), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        yield


@house_style()
def save(figure: Figure, file: Path) -> None:
    """Write ``figure`` as a PNG with 150 dots per inch, cropped or extended to its content, so nothing is cut off."""
    figure.savefig(file, format="png", dpi=150, bbox_inches="tight", pad_inches=0.15)


@house_style()
def fitted(text: str, *, points: float, size: float) -> str:
    """``text``, without its middle ("long…name") if it is wider than ``points`` at font size ``size``."""
    probe = Figure(figsize=(1, 1), dpi=72).text(0, 0, text, size=size)  # at 72 dots per inch a pixel is a point
    if probe.get_window_extent().width <= points:
        return text

    def cut(kept: int) -> str:
        return text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]

    def width(kept: int) -> float:
        probe.set_text(cut(kept))
        return probe.get_window_extent().width

    return cut(bisect_right(range(1, len(text)), points, key=width))


def learning_curve(histories: Sequence[History], file: Path) -> None:
    """Write ``draw_learning_curve`` as a PNG."""
    save(draw_learning_curve(histories), file)


@house_style()
def draw_learning_curve(histories: Sequence[History]) -> Figure:
    """Loss (nats) and accuracy (percent) over the epochs of one stage, or of two, one after the other.

    Epoch 0 of the second stage is at the last epoch of the first one. A gap between the two curves comes from the
    difference between the last epoch and the best one, from whose weights fine-tuning starts.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    _draw_panel(loss, histories, "loss", "{:.3f}")
    _draw_panel(accuracy, histories, "accuracy", "{:.1%}")
    loss.set_ylim(bottom=0)
    loss.set_ylabel("cross-entropy (nats)")
    accuracy.set_ylim(0, 1.02)
    accuracy.yaxis.set_major_formatter(PercentFormatter(1))
    legend = [
        Line2D([], [], color=TRAIN, lw=2, label="train"),
        Line2D([], [], color=VALIDATION, lw=2, label="validation"),
        Line2D([], [], label="epoch with the best validation accuracy, whose weights are kept", **BEST),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return figure


def _draw_panel(axes: Axes, histories: Sequence[History], metric: str, number: str) -> None:
    """Both splits of one metric; the validation values of the best epochs are in the title, away from the curves."""
    start = 0
    bests = []
    for stage, history in enumerate(histories):
        epochs = [start + epoch.number for epoch in history.epochs]
        for name, color, layer in ((metric, TRAIN, 2), (f"val_{metric}", VALIDATION, 3)):
            values = [getattr(epoch, name) for epoch in history.epochs]
            axes.plot(epochs, values, color=color, lw=2, marker=".", ms=6, label=name, zorder=layer)
        best = next(epoch for epoch in history.epochs if epoch.number == history.best)
        place, value = start + best.number, getattr(best, f"val_{metric}")
        bests.append(f"{number.format(value)} at epoch {place}")
        axes.plot([place], [value], label="best", zorder=4, clip_on=False, **BEST)
        if stage:
            axes.axvline(start, color=INK, lw=1.2, ls="--", label="start of fine-tuning", zorder=1)
            axes.annotate(
                "fine-tuning starts",
                (start, 0.97 if metric == "loss" else 0.03),  # away from a falling loss and a rising accuracy
                xycoords=axes.get_xaxis_transform(),
                xytext=(4, 0),
                textcoords="offset points",
                rotation=90,
                va="top" if metric == "loss" else "bottom",
            )
        start = epochs[-1]
    axes.set_title(metric.capitalize(), loc="left")
    axes.set_title("kept: " + ", ".join(bests), loc="right", color=VALIDATION, size=10)
    axes.set_xlabel("epoch (0: before training)")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(color="#eceff1")
    axes.spines[["top", "right"]].set_visible(False)


def predictions(
    images: Images, true_labels: Integers, scores: Scores, labels: Sequence[str], file: Path, *, caption: str
) -> None:
    """Write ``draw_predictions`` as a PNG."""
    save(draw_predictions(images, true_labels, scores, labels, caption=caption), file)


@house_style()
def draw_predictions(
    images: Images, true_labels: Integers, scores: Scores, labels: Sequence[str], *, caption: str
) -> Figure:
    """The first 20 images, each with the predicted label and its score; if it is wrong, with the true label below.

    ``images`` is (N, height, width, 3) uint8 RGB, N at least 1; ``true_labels`` (N,) indices into ``labels``;
    ``scores`` (N, classes) in 0..1, in a tie the lowest index wins; ``caption`` says which images ("test images").
    Correct and wrong predictions differ by colour and by sign.
    """
    count = min(len(images), MAX_PREDICTIONS)
    columns = min(count, 5)
    rows = math.ceil(count / columns)
    figure = Figure(figsize=(2.4 * columns, 2.9 * rows), layout=ConstrainedLayoutEngine(w_pad=0.1, h_pad=0.1))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    predicted = scores.argmax(axis=1)
    for axes, image, true, guess, score in zip(grid, images, true_labels, predicted, scores.max(axis=1), strict=False):
        sign, color = ("✓", RIGHT) if guess == true else ("✗", WRONG)
        axes.axis("on")
        axes.imshow(image)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=color, linewidth=3)
        name = fitted(labels[guess], points=105, size=10)
        axes.set_title(f"{sign} {name}", loc="left", color=color, size=10)
        axes.set_title(f"{score:.0%}", loc="right", color=color, size=10)
        if guess != true:
            axes.set_xlabel(f"true: {fitted(labels[true], points=125, size=10)}", loc="left")
    correct = int((predicted[:count] == true_labels[:count]).sum())
    figure.suptitle(f"{correct} of {count} {caption} correct", size=12)
    return figure


def confusion_matrix(counts: Integers, labels: Sequence[str], file: Path, *, caption: str, unreadable: int = 0) -> None:
    """Write ``draw_confusion_matrix`` as a PNG."""
    save(draw_confusion_matrix(counts, labels, caption=caption, unreadable=unreadable), file)


@house_style()
def draw_confusion_matrix(counts: Integers, labels: Sequence[str], *, caption: str, unreadable: int = 0) -> Figure:
    """``counts`` (C, C) int, rows are true labels, columns predictions; the colour is the share of the row.

    ``caption`` says which images; ``unreadable`` ones have no prediction and count as wrong. Zeros off the diagonal are
    left empty. Above about 130 classes, numbers that would be too small and labels that would overlap are left out.
    """
    classes = len(counts)
    side = min(3 + 0.24 * classes, 18)  # inches
    cell = 72 * side / classes  # points
    figure = Figure(figsize=(side, side))
    axes = figure.add_axes((0, 0, 1, 1))  # the whole figure: ``save`` extends it by the labels
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colors = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)

    digits = len(str(np.max(counts)))
    size = min(12, cell / (0.65 * digits + 0.5))
    if size >= MIN_TEXT:
        for row, column in product(range(classes), repeat=2):
            if row == column or counts[row, column]:
                color = "white" if shares[row, column] > 0.5 else INK
                axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=color, size=size)

    size = min(11, max(0.8 * cell, MIN_TEXT))
    ticks = range(0, classes, math.ceil(1.25 * size / cell))
    names = [fitted(labels[tick], points=160, size=size) for tick in ticks]
    axes.set_xticks(ticks, names, size=size, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(ticks, names, size=size)
    axes.set_xticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(classes + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eceff1", lw=min(0.8, 0.03 * cell))
    axes.tick_params(which="both", length=0)
    heading = 10 + side / 3
    axes.set_xlabel("predicted", size=heading)
    axes.set_ylabel("true", size=heading)
    right, total = int(np.trace(counts)), int(counts.sum()) + unreadable
    title = f"Accuracy {right / max(total, 1):.1%}: {right:,} of {total:,} {caption}"
    axes.set_title(title + (f"\n{unreadable} of them cannot be read" if unreadable else ""), size=heading, pad=10)
    bar = figure.colorbar(colors, cax=figure.add_axes((1 + 0.2 / side, 0, 0.15 / side, 1)))
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1))
    bar.set_label("share of the true class", size=heading)
    bar.outline.set_visible(False)
    return figure
