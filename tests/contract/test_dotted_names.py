"""Every module that a string, script or page names is there: no linter follows ``python -m``, monkeypatch and shell."""

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import texts
from texts import ROOT

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

OF_BEFORE = ROOT / "tests/data/make_before_rooms.py"
SOURCES = sorted(
    file
    for folder in ("edge/tlpipe_edge", "pipeline/tlpipe", "tests", "benchmarks", "scripts", ".ci")
    for file in (ROOT / folder).rglob("*.py")
    if file not in (OF_BEFORE, Path(__file__))
)
TEXTS = (*texts.TEXTS, *sorted(ROOT.glob("scripts/*.sh")), ROOT / ".ci/run", ROOT / "Makefile")
NAME = re.compile(r"(?<![\w./-])tlpipe(?:_edge)?(?:\.[A-Za-z_]\w*)+")
IMPORT = re.compile(r"^ *from (tlpipe(?:_edge)?[\w.]*) import ([\w, ]+)", re.MULTILINE)
FILES = (".service", ".org", ".log", ".git", ".toml")


def names(source: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (name for name in NAME.findall(node.value) if not name.endswith(FILES))


def is_there(name: str) -> bool:
    """Whether it is a module, or something in one."""
    module, _, attribute = name.rpartition(".")
    try:
        return find_spec(name) is not None or hasattr(import_module(module), attribute)
    except ModuleNotFoundError:
        outer, _, inner = module.rpartition(".")
        return find_spec(outer) is not None and hasattr(getattr(import_module(outer), inner, None), attribute)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_what_a_string_names_is_there(source: Path) -> None:
    assert [name for name in names(source) if not is_there(name)] == []


def test_the_texts_import_something() -> None:
    assert (
        sum(bool(IMPORT.search(text.read_text("utf-8"))) for text in TEXTS) >= 3
    )  # both READMEs and the script for ARM


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: str(text.relative_to(ROOT)))
def test_what_a_text_imports_is_there(text: Path) -> None:
    imported = [
        f"{module}.{name.strip()}"
        for module, listed in IMPORT.findall(text.read_text("utf-8"))
        for name in listed.split(",")
    ]
    assert [name for name in imported if not is_there(name)] == []
