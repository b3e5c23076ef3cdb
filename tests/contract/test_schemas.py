"""The JSON Schemas in the package are those of the dataclasses, and take what earlier versions wrote."""

import json
import sys
from importlib.resources import files
from pathlib import Path

import jsonschema
import pytest

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

ROOT = Path(__file__).parents[2]
BEFORE = ROOT / "tests/data/before_rooms"


def stored(name: str) -> str:
    return (files("tlpipe") / "schemas" / name).read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "document"),
    [("bench", "bench.json"), ("bench", "bench-edge.json"), ("evaluation", "bundle/evaluation.json")],
)
def test_a_schema_takes_what_version_0_1_0_wrote(name: str, document: str) -> None:
    schema = json.loads(stored(f"{name}.schema.json"))

    jsonschema.validate(json.loads((BEFORE / document).read_text()), schema)


@pytest.mark.parametrize(
    "name", ["bench.schema.json", "comparison.schema.json", "evaluation.schema.json", "report.schema.json"]
)
def test_a_schema_is_what_the_script_writes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import write_schemas

    assert json.loads(stored(name)) == write_schemas.schemas()[name], "run python scripts/write_schemas.py"
    jsonschema.Draft202012Validator.check_schema(json.loads(stored(name)))
