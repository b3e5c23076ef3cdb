"""A run folder: its stages, the best of them, and their files, which are compared with their checksums when read."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data.dataset import Dataset
from tlpipe.runs.adopted import Adopted
from tlpipe.runs.config import SCHEMA, Training, read_document
from tlpipe.runs.metrics import Metrics
from tlpipe.storage import leftovers
from tlpipe_edge.console import notebook
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract import checksums, codec, kinds
from tlpipe_edge.contract.checksums import Checked, Checksum
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadConfiguration, BadData, Busy, MissingInput, TlpipeError

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

_FILES = "files"
LISTED = (MODEL, SPLITS, HISTORY, METRICS)
"""The files whose checksums are in the ``CONFIG`` of a stage."""
_AGAIN = "Copy the run again from where it is intact, or train it again."


def write_config(stage: Path, document: Mapping[str, object], *, frozen_weights: str | None = None) -> None:
    """Write the ``CONFIG`` of a stage, last of all: it has the checksums of ``LISTED``.

    ``frozen_weights`` is the sha256 of the weights file of the backbone, if the stage did not change the backbone.
    """
    listed = checksums.of(stage, [name for name in LISTED if (stage / name).is_file()])
    added: dict[str, object] = {_FILES: codec.as_json(listed)}
    if frozen_weights is not None:
        (model,) = (each.sha256 for each in listed if each.file == MODEL)
        added["frozen_backbone"] = {"weights_sha256": frozen_weights, "model_sha256": model}
    (stage / CONFIG).write_text(json.dumps(checksums.sealed({**document, **added}), indent=2) + "\n", "utf-8")


def checked(stage: Path, name: str) -> Path:
    """The path of a file of a stage, such as ``MODEL``, for those who read it.

    Raise BadData if ``CONFIG`` lists it and it is missing or changed, or if ``CONFIG`` is damaged; Busy if the stage is
    replaced meanwhile. Runs of earlier versions list none: such a file is not checked, and need not exist.
    """
    known = _listed(stage)
    if listed := checksums.find(known, name):
        try:
            checksums.check(stage, listed, _AGAIN)
        except BadData as error:
            if _listed(stage) != known:
                raise Busy("another tlpipe process has replaced this stage", "Try again.", where=stage) from error
            raise
    return stage / name


def _listed(stage: Path) -> tuple[Checksum, ...]:
    if not (stage / CONFIG).exists():
        return ()
    files = read_document(stage / CONFIG).get(_FILES, [])
    return codec.read(tuple[Checksum, ...], files, f"{stage / CONFIG}: {_FILES}", _AGAIN)


def backbone_sha256(stage: Path) -> str:
    """The sha256 of the file that the weights of a stage's backbone are in.

    That is the file which the stage started from, if it left the backbone as it was, and else its ``MODEL``. Raise
    BadData as ``checked`` does for ``MODEL``.
    """
    file = checked(stage, MODEL)
    listed = checksums.find(_listed(stage), MODEL)
    model = listed.sha256 if listed else sha256_of(file)
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
        """Open a run. Raise MissingInput if there is none, BadData or BadConfiguration if it is damaged."""
        given = Path(path)
        path = given.absolute()
        leftovers.repair(path.parent, path)
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
        """How its model was made. Raise BadData or BadConfiguration if a file is damaged."""
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
        """The training configuration of its stages. Raise BadData or BadConfiguration if one of their files is
        damaged, and as ``check_trained``."""
        self.check_trained()
        tuned = self.path / FINETUNED
        return Training.read(self.path / FROZEN / CONFIG, tuned / CONFIG if tuned.is_dir() else None)

    @property
    def stages(self) -> tuple[Path, ...]:
        """The folders of the existing stages, in order."""
        return tuple(self.path / name for name in STAGES if (self.path / name).is_dir())

    def check(self) -> Checked:
        """Check all files of its stages. Raise BadData if one is missing or changed."""
        files, unlisted = 0, []
        for stage in self.stages:
            known = {each.file for each in _listed(stage)}
            for name in LISTED:
                there = checked(stage, name).is_file()
                files += name in known
                unlisted += [f"{stage.name}/{name}"] * (there and name not in known)
        return Checked(files, tuple(unlisted))


def check_model(file: Path, advice: str) -> None:
    """Raise MissingInput if there is no Keras model, BadData if it is no archive, as all of them are."""
    if not file.is_file():
        raise MissingInput("the Keras model was not found", advice, where=file)
    if not zipfile.is_zipfile(file):
        raise BadData("not a Keras model", advice, where=file)


def check(stage: Path) -> None:
    """Raise what would stop a command that continues from a stage, as far as it can be told at once.

    That is BadData for a file of another size, and MissingInput for its model or if none of the images of its splits is
    there.
    """
    for listed in _listed(stage):
        checksums.check_size(stage, listed, _AGAIN)
    check_model(stage / MODEL, "Train the run again.")
    Dataset.read(stage / SPLITS).check_there()


def verify(stage: Path) -> None:
    """Raise BadData if a file of a stage is missing or changed, as ``checked``: before work that reads them later."""
    for name in LISTED:
        checked(stage, name)


def validation_top1(folder: Path) -> float:
    """The validation top-1 (0..1) in the metrics of a stage. Raise BadData or BadConfiguration if they are
    damaged."""
    try:
        return Metrics.read(checked(folder, METRICS)).validation.top1
    except MissingInput as error:
        raise BadConfiguration(error.reason, "Train the run again.", where=error.where) from error


def _shown(stage: Path) -> str:
    try:
        return percent(validation_top1(stage))
    except TlpipeError:
        return "-"


def write(folder: Path, *, best: str) -> None:
    """Write to ``folder``, which becomes a run or is moved into one, which of its stages is the best."""
    document = checksums.sealed({"schema": SCHEMA, "best": best})
    (folder / RUN_FILE).write_text(json.dumps(document, indent=2) + "\n", "utf-8")
