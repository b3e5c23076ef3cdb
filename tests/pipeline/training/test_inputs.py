"""The features of splits and views: one pass finds what is wrong with an image, and a later one takes it as known."""

import re
from pathlib import Path

import pytest

from tlpipe.data import loading
from tlpipe.features.extractor import Extractor
from tlpipe.features.prefix import Weights
from tlpipe.network import build
from tlpipe.training import inputs
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData

OUTCOME = re.compile("; (?:left out of training|counts as wrong in (?:validation|test))\\n")


@pytest.fixture
def extractor(tiny_weights: Path) -> Extractor:
    model = build.build("tiny", alpha=1.0, size=48, weights=str(tiny_weights), labels=("a", "b"), dropout=0.0, seed=0)
    weights = Weights.of_file(tiny_weights, backbone="tiny", alpha=1.0)
    return Extractor.at("pooling", weights, ImageSpec(48), lambda: model)


def test_problems_go_with_the_examples(few: Path, extractor: Extractor, capfd: pytest.CaptureFixture[str]) -> None:
    (few / "kryss/text.jpg").write_bytes(b"\xff\xd8\xff no picture")
    found = inputs.extract(extractor, loading.load(few), views=3, seed=0, strict=False)
    assert len(OUTCOME.findall(capfd.readouterr().err)) == 1

    train = found.dataset.splits["train"]
    assert len(found.views) == 3 and all(view.examples == train for view in found.views)
    assert {split: features.examples for split, features in found.plain.items()} == found.dataset.splits
    problems = [each for split in found.dataset.splits.values() for each in split if each.problem]
    assert [each.file.name for each in problems] == ["text.jpg"]

    again = inputs.extract(extractor, found.dataset, views=1, seed=0, strict=True)  # what is known is not new
    assert again.dataset == found.dataset and not OUTCOME.search(capfd.readouterr().err)


def test_an_image_that_changes_between_two_views_ends_the_training(few: Path, extractor: Extractor) -> None:
    photographs = loading.load(few)
    inputs.extract_plain(extractor, photographs, strict=True)
    first, second = photographs.splits["train"][:2]
    first.file.write_bytes(second.file.read_bytes() + b"\0")

    with pytest.raises(BadData, match=rf"{first.file.name}: changed since the splits were made"):
        inputs.extract(extractor, photographs, views=2, seed=7, strict=False)
