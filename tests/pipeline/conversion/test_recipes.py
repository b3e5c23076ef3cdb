"""The number formats: one entry each, and what takes it from there."""

from pathlib import Path

import pytest

from tlpipe.cli import options
from tlpipe.conversion import recipes
from tlpipe.conversion.recipes import RECIPES
from tlpipe_edge.contract.bundle import PREFERENCE
from tlpipe_edge.errors import WrongUsage

README = Path(__file__).parents[3] / "README.md"


def names(*wanted: str) -> tuple[str, ...]:
    return tuple(recipe.name for recipe in recipes.parse(wanted))


def test_each_is_taken_once_in_the_order_of_tables() -> None:
    assert names("int8", "float32", "int8") == ("float32", "int8")
    assert names(*reversed(RECIPES)) == tuple(RECIPES)
    assert names("none") == names("float32", "none") == ("float32",)


@pytest.mark.parametrize("name", ["", "INT8", "int4", "fp16"])
def test_an_unknown_name_is_wrong_usage(name: str) -> None:
    with pytest.raises(WrongUsage, match="Choose float32, float16, dynamic or int8"):
        recipes.parse([name])


def test_the_ranks_give_the_order_that_older_bundles_have() -> None:
    assert sorted(PREFERENCE, key=recipes.preference) == list(PREFERENCE)
    assert len({recipe.rank for recipe in RECIPES.values()}) == len(RECIPES)


def test_an_unknown_format_comes_last() -> None:
    assert sorted(["new", *RECIPES], key=recipes.table_order) == [*RECIPES, "new"]
    assert sorted(["new", *PREFERENCE], key=recipes.preference) == [*PREFERENCE, "new"]


def test_the_readme_says_what_the_entries_say() -> None:
    rows = [f"| `{name}` | {recipe.help} | {recipe.cost} |" for name, recipe in RECIPES.items()]

    assert "\n".join(rows) in README.read_text("utf-8")
    assert f"| the model: {recipes.choices()} |" in README.read_text("utf-8")


def test_the_help_of_the_flag_says_what_each_costs() -> None:
    (typer_option,) = options.Quantize.__metadata__  # type: ignore[attr-defined]

    assert all(f"{name} ({recipe.cost})" in typer_option.help for name, recipe in RECIPES.items())
