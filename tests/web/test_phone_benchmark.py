"""The benchmark that the page writes: what reads benchmarks takes it, and so did the schema before there was a page."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from javascript import needs_node, run

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

from tlpipe_edge.contract import benchmark
from tlpipe_edge.contract.benchmark import Bench

pytestmark = needs_node
ROOT = Path(__file__).parents[2]
SHA256 = "ab" * 32
SITE = {
    "name": "clothing",
    "recipe": "int8",
    "file": "clothing-int8.tflite",
    "sha256": SHA256,
    "bytes": 2_700_000,
    "labels": ["dress", "hat"],
    "image": {"size": 224, "crop": "letterbox"},
    "keras_sha256": None,
    "tlpipe": "0.1.0",
}
PIXEL = {
    "userAgent": "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/142.0.0.0 Mobile Safari/537.36",
    "hardwareConcurrency": 9,
    "hints": {"model": "Pixel 8", "platform": "Android", "platformVersion": "15.0.0"},
}
UNKNOWN = {"userAgent": "nobody"}
CALM = {"step": 0.1, "runs": [14.9, 15.0, 15.2, 15.1, 14.8, 15.3, 16.0], "milliseconds": 2000, "hidden": False}
COARSE = {"step": 100, "runs": [15.0], "milliseconds": 1000, "hidden": True}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """That of a calm phone with a fine clock, and of a hidden page in a browser that says nothing."""
    folder = tmp_path_factory.mktemp("benchmark")
    cases = [{"site": SITE, "navigator": PIXEL, **CALM}, {"site": SITE, "navigator": UNKNOWN, **COARSE}]
    (folder / "given.json").write_text(json.dumps(cases), "utf-8")
    run("benchmark.js", folder)
    return list(json.loads((folder / "found.json").read_text("utf-8")))


def read(document: dict[str, Any]) -> Bench:
    (found,) = benchmark.benches(document, "phone.json")
    return found


def test_the_schemas_of_today_and_of_before_accept_it(documents: list[dict[str, Any]]) -> None:
    for file in ("tests/data/before_web/bench.schema.json", "pipeline/tlpipe/schemas/bench.schema.json"):
        schema = json.loads((ROOT / file).read_text("utf-8"))
        for document in documents:
            jsonschema.validate(document, schema)


def test_a_calm_phone(documents: list[dict[str, Any]]) -> None:
    found = read(documents[0])
    (result,) = found.results
    assert found.valid and result.valid and not result.reasons
    assert found.device.title == "Pixel 8, Chrome 142 (browser)" and found.device.cores == 9
    assert found.device.browser is not None and found.device.browser.clock_ms == 0.1
    assert (result.threads, result.sha256, result.runtime) == (1, SHA256, "LiteRT.js")
    assert result.invoke_ms is not None and result.samples_ms is not None and result.batch_runs is not None
    samples = result.samples_ms["invoke"]
    assert samples is not None and len(samples) == result.invoke_ms.runs >= 30
    assert result.invoke_ms.p90 == pytest.approx(float(np.percentile(samples, 90)), rel=1e-12)
    assert result.invoke_ms.p50 == pytest.approx(15.1, rel=0.02) and result.batch_runs * 15 >= 50 * 0.1
    assert found.conditions.date == "2026-03-04T05:06:07+00:00" and not found.conditions.emulated


def test_what_is_unknown_is_said_and_what_is_invalid_too(documents: list[dict[str, Any]]) -> None:
    found = read(documents[1])
    (result,) = found.results
    assert not found.valid and not result.valid
    assert {reason.kind for reason in result.reasons} == {"too short", "the page was hidden"}
    assert {reason.scope for reason in found.reasons} == {"int8, 1 thread"}
    assert found.invalid_reasons == tuple(map(str, found.reasons))
    assert found.device.title == "a browser"
    assert found.device.board == found.device.cpu == found.device.os == "unknown" and found.device.cores == 1
    assert "null" not in json.dumps(documents[1]["device"])
