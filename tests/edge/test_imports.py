"""The device side stays light: what it names in strings, and what a run of it loads."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import tlpipe_edge
from tlpipe_edge import Bundle

ROOT = Path(tlpipe_edge.__file__).parent
SOURCES = sorted(ROOT.rglob("*.py"))
HEAVY = {"tensorflow", "keras", "tlpipe", "tf_keras", "sklearn", "scipy", "matplotlib"}


def named(source: Path) -> Iterator[str]:
    """The top names of all strings that ``import_module`` or ``python -m`` could take: no linter follows these."""
    tree = ast.parse(source.read_text())
    keys = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    keys |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in keys:
            yield node.value.partition(".")[0]  # the keys of a JSON document may well speak of Keras


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_no_string_names_a_heavy_module(source: Path) -> None:
    assert not HEAVY & set(named(source))


def test_every_module_that_a_string_names_is_there() -> None:
    pattern = re.compile(r"tlpipe_edge(?:\.[a-z_]+)+")
    names = {
        name
        for source in SOURCES
        for node in ast.walk(ast.parse(source.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in pattern.findall(node.value)
    }

    assert {"tlpipe_edge.camera.capture", "tlpipe_edge.tflite.sandbox"} <= names
    assert all(find_spec(name) for name in names), names


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_loads_at_once() -> None:
    assert not {"cv2", "PIL", "ai_edge_litert", "tflite_runtime", *HEAVY} & loaded_by("import tlpipe_edge")


def test_the_help_does_not_wait_for_opencv() -> None:
    assert not {"cv2", "ai_edge_litert", "tflite_runtime", *HEAVY} & loaded_by("import tlpipe_edge.cli.commands")


def test_classifying_does_not_wait_for_the_console(drawn: Bundle) -> None:
    """rich takes longer to import than an image to classify, and with a bundle there is nothing to say."""
    image = drawn.path / "golden" / "0.png"
    run = f"commands.classify(Path({str(drawn.path)!r}), [Path({str(image)!r})])"
    loaded = loaded_by(f"from pathlib import Path; from tlpipe_edge.cli import commands; {run}")

    assert "cv2" in loaded and "rich" not in loaded


def test_classifying_loads_no_heavy_module() -> None:
    names = [".".join(source.relative_to(ROOT.parent).with_suffix("").parts) for source in SOURCES]
    modules = ", ".join(name.removesuffix(".__init__") for name in names if not name.endswith("__main__"))

    loaded = loaded_by(f"import {modules}")
    assert "cv2" in loaded and not HEAVY & loaded
