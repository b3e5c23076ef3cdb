"""150 classes with three images each, from a folder to a report: the output is short, and says what it leaves out."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tlpipe.conversion import calibration, recipes
from tlpipe.data import loading
from tlpipe.evaluation import evaluate
from tlpipe.exporting import assemble
from tlpipe.reporting import publish
from tlpipe.runs.config import Training
from tlpipe.training import stages
from tlpipe_edge.bench import scoring
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.images.labelled import LabelledImage

CLASSES = 150


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """Each class has a colour of its own."""
    for number in range(CLASSES):
        folder = tmp_path / f"photographs/species {number:03} of a catalogue of many"
        folder.mkdir(parents=True)
        for place in range(3):
            chance = np.random.default_rng([number, place])
            colour = np.random.default_rng(number).integers(20, 236, 3)
            pixels = colour + chance.integers(-9, 10, (48, 48, 3))
            Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{place}.png")
    return tmp_path / "photographs"


def test_many_classes_get_through(
    photographs: Path, brief: Training, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = stages.train(loading.load(photographs), tmp_path / "run", dataclasses.replace(brief, batch_size=50))
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning")]
    assert len(warnings) <= 2 and all("more" in line for line in warnings)

    bundle = assemble.export(run, recipes.parse(["int8"]), tmp_path / "bundle")
    chosen = bundle.manifest.calibration
    assert chosen is not None and chosen.method == calibration.SHUFFLED
    of_image = {each.sha256: each.label for each in loading.load(photographs).splits["train"]}
    labels = [of_image[sha256] for sha256 in chosen.images]
    assert len(set(labels)) == len(labels) == calibration.CORRECTED_IMAGES and max(labels) > 130

    evaluate.evaluate(bundle)
    card = (bundle.path / "MODEL_CARD.md").read_text("utf-8")
    assert "The 25 of 150 classes with the lowest top-1 of any file or Keras" in card and "and 50 more" in card
    publish.of_paths([bundle.path], tmp_path / "report")
    assert "25 of 150 classes" in (tmp_path / "report/report.md").read_text("utf-8")

    test = loading.load(photographs).splits["test"]
    images = [LabelledImage(each.file, each.sha256, each.label) for each in test]
    scored = scoring.score(lambda: Classifier.open(bundle.path), images, classes=CLASSES, description="classifying")
    rates = scoring.rates(scored.scores, images, labels=bundle.manifest.labels)
    assert rates.confusion is None and sum(images for _, _, images in rates.cells or ()) == CLASSES
    metrics = json.loads((run.path / "1-frozen/metrics.json").read_text())
    assert len(metrics["test"]["per_class"]) == CLASSES
