"""The document of ``explain``: how far each layer of the int8 network is from that of the float32 network.

A history of the format, by its schema number:

1 - The first.

Unknown keys are ignored. A key may be missing if its field has a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval, Len

from tlpipe_edge.console import notebook
from tlpipe_edge.contract import checksums, codec
from tlpipe_edge.contract.codec import require_schema
from tlpipe_edge.contract.ranges import Count, FileName, Positive, Sha256
from tlpipe_edge.errors import BadData

SCHEMA = 1
AGAIN = "Run tlpipe explain again."
WORST = 5
"""How many layers a table names."""
MAX_DB = 200.0
"""The limit of a signal-to-noise ratio on both sides: more than float32 can have."""

READING = (
    "At 20 dB the error is a tenth of the values, at 10 dB a third; it includes the error of the layers before, so "
    "int8 hurts where a layer is much lower than those before it."
)
"""How to read the ratios."""

Decibels = Annotated[float, Interval(ge=-MAX_DB, le=MAX_DB)]

_KINDS = {
    "CONV_2D": "convolution",
    "DEPTHWISE_CONV_2D": "depthwise convolution",
    "FULLY_CONNECTED": "dense",
    "ADD": "sum",
    "MEAN": "mean",
    "MUL": "product",
}
"""Operator -> what a table calls it. Others have the name of the operator."""
_ACTIVATIONS = {"NONE": "linear", "RELU": "ReLU", "RELU6": "ReLU6"}


@dataclass(frozen=True)
class Layer:
    """A tensor that both networks compute, in the order of execution.

    ``name`` is that of the Keras layer, as far as the .tflite file has it. ``operator`` and ``activation`` (the fused
    one, or NONE) are TFLite's names. ``kernel`` is (height, width), None without one; ``shape`` is without the batch.
    ``snr_db`` is 10 log10(sum x^2 / sum (x - y)^2) over all images: x float32, y int8, dequantized; None if they are
    equal.
    """

    name: str
    operator: str
    activation: str
    kernel: tuple[Positive, ...] | None
    shape: tuple[Count, ...]
    snr_db: Decibels | None

    @property
    def description(self) -> str:
        """What it is, such as "1x1 convolution, linear, 14x14x96"."""
        kind = _KINDS.get(self.operator, self.operator.lower().replace("_", " "))
        weighted = self.operator in ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
        activation = _ACTIVATIONS.get(self.activation, self.activation.lower())
        parts = [f"{'x'.join(map(str, self.kernel))} {kind}" if self.kernel else kind]
        parts += [activation] if weighted or self.activation != "NONE" else []
        parts += ["x".join(map(str, self.shape))] if self.shape else []
        return ", ".join(parts)


def worst(layers: Sequence[Layer]) -> tuple[int, ...]:
    """The places of the ``WORST`` layers with the lowest signal-to-noise ratios, the lowest first; without those that
    are equal."""
    ratios = sorted((layer.snr_db, place) for place, layer in enumerate(layers) if layer.snr_db is not None)
    return tuple(place for _, place in ratios[:WORST])


@dataclass(frozen=True)
class Explanation:
    """The document that ``explain --json`` prints. ``file`` is the int8 file, None if it was only in memory, ``sha256``
    its hash, ``float32`` that of the file it is compared with; ``images`` are the calibration images that were used.

    ``uncompared`` counts operators of either network that the other has not, ``uncompared_first`` describes the first.
    """

    file: FileName | None
    sha256: Sha256
    float32: Sha256
    images: Positive
    layers: Annotated[tuple[Layer, ...], Len(1)]
    uncompared: Count = 0
    uncompared_first: tuple[str, ...] = ()
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def _repr_html_(self) -> str:
        """The worst layers as a table, for a notebook."""
        found = (self.layers[place] for place in worst(self.layers))
        rows = [(each.name, each.description, f"{each.snr_db:.1f} dB") for each in found]
        caption = f"The layers that int8 changes most, on {self.images} images"
        return notebook.table(caption, ("layer", "", "signal to noise"), rows)

    def to_json(self) -> str:
        """The document as indented JSON, its schema number first, its checksum last."""
        return codec.indented(checksums.sealed({"schema": self.schema} | codec.as_json(self)))


def explanation(document: Any, where: str) -> Explanation:
    """Read an explanation. Raise BadData, which begins with ``where``."""
    if not isinstance(document, dict):
        raise BadData("not an explanation", AGAIN, where=where)
    require_schema(document, SCHEMA, where)
    found = codec.read(Explanation, document, where, AGAIN)
    checksums.check_seal(document, where, AGAIN)
    return found
