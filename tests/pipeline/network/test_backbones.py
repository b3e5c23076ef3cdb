"""The entries of the backbones; a second one, without widths, goes through the same code from weights to device."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fingerprints import weights_sha256
from tiny import TINY

from tlpipe.cli import options
from tlpipe.conversion import recipes
from tlpipe.data import loading
from tlpipe.exporting import assemble
from tlpipe.network import build
from tlpipe.network.backbones import BACKBONES, EFFICIENTNET_LITE0, MOBILENET_V2, Backbone, find
from tlpipe.network.backend import keras
from tlpipe.network.cut import cut_below
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.training import stages
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.errors import BadData, WrongUsage

LABELS = ("a", "b", "c")

pytestmark = pytest.mark.usefixtures("tiny_weights")  # which registers it


def built(weights: Path | str, *, alpha: float = 1.0, size: int = 48) -> Any:
    common: dict[str, Any] = {"labels": LABELS, "dropout": 0.0, "seed": 0}
    return build.build("tiny", alpha=alpha, size=size, weights=str(weights), **common)


@pytest.mark.parametrize("entry", [*BACKBONES.values(), TINY], ids=lambda entry: entry.name)
def test_the_top_layers_begin_where_the_entry_says(entry: Backbone) -> None:
    common: dict[str, Any] = {"weights": "none", "labels": LABELS, "dropout": 0.0, "seed": 0}
    model = build.build(entry.name, alpha=1.0, size=entry.sizes[0], **common)

    assert build.backbone_layers(model)[-entry.top_layers].name == entry.top_begins


@pytest.mark.parametrize("alpha", MOBILENET_V2.widths)
def test_the_parameters_and_layers_are_those_of_keras(alpha: float) -> None:
    base = MOBILENET_V2.build(alpha=alpha, weights=None, input_shape=(64, 64, 3))

    assert (base.count_params(), len(base.layers)) == (MOBILENET_V2.parameters[alpha], MOBILENET_V2.layers)


def test_the_layers_of_efficientnet_lite0_are_counted() -> None:
    base = EFFICIENTNET_LITE0.build(alpha=1.0, weights=None, input_shape=(64, 64, 3))

    assert (base.count_params(), len(base.layers)) == (EFFICIENTNET_LITE0.parameters[1.0], EFFICIENTNET_LITE0.layers)


def test_the_flags_say_what_the_default_entry_says() -> None:
    texts = {
        name: getattr(options, name).__metadata__[0].help for name in ("Alpha", "ImageSize", "TopLayers", "Weights")
    }

    assert all(f"{width}" in texts["Alpha"] for width in MOBILENET_V2.widths)
    assert "64 to 224 pixels" in texts["ImageSize"]
    assert "50 begin at block_11_project" in texts["TopLayers"]
    assert MOBILENET_V2.weights_file in texts["Weights"]
    assert (Training().backbone, Training().finetuning.top_layers) == ("mobilenet_v2", 50)


def test_a_backbone_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(WrongUsage, match="no backbone large\nChoose mobilenet_v2, efficientnet_lite0 or tiny"):
        find("large")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": 0.5}, r"alpha 0\.5 is not a width multiplier of tiny\nLeave alpha out\."),
        ({"size": 64}, "invalid image size: 64\nChoose a size from 32 to 48"),
        ({"weights": "imagenet"}, r"none of tiny to download\nName a file \(the \.npz of tiny\), or pass none"),
    ],
)
def test_what_it_does_not_come_in_is_wrong_usage(given: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        built(**({"weights": "none"} | given))


def test_its_own_kind_of_weights_file_is_read(tiny_weights: Path, tmp_path: Path) -> None:
    model = built(tiny_weights)
    with np.load(tiny_weights) as arrays:
        np.testing.assert_array_equal(model.get_layer("end").get_weights()[0], arrays["end/0"])
    assert weights_sha256(model) != weights_sha256(built("none"))

    (tmp_path / "other.npz").write_bytes(b"no archive")
    with pytest.raises(BadData, match=r"not the weights of tiny: .*\nName the \.npz of tiny\."):
        built(tmp_path / "other.npz")


def test_its_normalization_is_inside_the_graph(tiny_weights: Path) -> None:
    scaled = keras.Model(*(lambda model: (model.input, model.get_layer("input_scaling").output))(built(tiny_weights)))

    for value, expected in ((127, 0.0), (255, 1.0)):
        assert scaled(np.full((1, 48, 48, 3), value, np.float32)).numpy().mean() == pytest.approx(expected, abs=1e-6)


def test_it_goes_all_the_way_to_a_device(tiny_weights: Path, few: Path, tmp_path: Path) -> None:
    training = Training(
        backbone="tiny",
        weights=str(tiny_weights),
        image_size=48,
        views=1,
        batch_size=8,
        head=Head(epochs=1),
        finetuning=Finetuning(epochs=1, top_layers=TINY.top_layers),
    )
    run = stages.train(loading.load(few, test_fraction=0.25), tmp_path / "run", training)
    run = stages.finetune(run, training.finetuning)
    run = dataclasses.replace(run, best="2-finetuned")
    bundle = assemble.export(run, recipes.parse(recipes.RECIPES), tmp_path / "bundle")
    model = build.load(run.best_stage / "model.keras")

    assert cut_below(model, build.trained_layers(model, TINY.top_layers)) == "add"
    origin = bundle.manifest.provenance
    assert (origin.backbone, origin.alpha, origin.stage) == ("tiny", 1.0, "2-finetuned")  # devices require an alpha
    golden = bundle.golden()
    expected = model.predict(golden.pixels.astype(np.float32), verbose=0)
    for recipe in recipes.RECIPES:
        classifier = Classifier.open(bundle.path, recipe=recipe)
        scores = np.stack([classifier(file).scores for file in golden.files])
        # int8: steps of 1/256 in the scores, and features that a random network spreads over few levels
        np.testing.assert_allclose(scores, expected, atol=1e-4 if recipe == "float32" else 0.05)
