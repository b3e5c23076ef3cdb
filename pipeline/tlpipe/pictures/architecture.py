"""Draws the layers of a model and which of them train: a diagram of its blocks (PNG) and a table of its layers (SVG).

The model is a functional Keras model: image, normalization, backbone, pooling, head. A model inside it is drawn by its
layers. Keras is not imported here.
"""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby
from pathlib import Path
from typing import TYPE_CHECKING

from jinja2 import Environment
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tlpipe.pictures.plots import INK, fitted, house_style, save
from tlpipe_edge.console.text import percent

if TYPE_CHECKING:
    import keras

FROZEN, TRAINED, EMPTY, BOUNDARY = "#7d9ec0", "#e8743b", "#dfe5ea", "#b8481a"
FROZEN_GROUND, TRAINED_GROUND = "#eef3f8", "#fdf0e8"

BLOCK = re.compile(r"((?:conv\d+_)?block_?\d+[a-z]?|expanded_conv(?:_\d+)?|conv_[dp]w_\d+)(?:_|$)")
"""The part of a layer's name that is the name of its block, in keras.applications: ``block_1_expand`` (MobileNetV2),
``expanded_conv_1_expand`` (MobileNetV3), ``block1a_dwconv`` (EfficientNet), ``conv2_block1_1_conv`` (ResNet),
``conv_dw_1_bn`` (MobileNet)."""

# inches
WIDTH, HEADER, ROW, BOX, BOX_CENTER = 10.0, 1.2, 0.36, 2.6, 3.35
COLUMNS = (
    (0.1, "block", "left"),
    (4.85, "output", "left"),
    (7.35, "parameters", "right"),
    (7.75, "layers that train", "left"),
)

GAP = 24  # pixels
HEADINGS = ("index", "layer", "type", "output", "parameters", "state")
SVG = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(
    """\
<svg xmlns="http://www.w3.org/2000/svg" width="{{ width }}" height="{{ height }}"
     viewBox="-16 0 {{ width }} {{ height }}">
<title>{{ title }}: the layers</title>
<style>
text { font: 12px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #263238; white-space: pre }
rect { fill: #ffffff }
.frozen rect { fill: #eef3f8 } .inference-only rect { fill: #e3ebf3 } .trained rect { fill: #f9cdb4 }
.title { font-size: 16px } .heading text { fill: #607d8b }
</style>
<rect x="-16" width="100%" height="100%"/>
<text class="title" y="24">{{ title }}</text>
<text y="44">{{ summary }}</text>
{% for row in rows %}
{% set y = 72 + 18 * loop.index0 %}
<g class="{{ states[loop.index0] }}"><rect x="-8" y="{{ y - 13 }}" width="{{ width - 16 }}" height="18"/>
{% for cell in row %}
{% set x, anchor = columns[loop.index0] %}
<text x="{{ x }}" y="{{ y }}" text-anchor="{{ anchor }}">{{ cell }}</text>
{% endfor %}
</g>
{% endfor %}
</svg>
"""
)


@dataclass(frozen=True)
class Layer:
    """One layer; ``shape`` is that of the output without the batch (None if not fixed), ``parameters`` counts all."""

    name: str
    kind: str
    shape: tuple[int | None, ...]
    parameters: int
    trained: int

    @property
    def size(self) -> str:
        """The shape as text: ``10 × 10 × 96``."""
        return " × ".join("?" if extent is None else str(extent) for extent in self.shape)

    @property
    def state(self) -> str:
        """One of "trained", "frozen", "inference-only" (a frozen BatchNormalization), and "" (no weights)."""
        if not self.parameters:
            return ""
        if self.trained:
            return "trained"
        return "inference-only" if self.kind == "BatchNormalization" else "frozen"


@dataclass(frozen=True)
class Block:
    """Consecutive layers that belong together."""

    name: str
    layers: tuple[Layer, ...]

    @property
    def parameters(self) -> int:
        return sum(layer.parameters for layer in self.layers)

    @property
    def trained(self) -> int:
        return sum(layer.trained for layer in self.layers)

    def count(self, *states: str) -> int:
        """The number of layers in one of these states."""
        return sum(layer.state in states for layer in self.layers)


def read_layers(model: "keras.Model") -> list[Layer]:
    """The layers of a functional model, in Keras's order; those of a model inside it stand in its place."""
    return [
        Layer(
            name=layer.name,
            kind=type(layer).__name__,
            shape=_shape(layer),
            parameters=sum(math.prod(weight.shape) for weight in layer.weights),
            trained=sum(math.prod(weight.shape) for weight in layer.trainable_weights),
        )
        for layer in _flat(model)
    ]


def _flat(model: "keras.Model", *, inside: bool = False) -> "Iterator[keras.layers.Layer]":
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _flat(layer, inside=True)
        elif not (inside and type(layer).__name__ == "InputLayer"):
            yield layer


def _shape(layer: "keras.layers.Layer") -> tuple[int | None, ...]:
    """That of the first output of the first call, of which a layer can have several."""
    return tuple(layer._inbound_nodes[0].output_tensors[0].shape[1:])


def group(layers: Sequence[Layer]) -> list[Block]:
    """Group layers in blocks: input and normalization; stem; one block for each name that ``BLOCK`` finds; top; head.

    A layer without such a name (``re_lu_3``) belongs to the block before it. The head begins with the first pooling
    after the last block.
    """
    prefixes = [match[1] if (match := BLOCK.match(layer.name)) else "" for layer in layers]
    last = max((index for index, prefix in enumerate(prefixes) if prefix), default=-1)
    names: list[str] = []
    for index, layer in enumerate(layers):
        before = names[-1] if names else "input"
        if prefixes[index]:
            name = prefixes[index]
        elif before == "input":
            name = "input" if layer.kind in ("InputLayer", "Rescaling", "Normalization") else "stem"
        elif index > last and (before == "head" or layer.kind.startswith("Global")):
            name = "head"
        else:
            name = "top" if index > last >= 0 else before
        names.append(name)
    return [
        Block(name, tuple(layer for layer, _ in members))
        for name, members in groupby(zip(layers, names, strict=True), key=lambda pair: pair[1])
    ]


def diagram(model: "keras.Model", file: Path, *, first_trained: str | None) -> None:
    """Write ``draw_diagram`` as a PNG."""
    save(draw_diagram(read_layers(model), title=model.name, first_trained=first_trained), file)


@house_style()
def draw_diagram(layers: Sequence[Layer], *, title: str, first_trained: str | None) -> Figure:
    """Draw a row for each block, from the image down to the scores, and a boundary above the first block that trains.

    ``first_trained`` is the name of the first layer that trains; None for the first one with trainable weights.
    Raise ValueError if no layer has that name.
    """
    blocks = group(layers)
    start_layer = first_trained or next((layer.name for layer in layers if layer.trained), None)
    start = len(blocks)
    if start_layer is not None:
        index = [layer.name for layer in layers].index(start_layer)
        start = next(i for i, end in enumerate(accumulate(len(block.layers) for block in blocks)) if index < end)

    height = HEADER + ROW * (len(blocks) + 2)
    figure = Figure(figsize=(WIDTH, height))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, WIDTH), ylim=(height, 0))  # in inches, downwards
    axes.axis("off")
    _draw_totals(axes, layers, title)
    largest = max(_size(block)[0] for block in blocks)
    widest = max(_size(block)[1] for block in blocks)
    y = HEADER
    for position, block in enumerate(blocks):
        if position == start:
            _bar(axes, 0, y, WIDTH, ROW, color=BOUNDARY)
            text = f"training starts at {fitted(str(start_layer), points=250, size=11)}"
            for x, words, align in (
                (0.1, "▲ frozen", "left"),
                (BOX_CENTER, text, "center"),
                (7.75, "▼ trained", "left"),
            ):
                axes.text(x, y + ROW / 2, words, color="white", size=11, ha=align, va="center")
            y += ROW
        _bar(axes, 0, y, WIDTH, ROW, color=TRAINED_GROUND if position >= start else FROZEN_GROUND)
        size, channels = _size(block)
        _draw_block(axes, block, y + ROW / 2, tall=math.sqrt(size / largest), wide=math.sqrt(channels / widest))
        y += ROW
    notes = "Box: height: image size, width: channels (square roots), orange: share of parameters that train."
    if any(block.trained and block.count("inference-only") for block in blocks):
        notes += "\nBatchNormalization layers (BN) stay frozen in blocks that train, and keep their averages."
    axes.text(0, y + 0.1, notes, size=9, va="top", linespacing=1.5)
    return figure


def _draw_totals(axes: Axes, layers: Sequence[Layer], title: str) -> None:
    """Draw the name of the model, its parameters as numbers and as a bar, and the headings of the columns."""
    total, trained = sum(layer.parameters for layer in layers), sum(layer.trained for layer in layers)
    share = trained / max(total, 1)
    axes.text(0, 0.2, fitted(title, points=400, size=15), size=15, va="center")
    axes.text(WIDTH, 0.2, f"{total:,} parameters", size=12, ha="right", va="center")
    _bar(axes, 0, 0.42, WIDTH * (1 - share), 0.16, color=FROZEN)
    _bar(axes, WIDTH * (1 - share), 0.42, WIDTH * share, 0.16, color=TRAINED)
    axes.text(0, 0.74, f"{total - trained:,} frozen ({percent(1 - share)})", size=10, va="center")
    axes.text(WIDTH, 0.74, f"{trained:,} trained ({percent(share)})", size=10, color=BOUNDARY, ha="right", va="center")
    for x, heading, align in COLUMNS:
        axes.text(x, HEADER - 0.14, heading, size=9, ha=align, va="center", color="#607d8b")


def _bar(axes: Axes, x: float, y: float, width: float, height: float, *, color: str) -> None:
    axes.add_patch(Rectangle((x, y), width, height, color=color, lw=0))


def _size(block: Block) -> tuple[int, int]:
    """Height (1 after pooling) and channels of the output of a block; 1 if they are not fixed."""
    shape = [extent or 1 for extent in block.layers[-1].shape]
    return (shape[0] if len(shape) > 1 else 1), shape[-1]


def _draw_block(axes: Axes, block: Block, y: float, *, tall: float, wide: float) -> None:
    """Draw one row centred on ``y`` inches; ``tall`` and ``wide`` are 0..1, relative to the largest box."""
    height, width = max(0.82 * ROW * tall, 0.05), max(BOX * wide, 0.05)
    share = block.trained / max(block.parameters, 1)
    left = BOX_CENTER - width / 2
    _bar(axes, left, y - height / 2, width, height, color=FROZEN if block.parameters else EMPTY)
    _bar(axes, left + width * (1 - share), y - height / 2, width * share, height, color=TRAINED)

    weighted = block.count("trained", "frozen", "inference-only")
    trains = f"{block.count('trained')} of {weighted}" if weighted else "–"
    if block.trained and (held := block.count("inference-only")):
        trains += f"  ({held} BN frozen)"
    texts = (fitted(block.name, points=125, size=10), block.layers[-1].size, f"{block.parameters:,}", trains)
    for (x, _, align), text in zip(COLUMNS, texts, strict=True):
        axes.text(x, y, text, size=10, ha=align, va="center", color=INK)


def layer_table(model: "keras.Model", file: Path) -> None:
    """Write the complete table of layers as a self-contained SVG."""
    file.write_text(render_table(read_layers(model), title=model.name), encoding="utf-8")


def render_table(layers: Sequence[Layer], *, title: str) -> str:
    """The table as SVG text: index, name, type, output shape, parameters, state; colours as in the diagram."""
    total, trained = sum(layer.parameters for layer in layers), sum(layer.trained for layer in layers)
    cells = [HEADINGS] + [
        (str(index), _printable(layer.name), layer.kind, layer.size, f"{layer.parameters:,}", layer.state)
        for index, layer in enumerate(layers)
    ]
    # a monospaced character of 12 pixels is 7.2 wide
    widths = [math.ceil(7.2 * max(map(len, column))) + GAP for column in zip(*cells, strict=True)]
    return SVG.render(
        title=_printable(title),
        summary=f"{total:,} parameters: {trained:,} trained, {total - trained:,} frozen",
        rows=cells,
        states=["heading", *(layer.state for layer in layers)],
        # numbers are right-aligned, words are left-aligned
        columns=[
            (end - GAP, "end") if heading in ("index", "parameters") else (end - width, "start")
            for heading, width, end in zip(HEADINGS, widths, accumulate(widths), strict=True)
        ],
        width=sum(widths) + 16,
        height=72 + 18 * len(cells),
    )


def _printable(text: str) -> str:
    """Replace control characters, which XML cannot represent."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
