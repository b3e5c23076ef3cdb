"""The configuration of an adopted run: a Keras model that was trained elsewhere, and how images are given to it."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from annotated_types import Gt, Interval, Len

from tlpipe.runs.config import SCHEMA, Network, read_document
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.manifest import MAX_SIZE, AdoptedFrom, Crop, ImageSpec
from tlpipe_edge.errors import BadConfiguration, BadData

NO_WIDTH = 1.0
"""What stands for the width of a network that may have none: manifests state a number, and devices require it."""

Channels = Annotated[tuple[float, ...], Len(3, 3)]


@dataclass(frozen=True)
class Normalization:
    """``(pixel - mean) / std`` of pixels 0..255, by channel; with ``bgr``, the channels are blue, green and red."""

    mean: Channels
    std: Annotated[tuple[Annotated[float, Gt(0)], ...], Len(3, 3)]
    bgr: bool = False

    def __str__(self) -> str:
        mean, std = (
            "/".join(f"{each:g}" for each in (values[:1] if len(set(values)) == 1 else values))
            for values in (self.mean, self.std)
        )
        return f"(pixel - {mean}) / {std}{', blue first' if self.bgr else ''}"


@dataclass(frozen=True)
class Adopted:
    """How the model of an adopted run came to be.

    Attributes:
        source: Name and sha256 of the file that was given.
        network: Name of the model in it.
        image_size: Side of the square input, in pixels.
        crop: How an image becomes a square.
        normalization: What was put in front of the model; None if the model has its own.
        softmax_added: Whether the model gave logits.
        seed: For splits and the choice of calibration images.
    """

    source: AdoptedFrom
    network: str
    image_size: Annotated[int, Interval(ge=1, le=MAX_SIZE)]
    crop: Crop
    normalization: Normalization | None
    softmax_added: bool
    seed: Annotated[int, Interval(ge=0, lt=2**32)] = 0

    @property
    def spec(self) -> ImageSpec:
        """The image spec of the run: input size and crop."""
        return ImageSpec(self.image_size, self.crop)

    @property
    def deterministic(self) -> bool:
        """Never: nothing is trained, and the switch of TensorFlow would stay on for later trainings of a process."""
        return False

    @property
    def origin(self) -> Network:
        """What the manifest of a bundle says of the network."""
        return Network(self.network, NO_WIDTH, self.source.file, self.source)

    def document(self, versions: dict[str, str]) -> dict[str, object]:
        """What ``run_folder.write_config`` writes for the stage."""
        return {"schema": SCHEMA} | dataclasses.asdict(self) | {"versions": versions}

    @classmethod
    def read(cls, file: Path) -> "Adopted":
        """Raise BadData if the file is damaged, BadConfiguration if it does not fit or is of another schema."""
        document = read_document(file)
        try:
            return codec.read(cls, document, str(file))
        except BadData as error:
            raise BadConfiguration(error.reason, "Adopt the model again.", where=error.where) from error
