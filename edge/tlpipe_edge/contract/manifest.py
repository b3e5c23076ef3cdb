"""``manifest.json``: the description of a bundle, which the workstation writes and the device reads.

Unknown keys are ignored, so that an older device can read the manifest of a newer workstation. An unknown schema number
is an error.
"""

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from annotated_types import Interval, Len

from tlpipe_edge.contract import checksums, codec
from tlpipe_edge.contract.checksums import Checksum
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.quantization import Quantization
from tlpipe_edge.contract.ranges import Count, FileName, FilePath, FileStem, Labels, Sha256
from tlpipe_edge.errors import BadData

SCHEMA = 1

MAX_SIZE = 4096
"""Maximum side of the input, in pixels."""


class Crop(StrEnum):
    """How an image of any shape becomes a square."""

    CENTER = "center-crop"
    STRETCH = "stretch"
    LETTERBOX = "letterbox"


@dataclass(frozen=True)
class ImageSpec:
    """How an image becomes the input tensor: RGB uint8, ``size`` x ``size`` pixels.

    It has no normalization: that is inside the graph, so that the camera's bytes are the tensor.
    """

    size: Annotated[int, Interval(ge=1, le=MAX_SIZE)]
    crop: Crop = Crop.CENTER


@dataclass(frozen=True)
class Tensor:
    """The input or output of a model: numpy dtype, shape with the batch of 1, affine quantization (scale 0.0: none).

    A stored integer ``q`` represents ``scale * (q - zero_point)``.
    """

    dtype: str
    shape: tuple[int, ...]
    scale: float = 0.0
    zero_point: int = 0


@dataclass(frozen=True)
class Artifact:
    """One .tflite file of a bundle. ``file`` is relative to the bundle; ``bytes`` is its size.

    If no format is named, a device takes the artifact of the lowest ``rank``, so it need not know the formats by name.
    Bundles of version 0.1.0 have no ranks. ``quantization``: of a calibrated format, how it was made.
    """

    recipe: str
    file: FileName
    sha256: str
    bytes: Count
    input: Tensor
    output: Tensor
    notes: tuple[str, ...] = ()
    rank: Count | None = None
    quantization: Quantization | None = None


@dataclass(frozen=True)
class AdoptedFrom:
    """The name of the file of a Keras model that was trained elsewhere, and its sha256."""

    file: str
    sha256: Sha256


@dataclass(frozen=True)
class Provenance:
    """The origin of a bundle. ``keras_file`` is the path of the Keras model, relative to the bundle if possible.

    ``adopted``: where the Keras model comes from, if it was trained elsewhere; nobody knows on which images.
    """

    run: str
    stage: FileStem
    keras_file: FilePath
    keras_sha256: str
    backbone: str
    alpha: float
    weights: str
    created: str
    versions: dict[str, str]
    adopted: AdoptedFrom | None = None


@dataclass(frozen=True)
class Calibration:
    """The representative data set for the int8 ranges: sha256 of image files of the train split."""

    images: tuple[str, ...]
    method: str
    seed: int


@dataclass(frozen=True)
class Manifest:
    """The description of a bundle for a device, and its origin.

    ``files`` are the other files that the export wrote; bundles of earlier versions list none.
    """

    name: str
    labels: Labels
    image: ImageSpec
    artifacts: Annotated[tuple[Artifact, ...], Len(1)]
    provenance: Provenance
    calibration: Calibration | None = None
    files: tuple[Checksum, ...] = ()
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The manifest as indented JSON, its schema number first, its checksum last."""
        document = {"schema": self.schema} | codec.as_json(self)
        return json.dumps(checksums.sealed(document), indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "manifest.json") -> "Manifest":
        """Read a manifest.

        Raise BadData, with ``where`` and the field, if it is invalid, of another schema, or not as it was written.
        """
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
        found = codec.read(cls, document, where)
        checksums.check_seal(document, where, "Copy the bundle again.")
        return found
