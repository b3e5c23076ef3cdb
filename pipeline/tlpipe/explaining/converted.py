"""The Keras model of a run or a bundle as .tflite files in memory."""

from pathlib import Path

from tlpipe.conversion import calibration, convert, recipes
from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.remedies import CONVERTER, REMEDIES, why_not
from tlpipe.data.dataset import Dataset
from tlpipe.network import build
from tlpipe.network.backend import keras
from tlpipe.runs import run_folder
from tlpipe.runs.run_folder import Run
from tlpipe_edge.console import progress

_FLOAT32, _INT8 = recipes.RECIPES["float32"], recipes.RECIPES["int8"]
_SECONDS = 3.0


def float32(keras_file: Path) -> bytes:
    """A Keras model as a float32 file. Raise the errors of ``build.load``."""
    return _float32(build.load(keras_file))


def both(run: Run) -> tuple[bytes, bytes, Representative]:
    """The best stage of a run as a float32 and an int8 file, and the calibration images.

    Raise the errors of ``run_folder.checked`` and ``build.load``, and those of ``calibration.choose``.
    """
    stage, config = run.best_stage, run.config
    dataset = Dataset.read(run_folder.checked(stage, run_folder.SPLITS)).with_images()
    model = build.load(run_folder.checked(stage, run_folder.MODEL))
    representative = calibration.choose(dataset, config.spec, seed=config.seed)
    return _float32(model), _int8(model, representative), representative


def _float32(model: keras.Model) -> bytes:
    with progress.waiting("converting to float32", seconds=_SECONDS):
        return convert.to_tflite(convert.traced(model), _FLOAT32)


def _int8(model: keras.Model, representative: Representative) -> bytes:
    """The int8 file that an export without limits gives."""
    remedy = CONVERTER if why_not(model, _INT8, representative.pixels) else REMEDIES[0]
    return remedy.convert(model, _INT8, representative)
