"""The stored figures of benchmarks/disturbance.py, and where the documentation quotes them."""

import importlib
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
STORED = json.loads((ROOT / "benchmarks/results/disturbance.json").read_text())
LOADS = {
    "a browser that shows a text": "browser, a page of text",
    "a browser that shows an animation": "browser, an animated page",
    "a program that uses 0.2 of a core": "busy 0.2",
    "0.6 of a core": "busy 0.6",
    "a whole core": "busy 1",
    "a whole core, copying memory": "memory 1",
    "one and a half cores": "busy 1.5",
    "both cores": "busy 2",
}
COLUMNS = (("int8, 1 thread", "float16, 1 thread"), ("int8, 2 threads", "float16, 2 threads"), ("Keras, compiled",))


@pytest.fixture(scope="module")
def script() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        return importlib.import_module("disturbance")


def test_the_stored_ratios_are_those_of_the_stored_windows(script: ModuleType) -> None:
    assert script.results([script.Window(**each) for each in STORED["windows"]]) == STORED["results"]


@pytest.mark.parametrize(("steals", "kept", "p50"), [((0.0, 0.3), 1, 1.0), ((0.3, 0.3), 0, 1.5)])
def test_kept_is_the_number_of_windows_that_qualify(
    steals: tuple[float, ...], kept: int, p50: float, script: ModuleType
) -> None:
    """Of two loaded windows, 1.0 and 2.0 times as slow as the calm ones between which they are."""

    def window(load: str, milliseconds: float, steal: float = 0.0) -> Any:
        return script.Window(1, "int8", load, *[milliseconds] * 3, others=0.0, steal=steal)

    calm = window("calm", 5.0)
    windows = [calm, window("busy", 5.0, steals[0]), calm, window("busy", 10.0, steals[1]), calm]
    found = script.results(windows)

    ratios = found["int8"]["busy"]
    assert (ratios["kept"], ratios["windows"], ratios["p50"]) == (kept, 2, p50)
    assert (f"{p50:.2f}*" in script._table(found)) == (kept == 0)


def test_the_table_of_the_documentation_has_these_figures_and_a_star_where_none_qualified() -> None:
    text = (ROOT / "docs/benchmark.md").read_text()
    table = {row[0]: row[2:] for row in (line.strip("|").split(" | ") for line in text.splitlines()) if len(row) == 5}
    rows = {name.strip(): [re.sub(r" \(.*\)", "", cell).strip(" |") for cell in cells] for name, cells in table.items()}

    for name, load in LOADS.items():
        found = ([STORED["results"][subject][load] for subject in subjects] for subjects in COLUMNS)
        cells = [", ".join(f"{each['p50']:.2f}" + r"\*" * (each["kept"] == 0) for each in some) for some in found]
        assert rows[name] == cells
