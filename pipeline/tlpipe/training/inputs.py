"""What a stage trains on: the features of every split, and of every view of the training images."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, Example
from tlpipe.features.extractor import Extractor, Features
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class Inputs:
    """``plain`` features by split, ``views`` of the training images (the plain one first), and the data set in which
    each example has the problem that was found."""

    photographs: Dataset
    plain: Mapping[str, Features]
    views: tuple[Features, ...]


def extract(extractor: Extractor, photographs: Dataset, *, views: int, seed: int, strict: bool) -> Inputs:
    """The features of all splits, and of ``views`` views of train.

    Raises as ``extract_plain``, and BadData where an image cannot be read any more for another view.
    """
    photographs, plain = extract_plain(extractor, photographs, strict=strict)
    train = photographs.splits["train"]
    taken = [plain["train"]]
    for number in range(1, views):
        features = extractor.extract(train, View(number, seed), what=f"view {number + 1} of {views}")
        for example in features.new_problems(train):
            raise BadData(f"{example.problem}", "Put it back as it was, or train the run again.", where=example.file)
        taken.append(features)
    return Inputs(photographs, plain, tuple(taken))


def extract_plain(extractor: Extractor, photographs: Dataset, *, strict: bool) -> tuple[Dataset, dict[str, Features]]:
    """The plain features by split, and the data set with the problems that were found, each after a warning.

    Raises BadData with ``strict`` if there is one, and if a class has no image left to train on.
    """
    plain = {
        split: extractor.extract(examples, View(), what=f"reading {split} images")
        for split, examples in photographs.splits.items()
    }
    found = [each for split, features in plain.items() for each in features.new_problems(photographs.splits[split])]
    warn_of_problems(found, strict=strict)
    photographs = replace(photographs, splits={split: features.examples for split, features in plain.items()})
    photographs.check_trainable()
    return photographs, plain


def warn_of_problems(examples: Sequence[Example], *, strict: bool) -> None:
    """Warn of each example that has a problem; raise BadData with ``strict`` if there is one."""
    found = [example for example in examples if example.problem is not None]
    for each in found:
        progress.warn(f"{each.file}: {each.problem}; left out")
    if found and strict:
        first = found[0]
        raise BadData(f"{first.problem} ({len(found)} unreadable in all)", "Mend or remove them.", where=first.file)
