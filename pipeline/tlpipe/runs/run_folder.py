"""A run folder: its stages, and the best of them."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data.dataset import Dataset
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.config import SCHEMA, Training, read_document
from tlpipe.storage import atomic
from tlpipe_edge.console import notebook
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadConfiguration, BadData, MissingInput

FROZEN = "1-frozen"
FINETUNED = "2-finetuned"
ADOPTED = "1-adopted"
STAGES = (FROZEN, FINETUNED, ADOPTED)
RUN_FILE = kinds.RUN.marker

MODEL = "model.keras"
CONFIG = "config.json"
SPLITS = "splits.json"
HISTORY = "history.jsonl"
METRICS = "metrics.json"
TENSORBOARD = "tensorboard"


def frozen_backbone(stage: Path, weights_sha256: str) -> dict[str, str]:
    """What the ``CONFIG`` of a stage keeps if its backbone has the weights of a file with this sha256."""
    return {"weights_sha256": weights_sha256, "model_sha256": sha256_of(stage / MODEL)}


def backbone_sha256(stage: Path) -> str:
    """The sha256 of the file that the weights of a stage's backbone are in.

    That is the file which the stage started from, if it left the backbone as it was, and else its ``MODEL``. Raise
    BadConfiguration if ``CONFIG`` is damaged.
    """
    model = sha256_of(stage / MODEL)
    recorded = read_document(stage / CONFIG).get("frozen_backbone")
    if isinstance(recorded, dict) and recorded.get("model_sha256") == model:
        return str(recorded.get("weights_sha256", model))
    return model


@dataclass(frozen=True)
class Run:
    """A run that ``tlpipe train`` or ``tlpipe adopt`` made; ``best`` is the folder name of its best stage."""

    path: Path
    best: str

    @classmethod
    def open(cls, path: Path | str) -> "Run":
        """Open a run. Raise MissingInput if there is none, BadConfiguration if it is damaged."""
        given = Path(path)
        path = given.absolute()
        if not (path / RUN_FILE).is_file():
            raise kinds.no_folder(kinds.RUN, given)
        best = read_document(path / RUN_FILE).get("best")
        if best not in STAGES:
            raise BadConfiguration("does not name the best stage", "Train the run again.", where=path / RUN_FILE)
        return cls(path, best)

    def _repr_html_(self) -> str:
        """Its stages with their top-1 on validation as a table, for a notebook."""
        rows = [(f"{stage.name}{' (best)' * (stage.name == self.best)}", _shown(stage)) for stage in self.stages]
        return notebook.table(str(self.path), ("stage", "top-1 on validation"), rows)

    @property
    def best_stage(self) -> Path:
        """The folder of the best stage."""
        return self.path / self.best

    @property
    def adopted(self) -> bool:
        """Whether its model was trained elsewhere."""
        return self.best == ADOPTED

    @property
    def config(self) -> Training | Adopted:
        """How its model was made. Raise BadConfiguration if a file is damaged."""
        return Adopted.read(self.path / ADOPTED / CONFIG) if self.adopted else self.training

    def check_trained(self) -> None:
        """Raise BadData if its model was trained elsewhere, so that there is no training to continue or to repeat."""
        if self.adopted:
            raise BadData(
                "its model was adopted: it was not trained by tlpipe",
                "Train it where it was trained, and adopt it again; or train a new one with tlpipe train.",
                where=self.path,
            )

    @property
    def training(self) -> Training:
        """The training configuration of its stages. Raise BadConfiguration if one of their files is damaged, and as
        ``check_trained``."""
        self.check_trained()
        tuned = self.path / FINETUNED
        return Training.read(self.path / FROZEN / CONFIG, tuned / CONFIG if tuned.is_dir() else None)

    @property
    def stages(self) -> tuple[Path, ...]:
        """The folders of the existing stages, in order."""
        return tuple(self.path / name for name in STAGES if (self.path / name).is_dir())


def check_model(file: Path, advice: str) -> None:
    """Raise MissingInput if there is no Keras model, BadData if it is no archive, as all of them are."""
    if not file.is_file():
        raise MissingInput("the Keras model was not found", advice, where=file)
    if not zipfile.is_zipfile(file):
        raise BadData("not a Keras model", advice, where=file)


def check(stage: Path) -> None:
    """Raise what would stop a command that continues from a stage, as far as it can be told without TensorFlow.

    That is MissingInput or BadData for its model, and for its splits, if none of their images is there.
    """
    check_model(stage / MODEL, "Train the run again.")
    Dataset.read(stage / SPLITS).check_there()


def validation_top1(folder: Path) -> float:
    """The validation top-1 (0..1) in the metrics of a stage. Raise BadConfiguration if they are damaged."""
    try:
        return float(json.loads((folder / METRICS).read_text("utf-8"))["validation"]["top1"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadConfiguration(f"cannot be read ({error})", "Train the run again.", where=folder / METRICS) from error


def _shown(stage: Path) -> str:
    try:
        return percent(validation_top1(stage))
    except BadConfiguration:
        return "-"


def write(folder: Path, *, best: str) -> None:
    """Write to ``folder`` which of its stages is the best."""
    atomic.write_text(folder / RUN_FILE, json.dumps({"schema": SCHEMA, "best": best}, indent=2) + "\n")
