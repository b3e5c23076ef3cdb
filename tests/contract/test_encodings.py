"""Every text file is read and written in UTF-8, whatever the locale says."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from texts import ROOT

SOURCES = sorted(
    file for folder in ("edge", "pipeline", "scripts", "benchmarks") for file in (ROOT / folder).rglob("*.py")
)
TEXT_METHODS = {"read_text": 0, "write_text": 1}
"""Of a path, with the place of the encoding among the arguments."""


def without_encoding(source: str) -> Iterator[int]:
    """The lines of calls that open a text file, or read the output of a process, in the encoding of the locale."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        keywords = {each.arg for each in node.keywords}
        if "encoding" in keywords or None in keywords:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = ast.unparse(node.func).rpartition(".")[0]
        if name in TEXT_METHODS and owner not in ("atomic", "installed") and len(node.args) <= TEXT_METHODS[name]:
            yield node.lineno
        if name in ("open", "fdopen") and any(
            isinstance(each, ast.Constant) and each.value in ("r", "w", "a", "x", "rt", "wt", "w+", "r+")
            for each in (*node.args, *(keyword.value for keyword in node.keywords))
        ):
            yield node.lineno
        if name == "open" and len(node.args) == (0 if owner else 1) and "mode" not in keywords:
            yield node.lineno
        if any(each.arg in ("text", "universal_newlines") for each in node.keywords):
            yield node.lineno


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_text_file_has_an_encoding(file: Path) -> None:
    assert list(without_encoding(file.read_text("utf-8"))) == []


@pytest.mark.parametrize(
    ("call", "found"),
    [
        ("path.read_text()", True),
        ("path.read_text('utf-8')", False),
        ("path.write_text(text)", True),
        ("path.write_text(text, encoding='utf-8')", False),
        ("path.open('w')", True),
        ("path.open()", True),
        ("path.open('wb')", False),
        ("open(name)", True),
        ("open(name, 'rb')", False),
        ("subprocess.run(command, text=True)", True),
        ("subprocess.run(command, encoding='utf-8')", False),
    ],
)
def test_what_is_found(call: str, found: bool) -> None:
    assert list(without_encoding(call)) == [1] * found
