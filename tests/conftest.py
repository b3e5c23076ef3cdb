"""For all tests: their order, the number of workers, and a cache of their own. Imports only what a device has."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tlpipe_edge.console.verbosity import Verbosity, set_verbosity

TESTS = Path(__file__).parent
ORDER = ("survival", "cluster", "remote", "docker", "pipeline", "fuzz", "web", "edge", "contract")
"""The order of the folders of tests. The slowest files come first, so that no worker runs one alone at the end."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than the number of cores: many tests wait for a program, a camera, or a fixture of another worker."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by ``ORDER``."""
    items.sort(key=lambda item: ORDER.index(item.path.relative_to(TESTS).parts[0]))


@pytest.fixture(scope="session", autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Use a temporary cache folder in this session and in the programs that it starts, never that of the user."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TLPIPE_CACHE", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def options_of_this_process() -> Iterator[None]:
    """Undo --quiet, --verbose and --cache of the commands that a test runs in this process."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TLPIPE_CACHE", raising=False)  # which remembers that it was not there
        yield
    set_verbosity(Verbosity.NORMAL)
