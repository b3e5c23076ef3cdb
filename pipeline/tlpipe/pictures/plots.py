"""The plots of a training stage: learning curve, sample predictions, confusion matrix.

Each plot has a function that returns a matplotlib ``Figure`` (``draw_...``) and one that writes it as a PNG.
"""

import math
import warnings
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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

from tlpipe.pictures import confusions
from tlpipe.pictures.confusions import Cells
from tlpipe.pictures.epochs import accuracy_range
from tlpipe.runs.history import History

Images = NDArray[np.uint8]
Integers = NDArray[np.integer[Any]]
Scores = NDArray[np.floating[Any]]

INK, FAINT = "#263238", "#90a4ae"
TRAIN, VALIDATION = "#6c8ebf", "#d9622b"
BEST: dict[str, Any] = {"color": VALIDATION, "marker": "o", "mfc": "white", "mew": 2, "ms": 9, "ls": ""}
RIGHT, WRONG = "#00695c", "#c62828"
MAX_PREDICTIONS = 20

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


def in_two_lines(text: str, *, points: float, size: float) -> str:
    """``text``, in two lines if it is wider than ``points``, the second one ``fitted``: many long names begin alike."""
    if fitted(text, points=points, size=size) == text:
        return text
    end = bisect_right(range(1, len(text)), points, key=lambda kept: _width(text[:kept], size))
    end = max((place for place in range(end // 2, end) if text[place] in " _-"), default=end - 1) + 1
    return f"{text[:end].rstrip()}\n{fitted(text[end:].lstrip(), points=points, size=size)}"


@house_style()
def _width(text: str, size: float) -> float:
    """In points."""
    return Figure(figsize=(1, 1), dpi=72).text(0, 0, text, size=size).get_window_extent().width


def learning_curve(histories: Sequence[History], file: Path) -> None:
    """Write ``draw_learning_curve`` as a PNG."""
    save(draw_learning_curve(histories), file)


@house_style()
def draw_learning_curve(histories: Sequence[History]) -> Figure:
    """Loss (nats) and accuracy (per cent) over the epochs of one stage, or of two, numbered through both.

    Epoch 0 of the second stage is at the last epoch of the first one. A gap between the two curves comes from the
    difference between the last epoch and the best one, from whose weights fine-tuning starts. The axes have room for
    all epochs but that before the first stage: the accuracy of an untrained head would press all others together.
    """
    figure = Figure(figsize=(11, 4.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    _draw_panel(loss, histories, "loss", "{:.3f}")
    _draw_panel(accuracy, histories, "accuracy", "{:.1f} %", scale=100)
    loss.set_ylim(0, 1.05 * max(_trained_values(histories, "loss")) or 1)
    loss.set_ylabel("cross-entropy (nats)")
    low, high = accuracy_range(_trained_values(histories, "accuracy"))
    accuracy.set_ylim(100 * low, 100 * high + 2 * (high - low))
    accuracy.yaxis.set_major_formatter(PercentFormatter(symbol=" %"))
    accuracy.set_ylabel(f"top-1 (the axis starts at {100 * low:.0f} %)" if low else "top-1")
    legend = [
        Line2D([], [], color=TRAIN, lw=2, label="train"),
        Line2D([], [], color=VALIDATION, lw=2, label="validation"),
        Line2D([], [], label="epoch with the best validation accuracy, whose weights are kept", **BEST),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3)
    return figure


def _trained_values(histories: Sequence[History], metric: str) -> list[float]:
    """The values on both splits after each epoch, before the second stage, and of the kept epochs."""
    first, *later = histories
    epochs = [each for each in first.epochs if each.number or each.number == first.best]
    epochs += [each for history in later for each in history.epochs]
    return [getattr(epoch, name) for epoch in epochs for name in (metric, f"val_{metric}")]


def _draw_panel(axes: Axes, histories: Sequence[History], metric: str, number: str, *, scale: float = 1) -> None:
    """Both splits of one metric; the validation values of the best epochs are in the title, away from the curves."""
    start = 0
    bests = []
    for stage, history in enumerate(histories):
        epochs = [start + epoch.number for epoch in history.epochs]
        for name, color, layer in ((metric, TRAIN, 2), (f"val_{metric}", VALIDATION, 3)):
            values = [scale * getattr(epoch, name) for epoch in history.epochs]
            axes.plot(epochs, values, color=color, lw=2, marker=".", ms=6, label=name, zorder=layer)
        best = next(epoch for epoch in history.epochs if epoch.number == history.best)
        place, value = start + best.number, scale * getattr(best, f"val_{metric}")
        bests.append(f"{number.format(value)} " + (f"at epoch {place}" if best.number else "before training"))
        if stage and not best.number:
            bests[-1] = "no epoch of fine-tuning"
        axes.plot([place], [value], label="best", zorder=4, clip_on=False, **BEST)
        if stage:
            axes.axvline(start, color=INK, lw=1.2, ls="--", label="start of fine-tuning", zorder=1)
            axes.annotate(
                "fine-tuning",
                (start, 1),
                xycoords=axes.get_xaxis_transform(),
                xytext=(0, 4),  # above the axes, where no curve is
                textcoords="offset points",
                size=9,
            )
        start = epochs[-1]
    pad = 20 if len(histories) > 1 else 6
    axes.set_title(metric.capitalize(), loc="left", pad=pad)
    axes.set_title("kept: " + ", ".join(bests), loc="right", color=VALIDATION, size=10, pad=pad)
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
    ``scores`` (N, classes) in 0..1, in a tie the lowest index wins; ``caption`` is the heading. Correct and wrong
    predictions differ by colour and by sign.
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
        name = in_two_lines(labels[guess], points=100, size=10)
        axes.set_title(f"{sign} {name}", loc="left", color=color, size=10)
        axes.set_title(f"{100 * score:.0f} %", loc="right", color=color, size=10)
        if guess != true:
            axes.set_xlabel(f"true: {in_two_lines(labels[true], points=125, size=10)}", loc="left")
    figure.suptitle(caption, size=12)
    return figure


def confusion_matrix(found: Cells, labels: Sequence[str], file: Path, *, caption: str, unreadable: int = 0) -> None:
    """Write ``draw_confusion_matrix`` as a PNG."""
    save(draw_confusion_matrix(found, labels, caption=caption, unreadable=unreadable), file)


@house_style()
def draw_confusion_matrix(found: Cells, labels: Sequence[str], *, caption: str, unreadable: int = 0) -> Figure:
    """``found`` are the cells that are not 0. Rows are true labels, columns predictions; the colour is the share of the
    row.

    ``caption`` says which images; ``unreadable`` ones have no prediction and count as wrong. Zeros off the diagonal are
    left empty. Of many classes, only the most confused are shown (see ``confusions``), with a column for all others.
    """
    shown = confusions.shown(found, len(labels))
    partial = len(shown.classes) < len(labels)
    cells = np.column_stack([shown.counts, shown.others]) if partial else shown.counts
    side = 3 + 0.24 * len(cells)  # inches
    wide = side * cells.shape[1] / len(cells)
    cell = 72 * side / len(cells)  # points
    figure = Figure(figsize=(wide, side))
    axes = figure.add_axes((0, 0, 1, 1))  # the whole figure: ``save`` extends it by the labels
    shares = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    colors = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    _write_cells(axes, cells, shares, size=min(12, cell / (0.65 * len(str(np.max(cells))) + 0.5)))
    names = [fitted(labels[index], points=160, size=11) for index in shown.classes]
    _label_cells(axes, names, [*names, "all other classes"] if partial else names)
    heading = 10 + side / 3
    axes.set_xlabel("predicted", size=heading)
    axes.set_ylabel("true", size=heading)
    right, readable = int(found[found[:, 0] == found[:, 1], 2].sum()), int(found[:, 2].sum())
    total = readable + unreadable
    title = [f"Top-1 {100 * right / max(total, 1):.1f} %: {right:,} of {total:,} {caption}"]
    title += [f"{unreadable:,} of them could not be read and count as wrong"] if unreadable else []
    wrong = f"with {cells.sum() - np.trace(cells):,} of the {readable - right:,} confusions"
    title += [f"the {len(cells)} most confused of {len(labels):,} classes, {wrong}"] if partial else []
    axes.set_title("\n".join(title), size=heading, pad=10)
    bar = figure.colorbar(colors, cax=figure.add_axes((1 + 0.2 / wide, 0, 0.15 / wide, 1)))
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    bar.set_label("share of the true class", size=heading)
    bar.outline.set_visible(False)
    return figure


def _write_cells(axes: Axes, cells: Integers, shares: Scores, *, size: float) -> None:
    """The counts in the cells, zeros only on the diagonal."""
    for row, column in np.ndindex(*cells.shape):
        if row == column or cells[row, column]:
            color = "white" if shares[row, column] > 0.5 else INK
            axes.text(column, row, str(cells[row, column]), ha="center", va="center", color=color, size=size)


def _label_cells(axes: Axes, rows: Sequence[str], columns: Sequence[str]) -> None:
    """The names of rows and columns, and the lines between cells."""
    axes.set_xticks(range(len(columns)), columns, size=11, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows, size=11)
    axes.set_xticks(np.arange(len(columns) + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="#eceff1", lw=0.8)
    axes.tick_params(which="both", length=0)
