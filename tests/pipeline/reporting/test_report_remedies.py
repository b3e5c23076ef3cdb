"""The remedies of an export with limits, in the report: what each cost and gained, and which one is used."""

import json
from pathlib import Path
from typing import Any

import pytest
import reports

ATTEMPTS = [
    {"remedy": name, "top1": top1, "agreement": agreement, "mean_probability_difference": distance, "seconds": seconds}
    for name, top1, agreement, distance, seconds in (
        ("converter alone", 0.87, 0.978, 0.0052, 13.2),
        ("corrected biases", 0.88, 0.993, 0.0026, 12.1),
        ("rounded kernels", 0.884, 0.9965, 0.0023, 18.9),
    )
]


def report(folder: Path, **changes: Any) -> Path:
    """Of a bundle whose int8 file came about so."""
    made = {"images": 341, "keras_top1": 0.885, "attempts": ATTEMPTS, "used": "rounded kernels", "failures": []}
    bundle = reports.bundle(folder)
    manifest = json.loads((bundle / "manifest.json").read_text())
    manifest["artifacts"][0]["quantization"] = made | changes
    (bundle / "manifest.json").write_text(json.dumps(manifest))
    return reports.write(folder, bundle=bundle)


LIMITS = {"max_drop": 0.01, "min_agreement": 0.995}
BUDGET = "Limits: top-1 at most 1 point below Keras and agreement at least 99.5 %. One validation image of 341 is 0.3"


@pytest.mark.parametrize(
    ("failures", "said"),
    [
        ([], "That of rounded kernels is within them. The converter alone is for comparison."),
        (
            ["top-1 88.4 % is 1.1 points below Keras"],
            "No file is within them, and that of rounded kernels is nearest to Keras:",
        ),
    ],
)
def test_what_was_tried_and_what_is_used(tmp_path: Path, failures: list[str], said: str) -> None:
    out = report(tmp_path, limits=LIMITS, failures=failures)
    page = reports.page(out)
    (section,) = (node for node in page.all() if node.attributes.get("id") == "remedies-1")
    rows = [[cell.text for cell in row.all() if cell.tag in ("th", "td")] for row in section.all("tr")]
    text = (out / "report.md").read_text()

    assert BUDGET in section.text and said in section.text and all(failure in section.text for failure in failures)
    assert [row[0] for row in rows] == ["Remedy", "converter alone", "corrected biases", "rounded kernels used"]
    assert rows[1][1:] == ["97.8 %", "0.0052", "87.0 %", "13 s"]
    assert BUDGET in text and said in text
    assert "| rounded kernels (used) | 99.7 % | 0.0023 | 88.4 % | 19 s |" in text
    assert reports.read(out)["origin"]["quantization"]["int8"]["limits"] == LIMITS


def test_why_no_remedy_could_be_tried(tmp_path: Path) -> None:
    out = report(tmp_path, attempts=ATTEMPTS[:1], used="converter alone", left_out="conv: no rule for tanh")

    assert "No remedy could be tried: conv: no rule for tanh." in (out / "report.md").read_text()


def test_nothing_is_said_where_nothing_was_asked_for(tmp_path: Path) -> None:
    out = report(tmp_path, attempts=ATTEMPTS[2:])

    assert "Rounding errors" not in (out / "report.html").read_text() + (out / "report.md").read_text()
