"""The section on the layers that int8 hurts: a chart along the network, a table, and nothing of another file."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import reports

from tlpipe.reporting import publish
from tlpipe.reporting.charts import noise
from tlpipe.reporting.document import LayerNoise
from tlpipe.reporting.side import summary
from tlpipe_edge.contract.bundle import EXPLANATION, Bundle
from tlpipe_edge.contract.explanation import Explanation, Layer, worst
from tlpipe_edge.errors import BadData

SCHEMA: dict[str, Any] = json.loads(
    (Path(publish.__file__).parents[1] / "schemas/report.schema.json").read_text("utf-8")
)
RATIOS = (None, 50.0, 31.0, 12.5, 25.0, 40.0, 14.25, 22.0, -1.0, 30.0)
LAYERS = tuple(
    Layer(f"block_{number}|<b>", "CONV_2D", "NONE", (1, 1), (7, 7, number + 1), ratio)
    for number, ratio in enumerate(RATIOS)
)


def explained(folder: Path, *, sha256: str = "", layers: tuple[Layer, ...] = LAYERS) -> Path:
    """The bundle of the tests with an explanation, of its int8 file if no other hash is given."""
    bundle = reports.bundle(folder)
    artifact = Bundle.open(bundle).artifact("int8")
    found = Explanation(artifact.file, sha256 or artifact.sha256, "b" * 64, 64, layers, 2, ("PAD",))
    (bundle / EXPLANATION).write_text(found.to_json())
    return bundle


def test_the_worst_layers_are_named_and_marked(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=explained(tmp_path))
    document = reports.read(out)
    (section,) = (node for node in reports.page(out).all() if node.attributes.get("id") == "layers")
    rows = [row.text.split() for row in section.all("tr")][1:]
    charts = [node for node in section.all("svg") if node.has("chart")]

    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert document["layer_noise"]["worst"] == [8, 3, 6, 7, 4]
    assert [layer["snr_db"] for layer in document["layer_noise"]["layers"]] == [*RATIOS]
    names = [[f"{number}.", f"block_{place}|<b>"] for number, place in enumerate((8, 3, 6, 7, 4), 1)]
    assert [row[:2] for row in rows] == names
    ratios = [cell.text for cell in section.all("td")]
    assert ratios == ["−1.0 dB", "12.5 dB", "14.2 dB", "22.0 dB", "25.0 dB"]
    assert "10 layers" in section.text and "64 calibration images; 2 operators could not be compared." in section.text
    assert len(charts) == 2
    for chart in charts:
        assert sum(node.has("dot") for node in chart.all("circle")) == len(RATIOS) - 1
        assert sum(node.has("mark") for node in chart.all("path")) == 5
        assert sorted(node.text for node in chart.all("text") if node.has("label")) == ["1", "2", "3", "4", "5"]
    text = (out / "report.md").read_text()
    assert re.search(r"\| 1 \| block\S+ \| 1x1 convolution, linear, 7x7x9 \| −1.0 dB \|", text) and "<b>" not in text


def test_an_explanation_of_another_file_is_left_out_with_a_warning(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=explained(tmp_path, sha256="0" * 64))

    assert reports.read(out)["layer_noise"] is None
    assert "of another int8 file than that of the bundle, and is left out: run tlpipe explain" in (
        out / "report.md"
    ).read_text().replace("\n", " ")
    assert "Which layers int8 hurts" not in (out / "report.html").read_text() + (out / "report.md").read_text()


def test_a_bundle_without_an_explanation_has_no_such_section(tmp_path: Path) -> None:
    out = reports.write(tmp_path, bundle=reports.bundle(tmp_path))

    assert reports.read(out)["layer_noise"] is None
    assert not any(node.attributes.get("href") == "#layers" for node in reports.page(out).all("a"))
    assert "tlpipe explain" not in (out / "report.md").read_text()


def test_a_report_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    document = reports.read(reports.write(tmp_path, bundle=explained(tmp_path)))
    expected = summary(document, "report.json")
    del document["layer_noise"]

    jsonschema.validate(document, SCHEMA, cls=jsonschema.Draft202012Validator)
    assert summary(document, "report.json") == expected


@pytest.mark.parametrize("content", ["{", "[]", '{"schema": 1, "images": 0}', '{"schema": 2}'])
def test_a_damaged_explanation_is_named(tmp_path: Path, content: str) -> None:
    bundle = explained(tmp_path)
    (bundle / EXPLANATION).write_text(content)

    with pytest.raises(BadData, match=EXPLANATION):
        publish.of_paths([bundle], tmp_path / "out")


@pytest.mark.parametrize("ratios", [(None,), (20.0,), (20.0, 20.0), (-200.0, 200.0)])
@pytest.mark.parametrize("wide", [True, False])
def test_a_chart_of_few_layers_is_drawn(ratios: tuple[float | None, ...], *, wide: bool) -> None:
    layers = tuple(Layer("layer", "ADD", "NONE", None, (), ratio) for ratio in ratios)
    chart = noise.along_the_network(LayerNoise("a.tflite", "a" * 64, 1, layers, worst(layers), 0), wide=wide)

    assert bool(chart) is (ratios != (None,))
    assert "nan" not in chart and "inf" not in chart
