"""The configuration of a training stage, as a run keeps it."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.manifest import Crop, ImageSpec
from tlpipe_edge.errors import BadConfiguration, BadData

SCHEMA = 1

PACKAGES = ("tlpipe", "tensorflow", "keras", "ai-edge-litert", "numpy", "opencv-python-headless", "pillow")
"""What a result depends on."""


@dataclass(frozen=True)
class Config:
    """All that decides what a stage comes to. ``top_layers`` is 0 for the frozen stage."""

    weights: str
    backbone: str = "mobilenet_v2"
    alpha: float = 1.0
    image_size: int = 160
    crop: Crop = Crop.CENTER
    views: int = 6
    epochs: int = 15
    batch_size: int = 32
    learning_rate: float = 1e-3
    dropout: float = 0.3
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    top_layers: int = 0
    seed: int = 0
    deterministic: bool = False

    @property
    def spec(self) -> ImageSpec:
        """How photographs become tensors in this run."""
        return ImageSpec(self.image_size, self.crop)

    def to_json(self, versions: dict[str, str]) -> str:
        """The configuration with the versions of what read it."""
        document = {"schema": SCHEMA} | dataclasses.asdict(self) | {"versions": versions}
        return json.dumps(document, indent=2) + "\n"

    @classmethod
    def read(cls, file: Path) -> "Config":
        """Read what ``to_json`` wrote. Raises BadConfiguration."""
        document = read_document(file)
        try:
            for field in dataclasses.fields(cls):
                if field.name not in document:  # what this version has and an older one had not is no default
                    raise BadData(f"{file}: no {field.name}")
            config: Config = codec.read(cls, document, str(file))
        except BadData as error:
            raise BadConfiguration(error.what, "Train the run again.") from None
        return config


def read_document(file: Path) -> dict[str, Any]:
    """A JSON object of ``SCHEMA`` from a run. Raises BadConfiguration where it is damaged or of another schema."""
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"{file}: cannot be read ({error})", "Train the run again.") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadConfiguration(f"{file}: not of schema {SCHEMA}", "Train the run again, or upgrade tlpipe.")
    return document
