"""The image of the device, built and run without Docker: image_build.py and container.py say what of it is real."""

import os
import shutil
from pathlib import Path

import pytest
from container import Container, Image
from image_build import build, not_possible
from libraries import missing_in_base
from texts import ROOT

BUNDLE = ROOT / "tests/data/bundle"
USERS = ("", "1234:1234")
"""The one of the image, and one of ``docker run --user``."""

pytestmark = pytest.mark.skipif(
    "TLPIPE_INDEX" not in os.environ, reason="TLPIPE_INDEX is not set: it takes wheels from an index"
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if reason := not_possible():
        pytest.skip(reason)
    return build(ROOT / "edge/Dockerfile", ROOT, tmp_path_factory.mktemp("device"))


@pytest.fixture(params=USERS, ids=["user", "another"])
def container(request: pytest.FixtureRequest, image: Image, tmp_path: Path) -> Container:
    """With a new cache, and a bundle in a folder that the user may only read."""
    work = tmp_path / "work"
    shutil.copytree(BUNDLE, work / "clothing")
    return Container(image, {"/work": work, "/cache": image.volume("/cache", tmp_path / "cache")}, user=request.param)


def test_it_says_what_it_can_do(container: Container) -> None:
    helped, version = container.run(), container.run("--version")

    assert "Usage: tlpipe-edge" in helped.stdout and not helped.stderr
    assert version.stdout.startswith("tlpipe-edge ") and not version.stderr


def test_it_classifies_and_remembers_that_the_model_was_checked(container: Container) -> None:
    done = container.run("classify", "clothing", "clothing/golden/0.png")

    assert done.returncode == 0 and done.stdout.startswith("clothing/golden/0.png: blue cross ")
    assert not done.stderr
    written = [path for folder in container.volumes.values() for path in folder.rglob("*") if path.stat().st_uid]
    assert {str(path.stat().st_uid) for path in written} == {(container.user or container.image.user).partition(":")[0]}
    assert any(path.is_file() for path in written)
    assert all(path.is_relative_to(container.volumes["/cache"]) for path in written)


def test_the_machine_has_what_it_needs_but_for_a_camera(container: Container) -> None:
    done = container.run("doctor")

    assert done.returncode == 0 and not done.stderr
    assert "ok       runtime: ai-edge-litert" in done.stdout


def test_the_camera_shows_its_page_and_ends_when_it_is_stopped(container: Container) -> None:
    with container.started(
        "camera", "clothing", "--source", "clothing/golden", "--loop", "--preview", "8080"
    ) as camera:
        assert camera.stdout and camera.stderr
        assert "live page: http://127.0.0.1:8080/" in camera.stderr.readline()
        assert "blue cross" in camera.stdout.readline()
        container.stop(camera)
        assert camera.wait(timeout=120) == 0


def test_a_command_ends_when_it_is_stopped(container: Container) -> None:
    """Python's own answer to SIGINT: that to SIGTERM would be the kernel's, which spares the first process."""
    with container.started("bench", "clothing") as bench:
        assert bench.stderr
        bench.stderr.readline()
        container.stop(bench)
        assert bench.wait(timeout=120) == 130


def test_the_base_image_has_the_libraries(container: Container) -> None:
    if not shutil.which("dpkg-query"):
        pytest.skip("this is no Debian")

    assert (
        missing_in_base(container, ["cv2", "PIL._imaging", "numpy", "ai_edge_litert.interpreter", "tlpipe_edge"]) == {}
    )


def test_neither_pip_nor_a_cache_of_it_is_left(image: Image) -> None:
    environment = image.root / "opt/tlpipe"

    assert not list(environment.glob("lib/python*/site-packages/pip*"))
    assert not (image.root / "root/.cache").exists()
    assert sum(file.lstat().st_size for file in environment.rglob("*")) < 400e6
    assert {path.lstat().st_uid for path in environment.rglob("*")} == {0}
