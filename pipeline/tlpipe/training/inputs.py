"""The inputs of a stage: the features of every split, and of every view of the training images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, Example
from tlpipe.features import room
from tlpipe.features.extractor import Extractor, Features, Pass
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class Inputs:
    """``plain`` features by split, ``views`` of the training images (the plain one first), and the data set in which
    each example has the problem that was found."""

    dataset: Dataset
    plain: Mapping[str, Features]
    views: tuple[Features, ...]


def extract(extractor: Extractor, dataset: Dataset, *, views: int, seed: int, strict: bool) -> Inputs:
    """The features of all splits, and of ``views`` views of train.

    Raise as ``room.check`` and ``extract_plain``, and BadData if an image cannot be read any more for another view.
    """
    room.check(extractor, passes(dataset, views, seed))
    dataset, plain = extract_plain(extractor, dataset, strict=strict)
    train = dataset.splits["train"]
    taken = [plain["train"]]
    for each in _augmented(train, views, seed):
        features = extractor.extract(train, each.view, what=each.what)
        for example in features.new_problems(train):
            raise BadData(f"{example.problem}", "Put it back as it was, or train the run again.", where=example.file)
        taken.append(features)
    return Inputs(dataset, plain, tuple(taken))


def extract_plain(extractor: Extractor, dataset: Dataset, *, strict: bool) -> tuple[Dataset, dict[str, Features]]:
    """The plain features by split, and the data set with the problems that were found, each after a warning.

    Raise BadData with ``strict`` if there is one, and if a class has no image left to train on.
    """
    plain = {
        split: extractor.extract(each.examples, each.view, what=each.what) for split, each in _plain(dataset).items()
    }
    found = {split: features.new_problems(dataset.splits[split]) for split, features in plain.items()}
    warn_of_problems(found, strict=strict)
    dataset = replace(dataset, splits={split: features.examples for split, features in plain.items()})
    dataset.check_trainable()
    return dataset, plain


def passes(dataset: Dataset, views: int, seed: int) -> list[Pass]:
    """What ``extract`` extracts, in its order."""
    return [*_plain(dataset).values(), *_augmented(dataset.splits["train"], views, seed)]


def _plain(dataset: Dataset) -> dict[str, Pass]:
    return {split: Pass(examples, View(), f"reading {split} images") for split, examples in dataset.splits.items()}


def _augmented(train: Sequence[Example], views: int, seed: int) -> list[Pass]:
    return [Pass(train, View(number, seed), f"view {number + 1} of {views}") for number in range(1, views)]


def warn_of_problems(
    splits: Mapping[str, Sequence[Example]], *, strict: bool, in_train: str = "left out of training"
) -> None:
    """Warn of each example that has a problem, and what follows (``in_train``: in the split train); raise BadData with
    ``strict`` if there is one."""
    found = []
    for split, examples in splits.items():
        for each in examples:
            if each.problem is not None:
                found.append(each)
                outcome = in_train if split == "train" else f"counts as wrong in {split}"
                progress.warn(f"{each.file}: {each.problem}; {outcome}")
    if found and strict:
        first = found[0]
        raise BadData(f"{first.problem} ({len(found)} unreadable in all)", "Replace or remove them.", where=first.file)
