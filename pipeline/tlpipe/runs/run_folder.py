"""A run folder: its stages, and which of them is best."""

import json
from dataclasses import dataclass
from pathlib import Path

from tlpipe.runs.config import SCHEMA, read_document
from tlpipe.storage import atomic
from tlpipe_edge.errors import BadConfiguration, MissingInput

FROZEN = "1-frozen"
FINETUNED = "2-finetuned"
RUN_FILE = "run.json"

MODEL = "model.keras"
CONFIG = "config.json"
SPLITS = "splits.json"
HISTORY = "history.jsonl"
METRICS = "metrics.json"
TENSORBOARD = "tensorboard"


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
        best = read_document(path / RUN_FILE).get("best")
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
