"""A cluster that is not there, that does not know us, or whose versions are others, is refused in two lines."""

import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import heads
import pytest

from tlpipe_edge.errors import Unavailable

DRAWN = Path(__file__).parents[1] / "data" / "bundle"
OTHER_RAY = "2.59.0"


def _refused(photos: Path, tmp_path: Path, engine: str, **more: str) -> str:
    """The error of a command, before which nothing else is said but what it waits for."""
    done = heads.tlpipe("score", DRAWN, photos, "--out", tmp_path / "scores.csv", "--engine", engine, **more)
    assert done.returncode == Unavailable.exit_code, done.stderr
    assert not list(tmp_path.iterdir())
    said = [line for line in done.stderr.splitlines() if not line.startswith("connecting to ")]
    assert len(said) == 2, done.stderr
    return "\n".join(said)


@pytest.mark.parametrize("address", ["ray://127.0.0.1:9", "ray://nobody.invalid:10001"])
def test_nothing_there(photos: Path, tmp_path: Path, address: str) -> None:
    assert f"error: {address}: nothing answers there (" in _refused(photos, tmp_path, address)


def test_nothing_at_the_address_of_the_environment(photos: Path, tmp_path: Path) -> None:
    said = _refused(photos, tmp_path, "ray", RAY_ADDRESS="127.0.0.1:9")
    assert "error: 127.0.0.1:9: nothing answers there (" in said


@pytest.fixture(scope="module")
def head() -> Iterator[heads.Head]:
    with heads.started(Path(sys.executable), cores=1) as started:
        yield started


def test_another_token(photos: Path, tmp_path: Path, head: heads.Head) -> None:
    said = _refused(photos, tmp_path, head.address, RAY_AUTH_TOKEN="another-token-" * 4)
    assert f"{head.address}: no connection to the cluster" in said
    assert "RAY_AUTH_TOKEN" in said


@pytest.fixture(scope="module")
def other_head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[heads.Head]:
    """Of another version of Ray."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, f"ray[client]=={OTHER_RAY}"], check=True, timeout=600)
    with heads.started(python, cores=1) as started:
        yield started


def test_another_version(photos: Path, tmp_path: Path, other_head: heads.Head) -> None:
    import ray

    said = _refused(photos, tmp_path, other_head.address)
    assert f"and Ray {OTHER_RAY}, here is Python " in said
    assert f"and Ray {ray.__version__}\n" in said
