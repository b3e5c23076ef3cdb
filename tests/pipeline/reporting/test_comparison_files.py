"""The files of a comparison, and what it is made from: reports, the command, and Python."""

import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import benches
import compared
import jsonschema
import pytest
import reports
from compared import compare, images

from tlpipe.reporting import publish
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

Command = Callable[..., Any]
NO_TIME = dict.fromkeys(("p50", "p90", "p95", "p99", "mean", "std", "min", "max"), 0.0) | {"runs": 400}


def test_two_reports_are_compared_unpaired(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    publish.of_paths([old, compared.bench_file(old)], tmp_path / "old-report")
    publish.of_paths([new, compared.bench_file(new, slower=0.5)], tmp_path / "new-report")
    document = compare(tmp_path / "new-report" / "report.json", tmp_path / "old-report")

    assert [each["ratio"] for each in document["latencies"]] == [pytest.approx(0.5, rel=0.02)]
    assert document["files"][0]["accuracy"]["new"]["top1"] == 281 / 300
    assert document["verdict"]["text"].endswith(
        "Unpaired: OLD is a report, which has no per-image predictions: name its bundle; NEW is a report, which has no "
        "per-image predictions: name its bundle."
    )
    with pytest.raises(WrongUsage, match="a report is compared alone"):
        compare([tmp_path / "new-report", new], old, out="other")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("schema",), 2, "schema 2"),
        (("verdict", "choices", 0, "row"), 9, r"verdict\.choices\[0\]: no such row"),
        (("verdict", "choices"), [], "at least 1 items"),
        (("groups", 0, "rows", 0, "bytes"), 0, r"groups\[0\]\.rows\[0\]\.bytes: 0 is not valid"),
        (("groups", 1, "rows", 0, "accuracy", "top1"), 1e300, r"accuracy\.top1: 1e\+300 is not valid"),
        (("groups", 0, "rows", 0, "invoke_ms"), NO_TIME, "invoke_ms: the median latency is 0"),
        (("groups", 0, "rows"), [], "at least 1 items"),
        (("model", "labels"), ["cat", "cat"], "a label occurs twice"),
    ],
)
def test_a_damaged_report_is_named(
    old: Path, tmp_path: Path, path: tuple[str | int, ...], value: Any, said: str
) -> None:
    publish.of_paths([old, compared.bench_file(old)], tmp_path / "report")
    file = tmp_path / "report" / "report.json"
    document = json.loads(file.read_text())
    inner = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file.write_text(json.dumps(document))

    with pytest.raises(BadData, match=rf"report\.json: .*{said}"):
        compare(old, file)


def test_the_command_prints_the_verdict_first_and_a_table(old: Path, tmp_path: Path, tlpipe: Command) -> None:
    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34), "float16": range(28)})
    done = tlpipe("report", "new", compared.bench_file(new), "--against", old, "--out", "reports/new")
    lines = done.stdout.splitlines()

    assert done.code == 0, done.stderr
    assert lines[0].startswith("Better accuracy: top-1 of int8 90.0 % → 93.7 %")
    assert [line.split()[0] for line in lines if line.startswith(("int8", "float16", "Keras"))] == [
        *("int8", "float16", "Keras"),
    ]
    assert lines[-1] == "reports/new/comparison.html" and (tmp_path / lines[-1]).is_file()
    again = tlpipe("report", "new", "--against", old, "--out", "reports/new")
    assert again.code == 2 and "exists already" in again.stderr
    assert tlpipe("report", "new", "--against", old, "--out", "reports/new", "--overwrite").code == 0
    assert tlpipe("report", "new", "--against", "gone", "--out", "other").code == 66


def test_files_agree_with_the_document_and_its_schema(old: Path, tmp_path: Path) -> None:
    new = compared.bundle(tmp_path / "new", images(305), {"int8": range(15, 34), "dynamic": range(2)})
    document = compare([new, compared.bench_file(new)], [old, compared.bench_file(old)])
    jsonschema.validate(document, json.loads((files("tlpipe") / "schemas/comparison.schema.json").read_text()))
    page = reports.Page((tmp_path / "out/comparison.html").read_text("utf-8")).root
    markdown = (tmp_path / "out/comparison.md").read_text("utf-8")

    assert {float(str(node.attributes["value"])) for node in page.all("data")} <= reports.numbers(document)
    for shown in (" ".join(page.text.split()), markdown):
        assert document["verdict"]["text"].split(":")[0] in shown
    for table in markdown.split("\n\n"):
        if table.startswith("|"):
            assert len({line.count("|") for line in table.splitlines()}) == 1, table


def test_text_from_outside_stays_text(tmp_path: Path) -> None:
    labels = ("<b>a</b>", "|b|", "\x1b[31mc")
    wrong: dict[str, range] = {"int8": range(30)}
    old = compared.bundle(tmp_path / "old", images(300, labels=labels), wrong, labels=labels)
    new = compared.bundle(tmp_path / "<i>new", images(300, labels=labels), {"int8": range(3)}, labels=labels)
    compare(new, old)
    html, markdown = ((tmp_path / "out" / f"comparison.{end}").read_text("utf-8") for end in ("html", "md"))

    assert "<b>a</b>" not in html + markdown and "<i>new" not in html + markdown
    assert "\x1b" not in html + markdown and "&lt;b&gt;a&lt;/b&gt;" in html


def test_from_python(old: Path, tmp_path: Path) -> None:
    import tlpipe

    new = compared.bundle(tmp_path / "new", images(300), {"int8": range(15, 34)})
    sides = [[tlpipe.Bundle.open(each), benches.bench(compared.bench(each))] for each in (new, old)]
    found = tlpipe.compare(*sides, out=tmp_path / "out")

    assert found.verdict.text in found._repr_html_() and found.latencies[0].ratio == pytest.approx(1.0)
    with pytest.raises(MissingInput):
        tlpipe.compare(new, tmp_path / "gone", out=tmp_path / "other")
