"""The contract between the workstation and the device: what a bundle says of itself, in ``manifest.json``.

Frozen dataclasses inside, JSON at the border. Unknown keys are ignored, so that an older device reads what a newer
workstation wrote; an unknown schema number is refused.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval, Len

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.ranges import Count, FileName, FilePath, Labels
from tlpipe_edge.errors import BadData

SCHEMA = 1

MAX_SIZE = 4096
"""Pixels of a side of the input."""


class Crop(StrEnum):
    """How a photograph of any shape becomes a square."""

    CENTER = "center-crop"
    STRETCH = "stretch"
    LETTERBOX = "letterbox"


@dataclass(frozen=True)
class ImageSpec:
    """How a photograph becomes the input tensor: RGB uint8, ``size`` x ``size`` pixels.

    Normalization is no part of it: it is inside the graph, so that the camera's bytes are the tensor.
    """

    size: Annotated[int, Interval(ge=1, le=MAX_SIZE)]
    crop: Crop = Crop.CENTER


@dataclass(frozen=True)
class Tensor:
    """One end of a model: dtype as numpy names it, shape with its batch of 1, affine quantization (0.0 means none).

    A stored integer ``q`` stands for ``scale * (q - zero_point)``.
    """

    dtype: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Artifact:
    """One .tflite file of a bundle. ``file`` is relative to the bundle; ``bytes`` is its size.

    ``rank`` orders the artifacts of a bundle for a device, the lowest first; the device need not know their formats by
    name. Bundles of version 0.1.0 have none.
    """

    recipe: str
    file: FileName
    sha256: str
    bytes: Count
    input: Tensor
    output: Tensor
    notes: tuple[str, ...] = ()
    rank: Count | None = None


@dataclass(frozen=True)
class Provenance:
    """Where a bundle comes from. ``keras_file`` is the original's path, relative to the bundle where it can be."""

    run: str
    stage: str
    keras_file: FilePath
    keras_sha256: str
    backbone: str
    alpha: float
    weights: str
    created: str
    versions: dict[str, str]


@dataclass(frozen=True)
class Calibration:
    """The representative data set, on which int8 ranges were measured: sha256 of image files of the train split."""

    images: tuple[str, ...]
    method: str
    seed: int


@dataclass(frozen=True)
class Manifest:
    """All that a device needs to know of a bundle, and where the bundle comes from."""

    name: str
    labels: Labels
    image: ImageSpec
    artifacts: Annotated[tuple[Artifact, ...], Len(1)]
    provenance: Provenance
    calibration: Calibration | None = None
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The manifest as indented JSON, its schema number first."""
        return json.dumps({"schema": self.schema} | codec.as_json(self), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "manifest.json") -> "Manifest":
        """Read a manifest. Raises BadData, naming ``where`` and the field, when it is none or is of another schema."""
        try:
            document = parse_json(text)
        except (ValueError, RecursionError) as error:
            raise BadData(f"not valid JSON ({error})", "Copy the bundle again.", where=where) from error
        if not isinstance(document, dict) or "schema" not in document:
            raise BadData(
                "not a tlpipe manifest (it has no schema number)",
                "Name a folder that tlpipe export wrote.",
                where=where,
            )
        codec.require_schema(document, SCHEMA, where, "Upgrade tlpipe-edge.")
        return codec.read(cls, document, where)
