"""What a person says of a report stands at its head: the title, the purpose, the author and the date of the data."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import benches
import pytest
import reports
from reports import NO_BREAK

from tlpipe.reporting import publish
from tlpipe.reporting.about import MAX_LINE, MAX_PURPOSE, About
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]


def written(folder: Path, about: About) -> Path:
    file = benches_file(folder)
    publish.of_paths([file], folder / "out", about=about)
    return folder / "out"


def benches_file(folder: Path) -> Path:
    file = folder / "bench.json"
    file.write_text(json.dumps(benches.document(recipes=("int8",))))
    return file


def head(out: Path) -> str:
    (node,) = reports.page(out).all("header")
    return " ".join(node.text.split())


def test_it_is_at_the_head_of_each_file(tmp_path: Path) -> None:
    about = About("Returned clothes", "Sorts clothes\nby kind.", "Ada", "2026-05-31")
    out = written(tmp_path, about)

    said = "Returned clothes Sorts clothes by kind. clothing: an image classifier of 10 classes"
    assert said in head(out) and head(out).endswith("Author: Ada · Data of 2026-05-31")
    (title,) = reports.page(out).all("title")
    assert title.text == "Returned clothes: report of tlpipe"
    text = (out / "report.md").read_text("utf-8")
    about_it = "Model: clothing. Author: Ada. Data of 2026-05-31."
    assert text.startswith(f"# Returned clothes\n\nSorts clothes by kind.\n\n{about_it}\n\n**Use ")
    assert reports.read(out)["about"] == {
        "title": "Returned clothes",
        "purpose": "Sorts clothes by kind.",
        "author": "Ada",
        "data_date": "2026-05-31",
    }


def test_the_command_takes_it_and_a_file_too(tlpipe: Command, tmp_path: Path) -> None:
    """The command line wins."""
    benches_file(tmp_path)
    (tmp_path / "tlpipe.toml").write_text('[report]\ntitle = "Of the file"\nauthor = "Ada"\n')
    done = tlpipe("report", "bench.json", "--out", "out", "--title", "Of the line", "--data-date", "2026-05-31")

    assert done.code == 0, done.stderr
    found = reports.read(tmp_path / "out")["about"]
    assert found == {"title": "Of the line", "purpose": None, "author": "Ada", "data_date": "2026-05-31"}
    refused = tlpipe("report", "bench.json", "--out", "other", "--data-date", "yesterday")
    assert (refused.code, "report --data-date: not a date: yesterday\n" in refused.stderr) == (2, True)


def test_a_comparison_has_no_head(tlpipe: Command, tmp_path: Path) -> None:
    """That of a file is for reports, and stays where it is."""
    benches_file(tmp_path)
    shutil.copy(tmp_path / "bench.json", tmp_path / "old.json")
    (tmp_path / "tlpipe.toml").write_text('[report]\ntitle = "Of the file"\n')
    command = ("report", "bench.json", "--against", "old.json", "--out", "out")
    refused = tlpipe(*command, "--data-date", "2026-05-31")

    assert refused.code == 2 and "--data-date and --against exclude each other" in refused.stderr
    assert tlpipe(*command).code == 0


def test_without_it_the_model_is_the_title(tmp_path: Path) -> None:
    out = reports.write(tmp_path, benches.document(recipes=("int8",)))

    assert " clothing An image classifier of 10 classes" in head(out)
    assert "Author" not in head(out) and "Data of" not in head(out)
    assert (out / "report.md").read_text("utf-8").startswith("# Report: clothing\n\n**Use ")


def test_it_is_never_markup(tmp_path: Path) -> None:
    out = written(tmp_path, About("<b>*A*</b>", "[x](http://example.com)", "\u202eevil <script>"))

    html, text = ((out / name).read_text("utf-8") for name in ("report.html", "report.md"))
    assert "<b>*A*" not in html and "&lt;b&gt;*A*&lt;/b&gt;" in html and "<script" not in html
    assert "\u202e" not in html + text
    assert text.startswith("# &lt;b&gt;\\*A\\*&lt;/b&gt;\n") and "(http:\\//example.com)" in text
    assert NO_BREAK not in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": "x" * (MAX_LINE + 1)}, "the title has 121 characters\nGive one of at most 120."),
        ({"author": "x" * (MAX_LINE + 1)}, "the author has 121 characters\nGive one of at most 120."),
        ({"purpose": "x" * (MAX_PURPOSE + 1)}, "the purpose has 601 characters\nGive one of at most 600."),
        ({"title": " \n"}, "an empty title\n"),
        ({"data_date": "31.5.2026"}, "not a date: 31.5.2026\nWrite YEAR-MONTH-DAY, as 2026-05-31."),
        ({"data_date": "2026-02-30"}, "not a date: 2026-02-30\n"),
        ({"data_date": "20260531"}, "not a date: 20260531\n"),
    ],
)
def test_what_is_too_long_or_no_date_is_refused(values: dict[str, Any], said: str) -> None:
    with pytest.raises(WrongUsage) as caught:
        About(**values)
    assert str(caught.value).startswith(said)


def test_what_is_just_short_enough_is_kept() -> None:
    about = About("x" * MAX_LINE, "x" * MAX_PURPOSE, "x" * MAX_LINE, "2024-02-29")

    assert [len(each or "") for each in (about.title, about.purpose, about.author)] == [120, 600, 120]
