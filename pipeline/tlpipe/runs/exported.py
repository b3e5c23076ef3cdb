"""What a bundle was exported from: the Keras model, and the splits of its run."""

import os
from pathlib import Path

from tlpipe.runs import run_folder
from tlpipe_edge.contract import kinds
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData


def keras_file(bundle: Bundle) -> Path:
    """The path of the Keras model that the manifest names, which need not be there any more."""
    return Path(os.path.normpath(bundle.path.absolute() / bundle.manifest.provenance.keras_file))


def original(bundle: Bundle, file: Path | None = None, *, otherwise: str = "Name it with --keras FILE.") -> Path:
    """The Keras model that was exported: ``file``, or the one that the manifest names.

    Raise MissingInput if there is none (``otherwise`` is what to do if the manifest names it), BadData if it is not the
    model that was exported.
    """
    advice = "Check the path." if file else otherwise
    file = file or keras_file(bundle)
    run_folder.check_model(file, advice)
    if sha256_of(file) != bundle.manifest.provenance.keras_sha256:
        raise BadData("not the model that was exported (another sha256)", "Export the run again.", where=file)
    return file


def splits_beside(keras_model: Path) -> Path | None:
    """The splits file next to a Keras model; None if there is none, as outside of a run. Raise BadData if the run lists
    it and it is missing or changed."""
    stage = keras_model.parent
    if kinds.RUN.is_at(stage.parent) or (stage / run_folder.SPLITS).is_file():
        run_folder.checked(stage, run_folder.SPLITS)
    splits = stage / run_folder.SPLITS
    return splits if splits.is_file() else None
