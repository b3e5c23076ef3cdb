"""For the tests of a Ray cluster, which are skipped where Ray is not installed. Each of them starts real ones."""

import importlib.util
import subprocess
import venv
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import drawing
import heads
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session", autouse=True)
def ray_is_installed() -> None:
    """Skip the tests elsewhere."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip('Ray is not installed: pip install -c constraints.txt -e ".[ray]"')


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 images of each of two classes. To look at only."""
    return drawing.photographs(tmp_path_factory.mktemp("data") / "photos", ("green bars", "kryss"), count=40)


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a node with what the documentation names, and without any package of ours, or what that needs."""
    folder = tmp_path_factory.mktemp("node")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"ray[client,data]=={version('ray')}", "virtualenv"], check=True, timeout=600)
    return python


@pytest.fixture(scope="module")
def bare_head(bare_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[heads.Head]:
    """A head with two cores that sees neither the checkout, nor this Python's packages, nor the folder ``hidden``."""
    hidden = tmp_path_factory.mktemp("hidden")
    with heads.started(bare_python, cores=2, hidden=(ROOT, heads.PACKAGES, hidden)) as head:
        yield head


@pytest.fixture
def hidden(bare_head: heads.Head) -> Path:
    """A folder of this machine that the workers of ``bare_head`` cannot see."""
    return bare_head.hidden[-1]
