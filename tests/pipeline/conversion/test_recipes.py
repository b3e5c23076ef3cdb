"""The number formats by name."""

import pytest

from tlpipe.conversion import recipes
from tlpipe_edge.contract.manifest import RECIPES
from tlpipe_edge.errors import WrongUsage


def names(*wanted: str) -> tuple[str, ...]:
    return tuple(recipe.name for recipe in recipes.parse(wanted))


def test_each_is_taken_once_in_the_order_of_tables() -> None:
    assert names("int8", "float32", "int8") == ("float32", "int8")
    assert names(*RECIPES[::-1]) == RECIPES
    assert names("none") == names("float32", "none") == ("float32",)


@pytest.mark.parametrize("name", ["", "INT8", "int4", "fp16"])
def test_an_unknown_name_is_wrong_usage(name: str) -> None:
    with pytest.raises(WrongUsage, match="Choose float32, float16, dynamic, int8"):
        recipes.parse([name])


def test_each_says_what_it_costs() -> None:
    assert all(recipe.cost for recipe in recipes.parse(RECIPES))
