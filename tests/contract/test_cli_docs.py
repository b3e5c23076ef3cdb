"""docs/cli.md says what the commands say."""

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

ROOT = Path(__file__).parents[2]


def test_the_page_is_what_the_script_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    import write_cli_docs

    assert (ROOT / "docs/cli.md").read_text() == write_cli_docs.page(), "run python scripts/write_cli_docs.py"


def test_placeholders_are_plain() -> None:
    """No ``<bool>``, ``{DATA}`` or ``[[BUNDLE]]``, which typer writes by itself."""
    text = (ROOT / "docs/cli.md").read_text()
    assert re.findall(r"<\w+>|\{|\[\[", text) == []
