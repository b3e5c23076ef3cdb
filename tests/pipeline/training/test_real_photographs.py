"""Real photographs and the ImageNet weights, where they lie beside the checkout."""

import json
import shutil
from pathlib import Path

import pytest

from tlpipe.data import loading
from tlpipe.runs import run_folder
from tlpipe.runs.config import Head, Training
from tlpipe.training import stages

DATA = Path(__file__).parents[3].parent / "shared" / "data"
WEIGHTS = DATA / "weights" / "mobilenet_v2_1.0_no_top.weights.h5"
TRAIN = DATA / "clothing" / "train"

pytestmark = pytest.mark.skipif(
    not (WEIGHTS.is_file() and TRAIN.is_dir()), reason="no photographs and weights in shared/data beside the checkout"
)


def test_forty_photographs_teach_a_head(tmp_path: Path) -> None:
    for label in ("pants", "shoes"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for file in sorted((TRAIN / label).iterdir())[:20]:
            shutil.copy(file, tmp_path / "data" / label)
    config = Training(weights=str(WEIGHTS), image_size=96, views=1, head=Head(epochs=5))
    run = stages.train(
        loading.load(tmp_path / "data", validation_fraction=0.25, test_fraction=0.25), tmp_path / "run", config
    )

    metrics = json.loads((run.best_stage / run_folder.METRICS).read_text())
    assert metrics["test"]["images"] == 10
    assert metrics["test"]["top1"] >= 0.8  # chance comes to 8 of 10 once in eighteen times
