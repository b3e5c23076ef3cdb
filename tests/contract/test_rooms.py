"""The trees in docs/architecture.md name every module once, in its room."""

import re
from collections.abc import Iterator

import pytest
from texts import ROOT

TEXT = (ROOT / "docs/architecture.md").read_text("utf-8")
ENTRY = re.compile(r"( {6,8})(\w+)(/|\.py) +(.*)")
"""A line of a tree: a room with its modules, or a module."""


def drawn(package: str) -> Iterator[str]:
    """The modules in the tree of ``package``, and the rooms that a room lists, as ``room/module``."""
    (tree,) = re.findall(rf"^    {package}/\n((?: {{6,}}\S.*\n)+)", TEXT, re.MULTILINE)
    one_line_each = re.sub(r"\n {20,}", " ", tree).splitlines()
    outer = ""
    for indent, name, end, about in (match.groups() for match in map(ENTRY.fullmatch, one_line_each) if match):
        outer = name if len(indent) == 6 else outer
        if end == ".py":
            yield name
            continue
        room = name if name == outer else f"{outer}/{name}"
        listed = re.sub(r"\([^)]*\)", "", about).rpartition(": ")[2]  # without explanations
        yield from (
            f"{room}/{each}" for each in map(str.strip, re.split("[,;>]", listed)) if re.fullmatch(r"\w+", each)
        )


@pytest.mark.parametrize("package", ["edge/tlpipe_edge", "pipeline/tlpipe"])
def test_a_tree_names_each_module_in_its_room(package: str) -> None:
    files = [file.relative_to(ROOT / package).with_suffix("") for file in (ROOT / package).rglob("*.py")]
    rooms = {str(file.parent) for file in files}
    named = [name for name in drawn(package) if name not in rooms and name != "__init__"]

    assert sorted(named) == sorted(str(file) for file in files if file.name != "__init__")
