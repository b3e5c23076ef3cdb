"""How near int8 is to Keras on photographs that neither training nor selection nor calibration has seen, by remedy.

python benchmarks/int8_fidelity.py DATA WORK BACKBONE=WEIGHTS... [--folds 0,1,2] [--remedies NAME,NAME] [--train]

DATA is a folder per class, in splits or not. Its images are in three folds; for each, a model is trained on the other
two at 224 px, by the default recipe, and scores this one: so each image is scored by a model that did not see it, and
the figures are over all of them. WORK keeps what is done (models, scores), each piece as soon as it is done, and what
is there is not done again: stop it, and start it again. A training takes 10 to 20 minutes, a remedy about one for each
stage and fold. With --train, only the models are made. With all folds, the table is published.
"""

import argparse
import csv
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import harness
import numpy as np

import tlpipe
from tlpipe.conversion import calibration, recipes
from tlpipe.conversion.remedies import CONVERTER, REMEDIES
from tlpipe.data.dataset import Dataset, Example, label_indices
from tlpipe.evaluation import significance
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network import build
from tlpipe.network.predict import keras_probabilities
from tlpipe.runs import run_folder
from tlpipe_edge.classify import accuracy

FOLDS = 3
VALIDATION = 10
"""One image of so many is for validation, of those that are not in the scored fold."""
STAGES = (run_folder.FROZEN, run_folder.FINETUNED)
SIZE = 224
(INT8,) = recipes.parse(["int8"])
ALL = {remedy.name: remedy for remedy in (CONVERTER, *REMEDIES)}


@dataclass(frozen=True)
class Piece:
    """One model: a stage of a run, its images, and those for calibration."""

    stage: Path
    dataset: Dataset
    representative: calibration.Representative

    @property
    def model(self) -> Any:
        """The Keras model, read anew."""
        return build.load(self.stage / run_folder.MODEL)

    @property
    def scored(self) -> tuple[Example, ...]:
        """The images of the fold that is scored."""
        return tuple(example for example in self.dataset.splits["test"] if example.problem is None)


def main() -> None:
    """Do all pieces that are not done yet, and publish the table if all folds are there."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("backbones", nargs="+")
    parser.add_argument("--folds", default="0,1,2")
    parser.add_argument("--remedies", default=",".join(ALL))
    parser.add_argument("--train", action="store_true")
    given = parser.parse_args()
    folds = [int(each) for each in given.folds.split(",")]
    names = given.remedies.split(",")
    backbones = dict(each.split("=", 1) for each in given.backbones)
    for fold_number in folds:
        for backbone, weights in backbones.items():
            run = _trained(given.data, given.work, backbone, weights, fold_number)
            for stage in () if given.train else STAGES:
                _score(run.path / stage, given.work / "scores" / backbone / stage / str(fold_number), names)
    if given.train:
        return
    table = {
        backbone: {stage: _compared(given.work / "scores" / backbone / stage, folds, names) for stage in STAGES}
        for backbone in backbones
    }
    if len(folds) == FOLDS:
        harness.publish("int8_fidelity", {"data": f"{given.data.name}, {SIZE} px", "networks": table})
    else:
        print(json.dumps(table, indent=2))


def _trained(data: Path, work: Path, backbone: str, weights: str, number: int) -> Any:
    """The run of this fold, both of whose stages are trained."""
    out = work / "runs" / f"{backbone}-{number}"
    if (out / run_folder.FINETUNED).is_dir():
        return tlpipe.Run.open(out)
    images = work / f"fold-{number}.csv"
    if not images.is_file():
        work.mkdir(parents=True, exist_ok=True)
        _write_list(data, images, number)
    training = tlpipe.Training(weights=str(Path(weights).absolute()), backbone=backbone, image_size=SIZE)
    run = tlpipe.Run.open(out) if out.is_dir() else tlpipe.train(images, training, out=out, images=data)
    return tlpipe.finetune(run)


def _write_list(data: Path, to: Path, number: int) -> None:
    """The images as a list, with splits: test is the fold, and every tenth other image is for validation."""
    by_class: dict[str, list[Path]] = {}
    for file in sorted(data.rglob("*.jpg")):
        by_class.setdefault(file.parent.name, []).append(file)
    with to.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("path", "label", "split"))
        for label, files in by_class.items():
            random.Random(0).shuffle(files)
            others = 0
            for place, file in enumerate(files):
                split = "test"
                if place % FOLDS != number:
                    others += 1
                    split = "train" if others % VALIDATION else "validation"
                rows.writerow((file.relative_to(data).as_posix(), label, split))


def _score(stage: Path, to: Path, names: Sequence[str]) -> None:
    """Store the scores of Keras, and those of the file of each remedy, with the seconds that it took to make."""
    to.mkdir(parents=True, exist_ok=True)
    missing = [name for name in names if not (to / f"{name}.npz").is_file()]
    if not missing and (to / "keras.npz").is_file():
        return
    dataset = Dataset.read(stage / run_folder.SPLITS).with_images()
    config = run_folder.Run.open(stage.parent).config
    piece = Piece(stage, dataset, calibration.choose(dataset, config.spec, seed=config.seed))
    if not (to / "keras.npz").is_file():
        model = piece.model
        chunks = scored_chunks(ComputeScores((), config.spec), piece.scored, what="scoring by Keras", strict=True)
        scores = np.concatenate([keras_probabilities(model, chunk.pixels) for chunk in chunks])
        np.savez(to / "keras.npz", scores=scores, labels=label_indices(piece.scored))
    for name in missing:
        start = time.perf_counter()
        content = ALL[name].convert(piece.model, INT8, piece.representative)
        seconds = time.perf_counter() - start
        chunks = scored_chunks(ComputeScores((content,), config.spec), piece.scored, what=name, strict=True)
        scores = np.concatenate([chunk.scores[:, 0] for chunk in chunks])
        np.savez(to / f"{name}.npz", scores=scores, seconds=seconds, bytes=len(content))


def _compared(stage: Path, folds: Sequence[int], names: Sequence[str]) -> dict[str, Any]:
    """Each remedy against Keras, over all images of the folds."""
    keras = [np.load(stage / str(number) / "keras.npz") for number in folds]
    expected, labels = (np.concatenate([each[key] for each in keras]) for key in ("scores", "labels"))
    right = accuracy.predictions(expected) == labels
    found: dict[str, Any] = {"images": len(labels), "keras top-1": float(right.mean())}
    for name in names:
        stored = [np.load(stage / str(number) / f"{name}.npz") for number in folds]
        scores = np.concatenate([each["scores"] for each in stored])
        only = significance.only_one(right, accuracy.predictions(scores) == labels)
        difference = np.abs(scores - expected)
        found[name] = {
            "agreement": accuracy.agreement(scores, expected),
            "top-1 minus keras": float((only[1] - only[0]) / len(labels)),
            "interval": significance.difference_interval(*only, len(labels)),
            "mean probability difference": float(difference.mean()),
            "95th percentile": float(np.quantile(difference, 0.95)),
            "seconds": harness.median([float(each["seconds"]) for each in stored]),
        }
    for name in names if CONVERTER.name in names else ():
        least = found[CONVERTER.name]["mean probability difference"]
        found[name]["of the converter alone"] = found[name]["mean probability difference"] / least
    return found


if __name__ == "__main__":
    main()
