"""One workspace for each process of tests."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import interposed
import pytest
from workspace import IN_MEMORY, Workspace


@pytest.fixture(scope="session")
def workspace() -> Iterator[Workspace]:
    """A folder with results, and commands to run on it."""
    with tempfile.TemporaryDirectory(prefix="tlpipe-survival-", dir=IN_MEMORY) as folder:
        library = interposed.built(Path(folder))
        if library is None:
            pytest.skip("there is no C compiler: interposed.c cannot be built")
        made = Workspace(Path(folder), library)
        yield made
        made.close()
