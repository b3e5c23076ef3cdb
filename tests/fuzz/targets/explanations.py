"""explanation.json of a bundle: read, shown in a notebook and in a chart, and written again."""

import json
from dataclasses import replace
from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.cli.explain_command import render
from tlpipe.reporting.charts import noise
from tlpipe.reporting.document import LayerNoise
from tlpipe_edge.contract import explanation
from tlpipe_edge.contract.explanation import Explanation, Layer
from tlpipe_edge.contract.files import load_json

LAYERS = (
    Layer("Conv1", "CONV_2D", "RELU6", (3, 3), (32, 32, 16), 41.5),
    Layer("block_2_add", "ADD", "NONE", None, (32, 32, 8), None),
    Layer("head", "FULLY_CONNECTED", "NONE", None, (3,), -20.0),
)


def prepare(folder: Path) -> Fuzzed:
    file = folder / "explanation.json"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        found = explanation.explanation(load_json(file), str(file))
        found._repr_html_()
        render(found, width=80)
        worst = explanation.worst(found.layers)
        unnamed = tuple(replace(layer, name="", operator="", activation="") for layer in found.layers)
        shown = LayerNoise("a.tflite", "", found.images, unnamed, worst, found.uncompared)
        assert "nan" not in noise.along_the_network(shown, wide=True)
        assert explanation.explanation(json.loads(found.to_json()), "again") == found

    seed = Explanation("a-int8.tflite", "a" * 64, "b" * 64, 20, LAYERS, 1, ("PAD 1x66x66x3 (only int8)",))
    return Fuzzed(read, [seed.to_json().encode()], mutations.sealed(mutations.values))
