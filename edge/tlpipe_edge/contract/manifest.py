"""The contract between the workstation and the device: what a bundle says of itself, in ``manifest.json``.

Frozen dataclasses inside, JSON at the border. Unknown keys are ignored, so that an older device reads what a newer
workstation wrote; an unknown schema number is refused.
"""

import dataclasses
import json
from dataclasses import dataclass
from enum import StrEnum

from tlpipe_edge.contract import codec
from tlpipe_edge.errors import BadData

SCHEMA = 1

RECIPES = ("float32", "float16", "dynamic", "int8")
"""The number formats, in the order in which tables list them."""


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

    size: int
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
    """One .tflite file of a bundle. ``file`` is relative to the bundle; ``bytes`` is its size."""

    recipe: str
    file: str
    sha256: str
    bytes: int
    input: Tensor
    output: Tensor
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """Where a bundle comes from. ``keras_file`` is the original's path, relative to the bundle where it can be."""

    run: str
    stage: str
    keras_file: str
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
    labels: tuple[str, ...]
    image: ImageSpec
    artifacts: tuple[Artifact, ...]
    provenance: Provenance
    calibration: Calibration | None = None
    schema: int = SCHEMA

    def to_json(self) -> str:
        """The manifest as indented JSON, its schema number first."""
        fields = dataclasses.asdict(self)
        return json.dumps({"schema": fields.pop("schema")} | fields, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str | bytes, *, where: str = "manifest.json") -> "Manifest":
        """Read a manifest. Raises BadData, naming ``where`` and the field, when it is none or is of another schema."""
        try:
            document = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise BadData(f"{where}: not valid JSON ({error})", "Copy the bundle again.") from None
        if not isinstance(document, dict) or "schema" not in document:
            raise BadData(
                f"{where}: not a tlpipe manifest (it has no schema number)", "Name a folder that tlpipe export wrote."
            )
        if document["schema"] != SCHEMA:
            raise BadData(f"{where}: schema {document['schema']}, this program reads {SCHEMA}", "Upgrade tlpipe-edge.")
        manifest: Manifest = codec.read(cls, document, where)
        if len(manifest.labels) < 2 or not manifest.artifacts or not 1 <= manifest.image.size <= 4096:
            raise BadData(
                f"{where}: labels, artifacts or the image size are missing or absurd", "Copy the bundle again."
            )
        return manifest
