"""Engines by their names: what is no name, and what is not installed, is said before any work."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlpipe as api
from tlpipe.engine.choice import DEFAULT, check_name, engine
from tlpipe_edge.errors import Unavailable, WrongUsage

DRAWN = Path(__file__).parents[2] / "data" / "bundle"


@pytest.mark.parametrize("name", ["local", "ray", "ray://head:10001", "ray://192.0.2.7:1", "ray://[::1]:10001"])
def test_names(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    "name",
    (
        *("", "Ray", "threads", "ray:", "ray://", "ray://head", "ray://head:", "ray://head:port", "ray://:10001"),
        *(
            "ray://head:70000",
            "ray://head:10001/path",
            "ray://head:1?a=b",
            "ray://u:p@head:1",
            "ray://head:1#a",
            "rays://head:10001",
            "head:10001",
        ),
    ),
)
def test_what_is_no_name(name: str) -> None:
    with pytest.raises(WrongUsage, match="no engine"), api.using_engine(name):
        pass


def test_the_local_engine_is_the_default() -> None:
    with api.using_engine("local"):
        assert engine() == DEFAULT


@pytest.mark.parametrize("name", ["ray", "ray://127.0.0.1:10001"])
@pytest.mark.parametrize("missing", ["ray", "ray.data", "grpc", "pyarrow"])
def test_without_ray(
    name: str, missing: str, few: Path, tlpipe: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    if missing != "ray" and importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed, so nothing else is looked for")
    monkeypatch.setitem(sys.modules, missing, None)
    for command in (["score", DRAWN, few, "--out", "scores.csv"], ["train", few, "--out", "run"]):
        done = tlpipe(*command, "--engine", name)
        assert done.code == Unavailable.exit_code
        assert 'pip install "tlpipe[ray]"' in done.stderr
        assert len(done.stderr.splitlines()) == 2, done.stderr
    assert not list(Path().glob("*.csv*")) and not Path("run").exists()
