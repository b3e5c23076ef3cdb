"""What tlpipe wrote before its modules were moved into packages is opened by the tlpipe of now.

Only the commands are used, in processes of their own, so that nothing here depends on where a module is. The files
are in `tests/data/before_rooms`: a run, its bundle, and a benchmark of each program.
"""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BEFORE = Path(__file__).parents[1] / "data" / "before_rooms"
RECIPES = ("float32", "float16", "dynamic", "int8")
STEP = 1 / 255
"""By which a score may differ: other builds of the same kernels round otherwise, and int8 has steps of 1/256."""

Program = Callable[..., str]


@pytest.fixture
def before(tmp_path: Path) -> Path:
    """A copy, in whose JSON files the photographs are where they are."""
    folder = tmp_path / "before"
    shutil.copytree(BEFORE, folder)
    for file in folder.rglob("*.json"):
        file.write_text(file.read_text().replace("@PHOTOS@", str(folder / "photographs")))
    return folder


@pytest.fixture
def program(tmp_path: Path) -> Program:
    """Run the module `tlpipe` or `tlpipe_edge` with a cache of its own, and give what it printed."""

    def run(name: str, *arguments: str | Path) -> str:
        command = [sys.executable, "-m", name, *map(str, arguments)]
        environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def tlpipe(program: Program) -> Program:
    """The program of the workstation."""
    if importlib.util.find_spec("tensorflow") is None:  # to import it would take as long as the command itself
        pytest.skip("the device has no TensorFlow")
    return lambda *arguments: program("tlpipe", *arguments)


def golden() -> tuple[list[Path], dict[str, np.ndarray]]:
    """The golden images of the bundle, and what each recipe said of them: (N, classes)."""
    folder = BEFORE / "bundle" / "golden"
    with np.load(folder / "expected.npz", allow_pickle=False) as arrays:
        return [folder / str(name) for name in arrays["files"]], {recipe: arrays[recipe] for recipe in RECIPES}


def scores(program: Program, bundle: Path, recipe: str) -> np.ndarray:
    """What a recipe of a bundle says of the golden images, by the command of the device: (N, classes)."""
    labels = (bundle / "labels.txt").read_text("utf-8").splitlines()
    options = ("--recipe", recipe, "--top-k", str(len(labels)), "--json")
    document = json.loads(program("tlpipe_edge", "classify", bundle, *golden()[0], *options))
    assert document["recipe"] == recipe
    answers = [{each["label"]: each["score"] for each in row["top_k"]} for row in document["images"]]
    return np.array([[answer[label] for label in labels] for answer in answers])


def top1(document: dict[str, Any]) -> dict[str, Any]:
    """The accuracy of an evaluation: Keras's and each recipe's, over all and by class."""
    rows = {"keras": document["keras"]} | {each["recipe"]: each for each in document["artifacts"]}
    return {name: (row["top1"], row["per_class"]) for name, row in rows.items()}


def test_the_bundle_is_described(before: Path, program: Program) -> None:
    said = program("tlpipe_edge", "info", before / "bundle")

    assert "3 classes: blue cross, green bars, red ring" in said
    assert (
        "files: 4 of " in said and "not checked, as they have no checksum: labels.txt, reference.npz, golden/" in said
    )
    assert all(f"bundle-{recipe}.tflite" in said for recipe in RECIPES)


@pytest.mark.parametrize("recipe", RECIPES)
def test_the_bundle_answers_as_before(recipe: str, before: Path, program: Program) -> None:
    expected = golden()[1][recipe]

    assert set(expected.argmax(axis=1)) == {0, 1, 2}
    assert scores(program, before / "bundle", recipe) == pytest.approx(expected, abs=STEP)


def test_the_benchmarks_are_reported(before: Path, tlpipe: Program, tmp_path: Path) -> None:
    benches = [before / "bench.json", before / "bench-edge.json"]
    tlpipe("report", before / "bundle", *benches, "--out", "r")

    groups = json.loads((tmp_path / "r" / "report.json").read_text())["groups"]
    measured = [json.loads(file.read_text()) for file in benches]
    assert [[row["recipe"] for row in group["rows"]] for group in groups] == [list(RECIPES)] * 2
    assert [group["images"]["count"] for group in groups] == [12, 6]
    for group, bench in zip(groups, measured, strict=True):
        for row, result in zip(group["rows"], bench["results"], strict=True):
            assert row["sha256"] == result["sha256"]
            assert row["invoke_ms"]["p50"] == pytest.approx(result["invoke_ms"]["p50"])


def test_the_bundle_is_compared_unpaired(before: Path, tlpipe: Program, tmp_path: Path) -> None:
    sides = [
        before / "bundle",
        before / "bench.json",
        "--against",
        before / "bundle",
        "--against",
        before / "bench.json",
    ]
    said = tlpipe("report", *sides, "--out", "r")

    assert said.startswith("No difference in accuracy beyond chance, unpaired: ")
    assert "OLD has no per-image predictions: run tlpipe evaluate again; NEW has" in said
    document = json.loads((tmp_path / "r" / "comparison.json").read_text())
    assert [each["old_recipe"] for each in document["files"]] == ["int8", *RECIPES[:3], "Keras"]


def test_the_run_evaluates_to_the_same(before: Path, tlpipe: Program) -> None:
    written = before / "bundle" / "evaluation.json"
    old = json.loads(written.read_text())
    written.unlink()
    tlpipe("evaluate", before / "bundle", "--keras", before / "run" / "2-finetuned" / "model.keras")

    new = json.loads(written.read_text())
    assert set(top1(new)) == {"keras", *RECIPES}
    # What was cut from train is called held out since.
    assert new["split"] == old["split"].replace("cut from", "held out from") and top1(new) == top1(old)


def test_the_run_is_exported_again(before: Path, tlpipe: Program, program: Program, tmp_path: Path) -> None:
    tlpipe("export", before / "run", "--quantize", "float32", "--quantize", "int8", "--out", "new")

    exported = tmp_path / "new"
    artifacts = json.loads((exported / "manifest.json").read_text())["artifacts"]
    assert [each["recipe"] for each in artifacts] == ["float32", "int8"]
    assert scores(program, exported, "float32") == pytest.approx(golden()[1]["float32"], abs=STEP)
    assert sorted(file.name for file in (exported / "training").iterdir()) == sorted(
        file.name for file in (BEFORE / "bundle" / "training").iterdir()
    )
