"""The entries of the backbones; a second one, without widths, goes through the same code from weights to device."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.cli import options
from tlpipe.conversion import recipes
from tlpipe.data import dataset
from tlpipe.exporting import assemble
from tlpipe.network import build
from tlpipe.network.backbones import BACKBONES, MOBILENET_V2, Backbone, find
from tlpipe.network.backend import keras
from tlpipe.network.cut import cut_below
from tlpipe.runs.config import Finetuning, Head, Training
from tlpipe.training import stages
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.errors import BadData, WrongUsage

LABELS = ("a", "b", "c")


def tiny(*, include_top: bool, weights: None, input_tensor: Any) -> Any:
    """A stem, a block of a narrow network, and a wide end; it knows no alpha."""
    assert not include_top and weights is None

    def convolved(source: Any, name: str, filters: int, *, size: int = 1, stride: int = 1) -> Any:
        layer = keras.layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False, name=name)
        return keras.layers.BatchNormalization(name=f"{name}_bn")(layer(source))

    stem = keras.layers.ReLU(6.0, name="stem_relu")(convolved(input_tensor, "stem", 8, size=3, stride=4))
    wide = keras.layers.ReLU(6.0, name="expand_relu")(convolved(stem, "expand", 24))
    deep = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(wide)
    added = keras.layers.Add(name="add")([stem, convolved(deep, "project", 8)])
    end = keras.layers.ReLU(6.0, name="end_relu")(convolved(added, "end", 32))
    return keras.Model(keras.utils.get_source_inputs(input_tensor), end)


def load_npz(model: Any, file: Path) -> None:
    with np.load(file) as arrays:
        for layer in model.layers:
            layer.set_weights([arrays[f"{layer.name}/{number}"] for number, _ in enumerate(layer.weights)])


TINY = Backbone(
    name="tiny",
    builder=tiny,
    sizes=(32, 48),
    scale=1 / 128,
    offset=-127 / 128,
    top_layers=3,
    top_begins="end",
    weights_file="the .npz of tiny",
    load_weights=load_npz,
    imagenet=False,
)


@pytest.fixture(autouse=True)
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKBONES, "tiny", TINY)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keras.utils.set_random_seed(3)
    network = tiny(include_top=False, weights=None, input_tensor=keras.Input((48, 48, 3)))
    arrays = {f"{layer.name}/{n}": array for layer in network.layers for n, array in enumerate(layer.get_weights())}
    file = tmp_path_factory.mktemp("weights") / "tiny.npz"
    np.savez(file, **arrays)
    return file


def built(weights: Path | str, *, alpha: float = 1.0, size: int = 48) -> Any:
    common: dict[str, Any] = {"labels": LABELS, "dropout": 0.0, "seed": 0}
    return build.build("tiny", alpha=alpha, size=size, weights=str(weights), **common)


@pytest.mark.parametrize("entry", [MOBILENET_V2, TINY], ids=lambda entry: entry.name)
def test_the_top_layers_begin_where_the_entry_says(entry: Backbone) -> None:
    common: dict[str, Any] = {"weights": "none", "labels": LABELS, "dropout": 0.0, "seed": 0}
    model = build.build(entry.name, alpha=1.0, size=entry.sizes[0], **common)

    assert build.backbone_layers(model)[-entry.top_layers].name == entry.top_begins


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
    with pytest.raises(WrongUsage, match="no backbone large\nChoose mobilenet_v2, tiny"):
        find("large")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"alpha": 0.5}, r"width 0\.5: tiny does not come in it\nLeave alpha out\."),
        ({"size": 64}, "image size 64\nChoose a size from 32 to 48"),
        ({"weights": "imagenet"}, r"none of tiny to download\nName a file \(the \.npz of tiny\), or say none"),
    ],
)
def test_what_it_does_not_come_in_is_wrong_usage(given: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage, match=said):
        built(**({"weights": "none"} | given))


def test_its_own_kind_of_weights_file_is_read(weights: Path, tmp_path: Path) -> None:
    model = built(weights)
    with np.load(weights) as arrays:
        np.testing.assert_array_equal(model.get_layer("end").get_weights()[0], arrays["end/0"])
    assert build.weights_sha256(model) != build.weights_sha256(built("none"))

    (tmp_path / "other.npz").write_bytes(b"no archive")
    with pytest.raises(BadData, match=r"not the weights of tiny \(.*\nName the \.npz of tiny\."):
        built(tmp_path / "other.npz")


def test_its_normalization_is_inside_the_graph(weights: Path) -> None:
    scaled = keras.Model(*(lambda model: (model.input, model.get_layer("input_scaling").output))(built(weights)))

    for value, expected in ((127, 0.0), (255, 1.0)):
        assert scaled(np.full((1, 48, 48, 3), value, np.float32)).numpy().mean() == pytest.approx(expected, abs=1e-6)


def test_it_goes_all_the_way_to_a_device(weights: Path, few: Path, tmp_path: Path) -> None:
    training = Training(
        backbone="tiny",
        weights=str(weights),
        image_size=48,
        views=1,
        batch_size=8,
        head=Head(epochs=1),
        finetuning=Finetuning(epochs=1, top_layers=TINY.top_layers),
    )
    run = stages.train(dataset.load(few, test_fraction=0.25), tmp_path / "run", training)
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
