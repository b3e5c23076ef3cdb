"""A run folder: its stages, which of them is best, and how the commands find it when it is not named."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlpipe import atomic
from tlpipe_edge import typed
from tlpipe_edge.errors import BadConfiguration, BadData, MissingInput
from tlpipe_edge.manifest import Crop, ImageSpec

FROZEN = "1-frozen"
FINETUNED = "2-finetuned"
RUN_FILE = "run.json"
SCHEMA = 1


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
        document = _read(file)
        try:
            for field in dataclasses.fields(cls):
                if field.name not in document:  # what this version has and an older one had not is no default
                    raise BadData(f"{file}: no {field.name}")
            config: Config = typed.read(cls, document, str(file))
        except BadData as error:
            raise BadConfiguration(error.what, "Train the run again.") from None
        return config


@dataclass(frozen=True)
class Run:
    """A run that ``tlpipe train`` made; ``best`` is the folder name of its best stage."""

    path: Path
    best: str

    @classmethod
    def open(cls, path: Path) -> "Run":
        """Raises MissingInput where there is no run, BadConfiguration where it is damaged."""
        path = path.absolute()
        if not (path / RUN_FILE).is_file():
            raise MissingInput(f"{path}: no run here ({RUN_FILE} is missing)", "Name a folder that tlpipe train wrote.")
        best = _read(path / RUN_FILE).get("best")
        if best not in (FROZEN, FINETUNED):
            raise BadConfiguration(f"{path / RUN_FILE}: names no best stage", "Train the run again.")
        return cls(path, best)

    @property
    def best_stage(self) -> Path:
        """The folder of the best stage."""
        return self.path / self.best

    @property
    def stages(self) -> tuple[Path, ...]:
        """The folders of the stages that are there, in order."""
        return tuple(self.path / name for name in (FROZEN, FINETUNED) if (self.path / name).is_dir())


def write(folder: Path, *, best: str) -> None:
    """Say in ``folder`` which of its stages is best."""
    atomic.write_text(folder / RUN_FILE, json.dumps({"schema": SCHEMA, "best": best}, indent=2) + "\n")


def newest(below: Path, *, marker: str, made_by: str) -> Path:
    """The folder below ``below`` whose ``marker`` file is newest. Raises MissingInput where there is none."""
    found = [file for file in below.glob(f"[!.]*/{marker}") if file.is_file()]
    if not found:
        raise MissingInput(f"nothing below {below}/ yet", f"Make something with {made_by} first, or name a folder.")
    return max(found, key=lambda file: file.stat().st_mtime).parent


def unused(path: Path) -> Path:
    """``path``, or the first of path-2, path-3, ... that does not exist."""
    candidate, number = path, 1
    while candidate.exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def _read(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise BadConfiguration(f"{file}: cannot be read ({error})", "Train the run again.") from None
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise BadConfiguration(f"{file}: not of schema {SCHEMA}", "Train the run again, or upgrade tlpipe.")
    return document
