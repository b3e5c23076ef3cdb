"""docs/cli.md says what the commands say."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/cli.md"


def test_the_page_is_what_the_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import write_cli_docs

    assert PAGE.read_text() == write_cli_docs.page(), "run python scripts/write_cli_docs.py"


def test_placeholders_are_plain() -> None:
    """No ``<bool>``, ``{DATA}`` or ``[[BUNDLE]]``, which typer writes by itself."""
    assert re.findall(r"<(?!code>)\w+>|\{|\[\[", PAGE.read_text()) == []


def test_the_options_of_both_programs_are_there() -> None:
    programs = re.findall(r"^## .*?(?=^### )", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    options = [re.findall(r"^\| `(.+?)` \|", program, re.MULTILINE) for program in programs]

    device = ["--version", "-q, --quiet", "-v, --verbose", "--install-completion", "--show-completion", "-h, --help"]
    assert options == [[device[0], "--config FILE", "--cache DIR", *device[1:]], device]


def test_each_row_of_a_table_has_two_cells() -> None:
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]

    assert [row for row in rows if len(re.findall(r"(?<!\\)\|", row)) != 3] == []
