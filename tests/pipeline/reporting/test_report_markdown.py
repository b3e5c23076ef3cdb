"""The report as Markdown: easy to read as it is, and one word for what nobody measured."""

from pathlib import Path

import benches
import pytest
import reports

WORKSTATION = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
REASON = "disturbed: other processes used 1.12 of 2 cores"


@pytest.mark.parametrize(
    "documents",
    [
        [WORKSTATION],
        [benches.document(keras=False), WORKSTATION],
        [benches.emulated(WORKSTATION)],
        [benches.invalid(WORKSTATION, REASON, rows=range(8))],
        [],
    ],
    ids=["one", "two", "emulated", "invalid", "bundle"],
)
def test_paragraphs_are_one_line_apart(tmp_path: Path, documents: list[benches.Document]) -> None:
    bundle = None if documents else reports.bundle(tmp_path)
    text = (reports.write(tmp_path, *documents, bundle=bundle) / "report.md").read_text()

    assert "\n\n\n" not in text and "\n \n" not in text
    for line, after in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        assert not (line.startswith("#") and after), line
        assert not (after.startswith("#") and line), line


def test_what_is_unknown_is_called_so_in_a_text_and_is_a_dash_in_a_table(tmp_path: Path) -> None:
    document = benches.document(keras=False)
    nothing = {"before": None, "after": None}
    document["conditions"] |= {"frequency_mhz": nothing, "temperature_c": {"before": None, "after": 51.2}}
    document["conditions"] |= {"throttling": nothing, "load_average": nothing}
    for result in document["results"]:
        result |= {"runtime": None, "runtime_version": None, "delegate": None, "throughput_per_s": None}
    out = reports.write(tmp_path, document)
    text, page = (out / "report.md").read_text(), reports.page(out)

    conditions = text[text.index("## Conditions") :]
    for head in ("frequency: unknown;", "temperature: unknown before, 51.2 °C after\n", "throttling: unknown\n"):
        assert f"- {head}" in conditions
    assert "- load: unknown\n" in conditions and "- runtime: unknown\n" in conditions and "–" not in conditions
    facts = next(node for node in page.all("dl") if node.has("facts"))
    assert [fact.text[:7] for fact in facts.all("dd")].count("unknown") == 5 and "–" not in facts.text
    table = next(line for line in text.splitlines() if line.startswith("| int8 "))
    assert "| – |" in table and "unknown" not in table


def test_a_reading_that_is_unknown_before_and_after_is_unknown_once(tmp_path: Path) -> None:
    document = benches.document()
    readings = ("frequency_mhz", "temperature_c", "load_average")
    document["conditions"] |= {reading: {"before": None, "after": None} for reading in readings}
    out = reports.write(tmp_path, document)

    for text in ((out / "report.md").read_text(), reports.page(out).text):
        assert "unknown before" not in text and "unknown" in text
