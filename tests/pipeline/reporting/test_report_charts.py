"""The charts of the page: drawn from report.json, with names near their marks, and what is said of them true."""

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import benches
import numpy as np
import pytest
import reports
from markupsafe import Markup
from reports import changed

from tlpipe.reporting.charts import label_placement, scatter, svg
from tlpipe.reporting.charts.axes import Box

REASON = "disturbed: other processes used 1.12 of 2 cores"


def test_stages_are_as_long_as_their_means(tmp_path: Path) -> None:
    """The bars of the stages are as long as the means say."""
    out = reports.write(tmp_path, benches.document())
    rows = reports.read(out)["groups"][0]["rows"]
    page = reports.page(out)
    longest = max(sum(stage["mean"] for stage in row["stages_ms"].values()) for row in rows)
    bars = [node for node in page.all("div") if node.has("bar")]
    for bar, row in zip(bars, rows, strict=True):
        shares = [float(re.findall(r"width:([\d.]+)%", str(part.attributes["style"]))[0]) for part in bar.all("span")]
        wanted = [100 * stage["mean"] / longest for stage in row["stages_ms"].values()]
        assert shares == pytest.approx(wanted, abs=0.006)


@pytest.mark.parametrize("outliers", [0, 6, 30], ids=["none", "six in a hundred", "thirty in a hundred"])
def test_the_axis_of_a_distribution_shows_its_body(tmp_path: Path, outliers: int) -> None:
    """Marks are at their percentiles, and what lies beyond the axis has an arrow in the list and no mark."""
    document = benches.document(recipes=("float32", "int8"), keras=False)
    runs = np.concatenate([np.linspace(9, 11, 400 - 4 * outliers), np.full(4 * outliers, 500.0)])
    slow = {"samples_ms": {"invoke": runs.tolist()}, "invoke_ms": benches.latency(runs)}
    out = reports.write(tmp_path, changed(document, 0, **slow))
    rows = reports.read(out)["groups"][0]["rows"]
    reach = [row["quantiles_ms"]["invoke"] for row in rows]
    end = max(min(1.06 * each[99], 1.5 * each[90]) for each in reach)
    assert (end < 20) is (outliers < 10)  # where a tenth are slow, they are no outliers

    page = reports.page(out)
    lists = [node for node in page.all("ol") if node.has("strips")]
    strips = [node for node in lists[0].all("li") if not node.has("heads") and not node.has("ticks")]
    assert len(strips) == len(rows)
    for strip, row in zip(strips, rows, strict=True):
        for name, shown in zip(("p50", "p90", "p99", "max"), strip.all("dd"), strict=True):
            value = row["invoke_ms"][name]
            lines = [float(line.attributes["x1"] or "") for line in strip.all("line") if line.has(name)]
            assert ("→" in shown.text) is (value > end)
            wanted = [] if value > end or name == "max" else [1000 * value / end]
            assert lines == pytest.approx(wanted, abs=0.06)


@pytest.mark.parametrize(
    ("frame", "across"),
    [
        (Box(44, 10, 340, 328), (94, 152, 153, 154, 216, 217, 247, 277, 286)),
        (Box(48, 10, 848, 328), (193, 360, 363, 366, 546, 549, 634, 722, 748)),
    ],
    ids=["phone", "desktop"],
)
def test_a_name_is_near_its_mark_and_over_no_other(frame: Box, across: tuple[float, ...]) -> None:
    """Nine marks side by side, as of four files at two numbers of threads, all right equally often, and of Keras."""
    names = [f"{recipe}, {count} threads" for recipe in benches.SIZES for count in (1, 2)] + ["Keras, compiled"]
    marks = [(at, 140.0) for at in across]
    whiskers = [Box(at, 40, at, 300) for at in across]
    drawn = Markup("").join(
        label_placement.placed_labels(marks, [(name, "") for name in names], frame, lines=whiskers, size=12)
    )

    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)<', drawn)
    assert [text for *_, text in found] == names
    boxes = [Box(float(x), float(y) - 10, float(x) + svg.width(text, 12), float(y) + 2) for x, y, text in found]
    for box, mark in zip(boxes, marks, strict=True):
        assert box.within(frame) and box.distance(*mark) < 60
    assert not any(one.overlap(other) for one, other in combinations(boxes, 2))


def test_the_front_is_spoken_of_where_there_is_one(tmp_path: Path) -> None:
    bench = benches.document()
    texts = []
    for name, rows in (("with", [1]), ("without", range(4))):
        page = reports.page(reports.write(tmp_path, benches.invalid(bench, REASON, rows=rows), name=name))
        assert any(path.has("pareto") for path in page.all("path")) is (name == "with")
        texts.append(page.text)

    assert "The dashed line is the Pareto front" in texts[0] and "There is no valid latency" not in texts[0]
    assert "The dashed line" not in texts[1] and "There is no valid latency" in texts[1]


def test_without_accuracy_there_is_no_chart_of_it(tmp_path: Path) -> None:
    unlabelled = benches.document(keras=False, recipes=("int8",))
    nothing = dict.fromkeys(("top1", "top1_interval", "per_class", "confusion", "disagreements"))
    page = reports.page(reports.write(tmp_path, changed(unlabelled, 0, **nothing)))

    assert "front" not in {node.attributes.get("id") for node in page.all()}
    assert "#front" not in {link.attributes["href"] for link in page.all("a")}


@pytest.mark.parametrize("threads", [(1,), (1, 2)])
def test_no_name_is_written_across_the_front(tmp_path: Path, threads: tuple[int, ...]) -> None:
    document = benches.document(threads=threads, slower=0.4)
    charts = [node for node in reports.page(reports.write(tmp_path, document)).all("svg") if node.has("chart")]
    for chart, size in ((next(filter(lambda each: each.has("wide"), charts)), 13), (charts[1], 12)):
        lines = [re.findall(r"[\d.]+", node.attributes["d"] or "") for node in chart.all("path") if node.has("pareto")]
        assert lines
        for name in (node for node in chart.all("text") if node.has("label")):
            left, base = float(name.attributes["x"] or ""), float(name.attributes["y"] or "")
            box = Box(left, base - 9, left + svg.width(name.text, size), base)
            for x1, y1, x2, y2 in (map(float, line) for line in lines):
                assert not box.overlap(Box(x1 - 1, min(y1, y2) - 1, x2 + 1, max(y1, y2) + 1)), name.text


def test_kinds_of_marks_differ_by_shape() -> None:
    drawn = {kind: scatter.mark(kind) for kind in ("chosen", "front", "keras", "invalid")}

    assert len(set(drawn.values())) == 4 and "a" not in drawn["chosen"]  # a star, the others on the front are dots


@pytest.mark.parametrize(("valid", "fastest"), [(range(4), True), ([3], False), ([], False)])
def test_fastest_is_a_word_where_several_were_timed(tmp_path: Path, valid: Sequence[int], fastest: bool) -> None:
    rows = [number for number in range(4) if number not in valid]
    document = benches.invalid(benches.document(), REASON, rows=rows) if rows else benches.document()
    page = reports.page(reports.write(tmp_path, document))

    (note,) = [node.text for node in page.all("p") if node.text.startswith("The recommended file is the ")]
    assert ("fastest" in note) is fastest


def test_of_many_classes_the_page_shows_the_most_confused(tmp_path: Path) -> None:
    """The cells are those of the document, a row adds up to the images of its class, and Markdown folds its table."""
    labels = tuple(f"species {number}" for number in range(60))
    out = reports.write(tmp_path, benches.document(labels=labels, wrong=0.3, images=600))
    document = reports.read(out)
    (int8,) = (row for row in document["groups"][0]["rows"] if row["recipe"] == "int8")
    matrix = next(table for table in reports.page(out).all("table") if table.has("matrix"))
    rows = [*next(matrix.all("tbody")).all("tr")]
    named = [next(row.all("th")).text for row in rows]
    heads = [node.text for node in next(matrix.all("thead")).all("th")]

    assert len(named) == 15 and heads == [*named, "all other classes"]
    for row, label in zip(rows, named, strict=True):
        counts = int8["accuracy"]["confusion"][labels.index(label)]
        *cells, others = (int(cell.text or "0") for cell in row.all("td"))
        assert cells == [counts[labels.index(other)] for other in named]
        assert sum(cells) + others == int8["accuracy"]["per_class"][labels.index(label)]["images"]
    which = "60 classes, those with the lowest top-1 of any file or Keras first"
    assert f"<summary>{which}</summary>\n\n| class |" in (out / "report.md").read_text()


def test_epochs_are_numbered_through_both_stages(tmp_path: Path) -> None:
    """Each stage of the bundle of the tests has four epochs after the state before it."""
    out = reports.write(tmp_path, bundle=reports.bundle(tmp_path))
    frozen, finetuned = reports.read(out)["training"]
    assert [(each["epochs_before"], each["best"], each["kept"]) for each in (frozen, finetuned)] == [
        (0, 3, 3),
        (4, 2, 6),
    ]
    (section,) = [node for node in reports.page(out).all() if node.attributes.get("id") == "training"]
    assert "on validation at epoch 3." in section.text and "on validation at epoch 6." in section.text

    accuracy, _ = (node for node in section.all("svg") if node.has("chart"))
    ticks = [node.text for node in accuracy.all("text") if node.has("tick")]
    assert "axis from 40 %" in ticks and "0 %" not in ticks  # it begins again with 40 % before fine-tuning
    (stage,) = [node for node in accuracy.all("line") if node.has("stage")]
    (name,) = [node for node in accuracy.all("text") if node.text == "fine-tuning"]
    assert float(name.attributes["y"] or "") < float(stage.attributes["y1"] or "")  # above all curves


def test_a_class_and_its_score_do_not_run_together(tmp_path: Path) -> None:
    out = reports.write(tmp_path, benches.document(labels=tuple("0123456789")))
    card = next(node for node in reports.page(out).all("li") if node.has("card"))

    assert re.search(r"Keras: “\d” \(\d+ %\)", card.text) and re.search(r"dynamic: “\d” \(\d+ %\)", card.text)
    assert re.search(r"\| \d \(\d+ %\) \| int8 \| \d \(\d+ %\) \|", (out / "report.md").read_text())
