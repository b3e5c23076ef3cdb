"""Every file that a text links to or names is there; the site holds what its pages link to."""

import os
import re
from pathlib import Path

import pytest
from texts import ROOT, TEXTS

DOCS = ROOT / "docs"
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")
NAMED = re.compile(r"`([\w.-]+/[\w./-]+)`")
TOP = {"benchmarks", "docs", "edge", "pipeline", "scripts", "tests"}
BASES = (ROOT, ROOT / "pipeline/tlpipe", ROOT / "edge/tlpipe_edge")
"""What paths of sources begin at: the root, or a package that the text is about."""

texts = pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(ROOT)))


def test_there_are_links_and_names_to_look_at() -> None:
    found = {str(text.relative_to(ROOT)): text.read_text("utf-8") for text in TEXTS}

    assert {"README.md", "edge/README.md", "benchmarks/reference/README.md", "docs/cli.md"} <= found.keys()
    assert LINK.search(found["docs/index.md"]) and NAMED.search(found["CONTRIBUTING.md"])


@texts
def test_what_a_text_links_to_is_there(text: Path) -> None:
    links = [text.parent / link for link in LINK.findall(text.read_text("utf-8"))]

    assert [link for link in links if not link.exists()] == []
    if text.parent == DOCS:
        assert [link for link in links if not Path(os.path.normpath(link)).is_relative_to(DOCS)] == []


@texts
def test_the_sources_that_a_text_names_are_there(text: Path) -> None:
    named = [
        name for name in NAMED.findall(text.read_text("utf-8")) if name.split("/")[0] in TOP or name.endswith(".py")
    ]

    assert [name for name in named if not any((base / name).exists() for base in BASES)] == []
