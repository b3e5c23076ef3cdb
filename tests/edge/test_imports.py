"""The device side stays light: what it imports, by its source and by a run."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import tlpipe_edge

SOURCES = sorted(Path(tlpipe_edge.__file__).parent.rglob("*.py"))
HEAVY = {"tensorflow", "keras", "tlpipe", "tf_keras", "sklearn", "scipy", "matplotlib"}


def imported(source: Path) -> Iterator[str]:
    """The top names of all imports, also of those inside functions and of ``import_module`` with a literal."""
    tree = ast.parse(source.read_text())
    keys = {id(node.slice) for node in ast.walk(tree) if isinstance(node, ast.Subscript)}
    keys |= {id(key) for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys}
    for node in ast.walk(tree):
        if id(node) in keys:
            continue  # of a JSON document, which may well speak of Keras
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isascii():
            yield node.value.partition(".")[0]  # a name for import_module is a string like any other


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_no_source_names_a_heavy_module(source: Path) -> None:
    assert not HEAVY & set(imported(source))


def loaded_by(statement: str) -> set[str]:
    program = f"import sys; {statement}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.splitlines()[-1].split())


def test_the_package_loads_at_once() -> None:
    assert not {"cv2", "PIL", "ai_edge_litert", "tflite_runtime", *HEAVY} & loaded_by("import tlpipe_edge")


def test_the_help_does_not_wait_for_opencv() -> None:
    assert not {"cv2", "ai_edge_litert", "tflite_runtime", *HEAVY} & loaded_by("import tlpipe_edge.cli")


def test_classifying_loads_no_heavy_module() -> None:
    modules = ", ".join(f"tlpipe_edge.{source.stem}" for source in SOURCES if not source.stem.startswith("__"))

    loaded = loaded_by(f"import {modules}")
    assert "cv2" in loaded and not HEAVY & loaded
