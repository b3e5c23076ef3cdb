"""The diagram and the table of real Keras models: every layer once, in its block, with its state."""

from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import keras
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from tlpipe.pictures import architecture
from tlpipe.pictures.architecture import Layer

SVG = "{http://www.w3.org/2000/svg}"


def classifier(backbone: Any, *, classes: int = 10, **options: Any) -> Any:
    image = keras.Input((96, 96, 3), name="image")
    pixels = keras.layers.Rescaling(1 / 127.5, -1.0, name="pixels")(image)
    base = backbone(input_tensor=pixels, include_top=False, weights=None, **options)
    features = keras.layers.GlobalAveragePooling2D(name="pooling")(base.output)
    features = keras.layers.Dropout(0.2, name="dropout")(features)
    return keras.Model(image, keras.layers.Dense(classes, activation="softmax", name="head")(features), name="small")


def train_from(model: Any, name: str) -> None:
    """As fine-tuning does: layers from ``name`` on, but for BatchNormalization."""
    start = [layer.name for layer in model.layers].index(name)
    for index, layer in enumerate(model.layers):
        layer.trainable = index >= start and not isinstance(layer, keras.layers.BatchNormalization)


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    return classifier(keras.applications.MobileNetV2, alpha=0.35)


def rows(figure: Figure) -> dict[str, float]:
    """Each text with its vertical position, downwards."""
    return {text.get_text(): text.get_position()[1] for text in figure.findobj(Text)}


def test_parameters_and_states_are_those_of_keras(mobilenet: Any) -> None:
    train_from(mobilenet, "block_11_project")

    layers = architecture.read_layers(mobilenet)

    assert [layer.name for layer in layers] == [layer.name for layer in mobilenet.layers]
    assert sum(layer.parameters for layer in layers) == mobilenet.count_params()
    assert sum(layer.trained for layer in layers) == sum(int(np.prod(w.shape)) for w in mobilenet.trainable_weights)
    states = {layer.name: layer.state for layer in layers}
    assert states["Conv1"] == "frozen"
    assert states["block_11_depthwise"] == "frozen"
    assert states["block_11_project"] == "trained"
    assert states["block_11_project_BN"] == "inference-only"
    assert states["block_11_add"] == states["image"] == states["dropout"] == ""
    assert [layer.size for layer in layers][-4:] == ["3 × 3 × 1280", "1280", "1280", "10"]


def test_mobilenet_v2_falls_into_its_blocks(mobilenet: Any) -> None:
    layers = architecture.read_layers(mobilenet)

    blocks = architecture.group(layers)

    middle = [f"block_{number}" for number in range(1, 17)]
    assert [block.name for block in blocks] == ["input", "stem", "expanded_conv", *middle, "top", "head"]
    assert [layer for block in blocks for layer in block.layers] == layers
    assert [layer.name for layer in blocks[-2].layers] == ["Conv_1", "Conv_1_bn", "out_relu"]


@pytest.mark.parametrize(
    ("backbone", "options", "middle"),
    [
        (
            "MobileNetV3Small",
            {"include_preprocessing": False},
            ["expanded_conv", "expanded_conv_1", "expanded_conv_10"],
        ),
        ("EfficientNetB0", {}, ["block1a", "block2a", "block7a"]),
    ],
)
def test_other_backbones_fall_into_blocks_too(backbone: str, options: dict[str, Any], middle: list[str]) -> None:
    layers = architecture.read_layers(classifier(getattr(keras.applications, backbone), **options))

    blocks = architecture.group(layers)

    names = [block.name for block in blocks]
    assert [*names[:4], *names[-3:]] == ["input", "stem", *middle, "top", "head"]
    assert len(names) == len(set(names))
    assert [layer for block in blocks for layer in block.layers] == layers


def test_an_anonymous_layer_belongs_to_the_block_before_it() -> None:
    names = ["image", "stem_conv", "block_1_expand", "global_average_pooling2d_3", "block_1_project", "pooling", "head"]
    layers = [Layer(name, "GlobalAveragePooling2D" if "pooling" in name else "Conv2D", (8,), 1, 0) for name in names]

    blocks = architecture.group(layers)

    assert [[layer.name for layer in block.layers] for block in blocks] == [names[:2], names[2:5], names[5:]]


def test_the_boundary_lies_where_training_starts(mobilenet: Any) -> None:
    train_from(mobilenet, "block_11_project")

    figure = architecture.draw_diagram(
        architecture.read_layers(mobilenet), title="mobilenet_v2", first_trained="block_11_project"
    )

    texts = rows(figure)
    assert texts["block_10"] < texts["training starts at block_11_project"] < texts["block_11"]
    assert texts["0 of 6"] == texts["block_10"]
    assert texts["1 of 6  (3 BN frozen)"] == texts["block_11"]
    assert texts["1 of 2  (1 BN frozen)"] == texts["top"] == texts["3 × 3 × 1280"]
    assert texts["1 of 1"] == texts["head"] == texts["12,810"]
    assert f"{mobilenet.count_params():,} parameters" in texts
    assert any("BatchNormalization layers (BN) stay frozen" in text for text in texts)


def test_the_boundary_is_above_a_block_whose_first_layer_trains(mobilenet: Any) -> None:
    layers = architecture.read_layers(mobilenet)

    texts = rows(architecture.draw_diagram(layers, title="m", first_trained="block_12_expand"))

    assert texts["block_11"] < texts["training starts at block_12_expand"] < texts["block_12"]


def test_a_frozen_backbone_has_its_boundary_above_the_head(mobilenet: Any) -> None:
    train_from(mobilenet, "pooling")

    figure = architecture.draw_diagram(architecture.read_layers(mobilenet), title="m", first_trained=None)

    texts = rows(figure)
    assert texts["top"] < texts["training starts at head"] < texts["head"]
    assert "12,810 trained (3.0 %)" in texts
    assert not any("BatchNormalization" in text for text in texts)


def test_a_model_that_does_not_train_has_no_boundary(mobilenet: Any) -> None:
    train_from(mobilenet, "head")
    mobilenet.get_layer("head").trainable = False

    figure = architecture.draw_diagram(architecture.read_layers(mobilenet), title="m", first_trained=None)

    assert not any("training starts" in text for text in rows(figure))


def test_an_unknown_first_layer_is_refused(mobilenet: Any) -> None:
    with pytest.raises(ValueError, match="block_99"):
        architecture.draw_diagram(architecture.read_layers(mobilenet), title="m", first_trained="block_99")


def test_diagram_is_a_whole_picture(mobilenet: Any, tmp_path: Path) -> None:
    train_from(mobilenet, "block_11_project")

    architecture.diagram(mobilenet, tmp_path / "diagram.png", first_trained="block_11_project")

    with Image.open(tmp_path / "diagram.png") as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("RGB"))
    assert min(pixels[:5].min(), pixels[-5:].min(), pixels[:, :5].min(), pixels[:, -5:].min()) == 255


def cells(svg: str) -> list[list[ElementTree.Element]]:
    return [group.findall(f"{SVG}text") for group in ElementTree.fromstring(svg).findall(f"{SVG}g")]


def test_layer_table_lists_every_layer(mobilenet: Any, tmp_path: Path) -> None:
    train_from(mobilenet, "block_11_project")

    architecture.layer_table(mobilenet, tmp_path / "layers.svg")

    heading, *table = [[cell.text or "" for cell in row] for row in cells((tmp_path / "layers.svg").read_text("utf-8"))]
    assert heading == ["index", "layer", "type", "output", "parameters", "state"]
    assert [row[0] for row in table] == [str(index) for index in range(len(mobilenet.layers))]
    assert [row[1] for row in table] == [layer.name for layer in mobilenet.layers]
    assert table[0] == ["0", "image", "InputLayer", "96 × 96 × 3", "0", ""]
    assert table[-1] == [str(len(table) - 1), "head", "Dense", "10", "12,810", "trained"]


def test_layer_table_has_room_for_long_names() -> None:
    layers = [Layer("x" * 90, "Conv2D", (None, None, 8), 1_234_567_890, 0), Layer("y", "ReLU", (8,), 0, 0)]

    svg = architecture.render_table(layers, title="m")

    width = float(ElementTree.fromstring(svg).attrib["width"]) - 16
    for row in cells(svg):
        free = 0.0
        for cell in row:
            length = 7.2 * len(cell.text or "")
            left = float(cell.attrib["x"]) - (length if cell.attrib["text-anchor"] == "end" else 0)
            assert left >= free
            free = left + length
        assert free <= width


def test_hostile_names_stay_text() -> None:
    hostile = "<script>alert('&\"')</script>$\\frac{"
    layers = [Layer(hostile, "Dense", (2,), 4, 4), Layer("bell\x07", "Dense", (2,), 4, 0)]

    svg = architecture.render_table(layers, title=hostile + "\x00")

    root = ElementTree.fromstring(svg)
    assert root.find(f".//{SVG}script") is None
    assert [row[1].text for row in cells(svg)] == ["layer", hostile, "bell\N{REPLACEMENT CHARACTER}"]


def test_hostile_names_stay_text_in_the_diagram(tmp_path: Path) -> None:
    hostile = "$\\frac{$"  # as mathtext this is a syntax error
    layers = [Layer(hostile, "Dense", (2,), 4, 4)]

    figure = architecture.draw_diagram(layers, title=hostile, first_trained=None)
    architecture.save(figure, tmp_path / "diagram.png")

    assert f"training starts at {hostile}" in rows(figure)
