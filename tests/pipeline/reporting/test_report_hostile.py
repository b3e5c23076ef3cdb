"""Labels, file names and devices that try to be more than names stay names: in the page, Markdown, CSV and terminal."""

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from markdown_it import MarkdownIt

from tlpipe.reporting.render import sheet
from tlpipe.storage.escaping import inert
from tlpipe_edge.console.text import printable

Command = Callable[..., Any]

HOSTILE = (
    "<img src=x onerror=document.title='owned'>",
    "{{7*7}}{% for a in b %}",
    "</script></style></title><script>document.title='owned'</script>",
    "\x1b[31mred\x1b[0m\x07\x9b2J",
    "annexe\u202egpj.exe",
    "[/] [bold]rich[/bold] [link=http://evil.example]x[/link]",
    "=cmd|' /C calc'!A0",
    "[x](javascript:alert(1)) ![y](http://evil.example/p.png) <http://evil.example>",
    "a|b `c` *d* __e__ # f ~~g~~ $h$ &lt;i&gt; \\| http://evil.example www.evil.example",
    "\" onmouseover='document.title=1' x=\"",
)
"""As many as the benches have classes."""

INNOCENT = {"\n", " "}


def hostile(folder: Path, bundle: Path | None = None) -> Path:
    """A report in which all that comes from outside is hostile."""
    document = benches.document(
        labels=HOSTILE, board=" ".join((HOSTILE[0], *HOSTILE[3:6])), address=HOSTILE[2], threads=(1, 2)
    )
    every = " ".join(HOSTILE)
    for result in document["results"]:
        result |= {"runtime": HOSTILE[0], "runtime_version": HOSTILE[1], "delegate": HOSTILE[2], "file": HOSTILE[6]}
        result |= {"recipe": f"{HOSTILE[0]} {result['recipe']}"}
        for number, each in enumerate(result["disagreements"]):
            each["file"] = f"/photos/{HOSTILE[number % len(HOSTILE)].replace('/', '')}.jpg"
            each["image"] = HOSTILE[number]
    document["model"] |= {"name": every, "image": {"size": 224, "crop": "letterbox"}}
    document["device"] |= dict.fromkeys(("cpu", "machine", "os", "kernel"), every)
    versions = dict(zip(HOSTILE, HOSTILE, strict=True))
    conditions = {"date": HOSTILE[2], "command": every, "python": every, "versions": versions, "governor": every}
    document["conditions"] |= conditions | {"throttling": {"before": None, "after": list(HOSTILE)}}
    document["images"] |= {"name": every, "failed": [{"file": each, "reason": each} for each in HOSTILE]}
    document["keras"] |= {"versions": versions, "valid": False, "invalid_reasons": list(HOSTILE)}
    for result in document["results"][:3]:
        result |= {"valid": False, "invalid_reasons": list(HOSTILE)}
    document["skipped"] = [{"recipe": each, "reason": each} for each in HOSTILE]
    return reports.write(folder, document | {"valid": False, "invalid_reasons": list(HOSTILE)}, bundle=bundle)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hostile report. To look at only."""
    return hostile(tmp_path_factory.mktemp("hostile"))


def test_the_page_has_our_elements_only(out: Path) -> None:
    page = reports.page(out)
    harmless = reports.page(reports.write(out.parent, benches.document(threads=(1, 2)), name="harmless"))

    assert {node.tag for node in page.all()} <= {node.tag for node in harmless.all()} | {"aside", "small", "li", "p"}
    for node in page.all():
        assert not [name for name in node.attributes if name.startswith("on")], node.attributes
        assert node.tag not in ("script", "img", "iframe", "link", "object", "form")
        for name in ("href", "src"):
            assert (node.attributes.get(name) or "#").startswith("#")
    assert (
        page.text.count(HOSTILE[0]) > 10
        and HOSTILE[1] in page.text
        and "49" not in page.text.split("Class by")[0][:200]
    )


def test_every_label_is_shown_as_it_is(out: Path) -> None:
    page = reports.page(out)
    table = next(table for table in page.all("table") if table.has("sticky") and "Images" in table.text)

    shown = [row.text.strip() for row in table.all("tbody") for row in row.all("bdi")]
    assert shown == [printable(label) for label in HOSTILE]


@pytest.mark.parametrize("name", ["report.html", "report.md", "report.csv", "report.json"])
def test_no_file_has_control_or_bidirectional_characters(out: Path, name: str) -> None:
    text = (out / name).read_bytes().decode("utf-8")

    assert {character for character in text if printable(character) != character} <= {"\n", "\r"}


def test_markdown_stays_text(out: Path) -> None:
    """What a renderer makes of it, with HTML, tables, strikethrough and autolinks on: our elements, and their words."""
    renderer = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
    text = (out / "report.md").read_text("utf-8")
    page = reports.Page(renderer.render(text)).root

    tags = {node.tag for node in page.all()}
    assert tags <= {*("h1", "h2", "h3", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td")}
    assert all(set(node.attributes) <= {"style"} for node in page.all())
    shown = page.text
    for label in HOSTILE:
        assert printable(label) in shown, label
    assert not re.search(r"://|www\.", text)  # GitHub makes links of these without any brackets


@pytest.mark.parametrize(
    "text",
    ["x86_64", "t-shirt", "Debian 12 (bookworm)", "R&D", "C++", "a_b__c", "2026-11-24T13:47:10+00:00", "ok!", "C#"],
)
def test_a_harmless_text_is_itself_in_markdown(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("_a_", "__a__", "a_ _b", "_(a)_", "é_e_", "# a", "a #", "## ##", "- a", "+ a", "&lt;b&gt;", "&#65;"),
        *("![a](b)", "~~a~~", "<b>", "`a`", "*a*"),
    ],
)
def test_what_would_be_markup_is_text_in_markdown(text: str) -> None:
    renderer = MarkdownIt("gfm-like", {"html": True, "linkify": False}).enable(["table", "strikethrough"])
    for line, tag in ((f"before {inert(text)}", "p"), (f"### {inert(text)}", "h3"), (f"- {inert(text)}", "li")):
        page = reports.Page(renderer.render(line)).root

        assert {node.tag for node in page.all()} - {"ul"} == {tag} and text in page.text


def test_each_table_of_the_markdown_has_its_columns(out: Path) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", (out / "report.md").read_text("utf-8"), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) for line in table.splitlines()}) == 1, table


def test_no_cell_of_the_csv_is_a_formula(out: Path) -> None:
    text = (out / "report.csv").read_bytes().decode("utf-8")
    cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]

    assert f"'{HOSTILE[6]}" in cells
    for cell in cells:
        number = re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", cell)
        assert number or not cell.lstrip().startswith(("=", "+", "-", "@", "|", "%", "\t", "\r")), cell


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", " =1", "＝1", "\t=1", "\r=1", "%a", "|a"])
def test_a_cell_that_could_be_a_formula_is_text(cell: str) -> None:
    assert str(sheet._written(cell)).startswith(("'", "\\"))


def test_numbers_and_words_are_not_changed() -> None:
    assert [sheet._written(cell) for cell in (-0.5, 3, None, True, "int8, 1 thread", "a=b")] == [
        *(-0.5, 3, None, True, "int8, 1 thread", "a=b"),
    ]


def test_the_terminal_gets_text(tlpipe: Command, out: Path) -> None:
    bench = out.parent / "out-0.json"
    done = tlpipe("report", bench, "--out", "out")

    assert done.code == 0
    lines = done.stdout.splitlines()
    assert HOSTILE[0] in lines[0] and all(line.startswith("! ") for line in lines[1:-1])
    assert "\x1b" not in done.stdout and "\u202e" not in done.stdout
    assert all(printable(hostile) in lines[0] for hostile in HOSTILE[3:6])


def test_a_hostile_file_name_stays_inert_in_an_error(tlpipe: Command, tmp_path: Path) -> None:
    name = "\x1b[31m[b]\u202e.json"
    (tmp_path / name).write_text(json.dumps({"schema": 1, "benches": [7]}))
    done = tlpipe("report", name, "--out", "out")

    assert done.code == 65 and "\\x1b[31m[b]\\u202e.json: schema None" in done.stderr
    assert "\x1b" not in done.stderr and "\u202e" not in done.stderr
