"""A phone that measured itself in a browser stands in the same table as other devices, and is marked."""

import json
from pathlib import Path
from typing import Any

import benches
import compared
import pytest
import reports
from compared import compare, images, notes

CHROME = "Pixel 8, Chrome 142 (browser)"
NOT_MEASURED = (
    "end_to_end_ms",
    "stages_ms",
    "cold_start_ms",
    "peak_memory_mb",
    "throughput_per_s",
    "top1",
    "agreement",
)


def phone(document: benches.Document, *, browser: str = "Chrome") -> benches.Document:
    """What the page of a phone writes: one file, the latency of the network alone, and little of the machine."""
    result = {key: value for key, value in document["results"][-1].items() if key not in NOT_MEASURED}
    result |= {"runtime": "LiteRT.js", "runtime_version": "2.5.3", "delegate": None, "batch_runs": 5}
    result["samples_ms"] = {"invoke": result["samples_ms"]["invoke"]}
    device = {"board": "Pixel 8", "cpu": "unknown", "cores": 9, "machine": "aarch64", "bits": 32, "os": "Android 15"}
    named = {"name": browser, "version": "142.0.7444.48", "clock_ms": 0.1}
    conditions = {"date": "2026-11-27T10:00:00+00:00", "emulated": False, "versions": {"LiteRT.js": "2.5.3"}}
    kept = {key: document[key] for key in ("schema", "model", "valid", "invalid_reasons")}
    return kept | {
        "device": device | {"kernel": "unknown", "browser": named},
        "conditions": conditions,
        "results": [result],
    }


def test_the_same_table(tmp_path: Path) -> None:
    pi = benches.document()
    folder = reports.write(tmp_path, pi, phone(pi))
    document = reports.read(folder)

    assert [group["name"] for group in document["groups"]] == [pi["device"]["board"], CHROME]
    page = reports.page(folder)
    assert "each sample is the mean of several runs, so slow single runs do not show in p90 and p99" in page.text
    assert CHROME in page.text and "whose clock counts steps of 0.1" in page.text
    words = "".join(page.text.split())
    assert "VersionsLiteRT.js2.5.3" in words, words[words.index("Versions") :][:200]
    text = (folder / "report.md").read_text("utf-8")
    assert f"### {CHROME}\n" in text and "each sample is the mean of several runs" in text
    assert f"{document['groups'][1]['rows'][0]['invoke_ms']['p50']:.2f} ms" in text


def test_a_phone_alone(tmp_path: Path) -> None:
    document = reports.read(reports.write(tmp_path, phone(benches.document())))
    assert [group["name"] for group in document["groups"]] == [CHROME]


def _measured(bundle: Path, name: str, browser: str, **options: Any) -> Path:
    file = bundle.parent / f"{name}.json"
    file.write_text(json.dumps(phone(compared.bench(bundle, **options), browser=browser)))
    return file


def test_latencies_are_compared_in_the_same_browser(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    before = _measured(old, "before", "Chrome")
    same = compare([new, _measured(new, "chrome", "Chrome", slower=0.5)], [old, before])
    assert [(each["device"], round(each["ratio"], 2)) for each in same["latencies"]] == [(CHROME, 0.5)]

    other = compare([new, _measured(new, "firefox", "Firefox", slower=0.5)], [old, before], out="other")
    assert other["latencies"] == [] and any("is not compared" in note for note in notes(other))


@pytest.mark.parametrize(("board", "os"), [("unknown", "Android 15"), ("iPhone", "iOS 19.1")])
def test_phones_whose_model_is_unknown_are_not_compared(tmp_path: Path, board: str, os: str) -> None:
    """Two of them may be different phones."""
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    files = [_measured(old, "before", "Safari"), _measured(new, "after", "Safari", slower=0.5)]
    for file in files:
        document = json.loads(file.read_text())
        file.write_text(json.dumps(document | {"device": document["device"] | {"board": board, "os": os}}))

    found = compare([new, files[1]], [old, files[0]])
    assert found["latencies"] == []
    (note,) = {note.partition(": ")[2] for note in notes(found) if "is not compared" in note}
    assert note == "its browser does not say which device it is"


def test_another_system_is_another_device(tmp_path: Path) -> None:
    old, new = (compared.bundle(tmp_path / name, images(300), {"int8": range(3)}) for name in ("old", "new"))
    before, after = _measured(old, "before", "Chrome"), _measured(new, "after", "Chrome", slower=0.5)
    document = json.loads(after.read_text())
    after.write_text(json.dumps(document | {"device": document["device"] | {"os": "Linux"}}))
    assert compare([new, after], [old, before])["latencies"] == []
