"""The contract in JSON: out and in again, from a newer workstation, and damaged in every way."""

import json
from typing import Any

import pytest

from tlpipe_edge import Bundle
from tlpipe_edge.contract import checksums, codec
from tlpipe_edge.contract.manifest import Manifest
from tlpipe_edge.errors import BadData

pytestmark = pytest.mark.arm64


@pytest.fixture
def document(drawn: Bundle) -> dict[str, Any]:
    """A real manifest as JSON, to change, as an earlier version wrote it: without a checksum of its own."""
    document = dict(json.loads(drawn.manifest.to_json()))
    del document[checksums.KEY]
    return document


def refusal(document: Any) -> str:
    with pytest.raises(BadData) as caught:
        Manifest.from_json(document if isinstance(document, str) else json.dumps(document), where="here")
    return str(caught.value)


def test_what_was_written_is_read(drawn: Bundle) -> None:
    text = drawn.manifest.to_json()

    assert Manifest.from_json(text) == drawn.manifest
    assert text.startswith('{\n  "schema": 1,')


def test_unknown_keys_are_ignored_at_every_depth(drawn: Bundle, document: dict[str, Any]) -> None:
    for part in (document, document["image"], document["artifacts"][0], document["provenance"]):
        part["of a later release"] = {"any": ["thing"]}

    assert Manifest.from_json(json.dumps(document)) == drawn.manifest


@pytest.mark.parametrize("schema", [0, 2, "1", None])
def test_an_unknown_schema_is_refused(document: dict[str, Any], schema: Any) -> None:
    said = refusal(document | {"schema": schema})

    assert said == f"here: schema {schema}, but this program reads schema 1\nUpgrade tlpipe-edge."


@pytest.mark.parametrize("text", ["", "{", '{"schema": 1', "[1]", "null", "{}", "\ud800", '"schema"'])
def test_what_is_no_manifest_is_refused(text: str) -> None:
    assert refusal(text).startswith("here: not ")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"labels": "jeans"}, "labels: 'jeans' is not valid (expected: a list)"),
        ({"labels": ["jeans", 7]}, "labels[1]: 7 is not valid (expected: a string)"),
        ({"labels": ["jeans"]}, "labels: ['jeans'] is not valid (expected: at least 2 items)"),
        ({"artifacts": []}, "artifacts: [] is not valid (expected: at least 1 items)"),
        ({"artifacts": [{"recipe": "int8"}]}, "artifacts[0]: no file, sha256, bytes, input, output"),
        ({"image": {"size": "96"}}, "image.size: '96' is not valid (expected: an integer)"),
        ({"image": {"size": True}}, "image.size: True is not valid (expected: an integer)"),
        ({"image": {"size": 10**9}}, "image.size: 1000000000 is not valid (expected: at most 4096)"),
        (
            {"image": {"size": 96, "crop": "squeeze"}},
            "image.crop: 'squeeze' is not valid (expected: one of",
        ),
        ({"provenance": None}, "provenance: None is not valid (expected: an object)"),
    ],
)
def test_a_field_that_does_not_fit_is_named(document: dict[str, Any], change: dict[str, Any], named: str) -> None:
    said = refusal(document | change)

    assert said.startswith(f"here: {named}")
    assert len(said.splitlines()) == 2


@pytest.mark.parametrize("name", ["x" * 5000, "x" * 256, "é" * 128, "a/b", "..", "", "a\0b", "\ud800"])
def test_a_name_that_no_file_has_is_refused(document: dict[str, Any], name: str) -> None:
    document["artifacts"][0]["file"] = name

    assert "artifacts[0].file: " in refusal(document)


@pytest.mark.parametrize("number", ["1" + "0" * 400, "-1e999", "NaN", "Infinity", "1" + "0" * 5000])
def test_a_number_that_no_float_holds_is_refused(document: dict[str, Any], number: str) -> None:
    document["artifacts"][0]["input"]["scale"] = "HERE"
    with pytest.raises(BadData) as refused:
        Manifest.from_json(json.dumps(document).replace('"HERE"', number), where="here")

    assert refused.value.what.startswith("here: not valid JSON (artifacts[0].input.scale: ")
    assert len(str(refused.value).splitlines()) == 2


@pytest.mark.parametrize(("start", "end"), [("[", "]"), ('{"":', "}")])
def test_a_value_of_any_depth_is_refused(document: dict[str, Any], start: str, end: str) -> None:
    """There are depths that the parser of JSON takes, and the writer of a message does not."""
    document["artifacts"][0]["input"]["dtype"] = "HERE"
    for depth in (*range(900, 1010), 100_000):
        said = refusal(json.dumps(document).replace('"HERE"', start * depth + "0" + end * depth))
        assert said.startswith(("here: artifacts[0].input.dtype: ", "here: not valid JSON ("))


def test_a_value_that_cannot_be_shown_is_refused() -> None:
    value: Any = 0
    for _ in range(200_000):
        value = [value]

    with pytest.raises(BadData, match="here: a deeply nested value is not valid"):
        codec.read(str, value, "here")


@pytest.mark.parametrize("stage", ["x" * 250, "../x", "", "a\0b"])
def test_a_stage_that_begins_no_file_name_is_refused(document: dict[str, Any], stage: str) -> None:
    document["provenance"]["stage"] = stage

    assert "provenance.stage: " in refusal(document)


def test_a_path_that_is_too_long_below_a_folder_is_refused(document: dict[str, Any]) -> None:
    document["provenance"]["keras_file"] = "x/" * 2040

    assert "provenance.keras_file: " in refusal(document)


@pytest.mark.parametrize("field", ["name", "labels", "image", "artifacts", "provenance"])
def test_a_field_that_is_missing_is_named(document: dict[str, Any], field: str) -> None:
    del document[field]

    assert refusal(document).startswith(f"here: no {field}\n")


def test_a_bundle_without_int8_has_no_calibration(document: dict[str, Any]) -> None:
    assert Manifest.from_json(json.dumps(document | {"calibration": None})).calibration is None
