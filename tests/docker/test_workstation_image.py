"""The image of the workstation, built and run without Docker: image_build.py and container.py say what of it is real.

TensorFlow makes it slow: the leg ``docker`` of .ci/run sets the variable for it.
"""

import os
import shutil
from pathlib import Path

import drawing
import pytest
from container import Container, Image
from image_build import build, not_possible
from libraries import missing_in_base
from texts import ROOT

TINY = (
    *("run", "photos", "--weights", str(next(ROOT.glob("pipeline/tlpipe/demo/*.h5")).name), "--alpha", "0.35"),
    *("--image-size", "64", "--views", "1", "--epochs", "1", "--no-bench"),
)
MODULES = (
    "tensorflow",
    "keras",
    "h5py",
    "sklearn.linear_model",
    "scipy.stats",
    "matplotlib.pyplot",
    "cv2",
    "PIL._imaging",
)

pytestmark = pytest.mark.skipif(
    "TLPIPE_WORKSTATION_IMAGE" not in os.environ,
    reason="TLPIPE_WORKSTATION_IMAGE is not set: it takes TensorFlow from an index",
)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    if reason := not_possible():
        pytest.skip(reason)
    return build(ROOT / "Dockerfile", ROOT, tmp_path_factory.mktemp("workstation"))


@pytest.fixture
def container(image: Image, tmp_path: Path) -> Container:
    """With images, in a folder of a user that the image does not know, and a new cache."""
    work = tmp_path / "work"
    drawing.photographs(work / "photos", ("cross", "ring"), count=10)
    shutil.copy(next(ROOT.glob("pipeline/tlpipe/demo/*.h5")), work)
    os.chown(work, 1234, 1234)
    return Container(image, {"/work": work, "/cache": image.volume("/cache", tmp_path / "cache")}, user="1234:1234")


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_all_steps_write_to_the_folder_and_the_cache_alone(container: Container) -> None:
    work, cache = container.volumes["/work"], container.volumes["/cache"]
    before = names(work)
    done = container.run(*TINY)

    assert done.returncode == 0, done.stderr
    assert "warning: the cache" not in done.stderr and "Permission denied" not in done.stderr
    assert names(work) - before == {"runs", "exported", "reports"}
    written = [path for name in ("runs", "exported", "reports") for path in (work / name).rglob("*")]
    assert {path.lstat().st_uid for path in [*written, *cache.rglob("*")]} == {1234}
    assert names(cache) >= {"tlpipe", "tlpipe-edge", "matplotlib"}
    assert '"tensorflow": "2.' in (work / "runs/photos/1-frozen/config.json").read_text("utf-8")
    again = container.run("evaluate", "exported/photos", "--json")
    assert again.returncode == 0 and again.stdout.startswith("{"), again.stderr


def test_a_training_that_is_stopped_says_what_is_kept(container: Container) -> None:
    with container.started(*TINY) as training:
        assert training.stderr
        said = ""
        while "loading TensorFlow" not in said:
            line = training.stderr.readline()
            assert line, said
            said += line
        container.stop(training)
        assert training.wait(timeout=120) == 130
        assert "warning: interrupted" in training.stderr.read()


def test_the_user_of_the_image_needs_no_option(image: Image, tmp_path: Path) -> None:
    container = Container(
        image, {"/work": image.volume("/work", tmp_path / "w"), "/cache": image.volume("/cache", tmp_path / "c")}
    )

    assert "Usage: tlpipe" in container.run().stdout
    version = container.run("--version")
    assert version.stdout.startswith("tlpipe ") and "tensorflow 2." in version.stdout and not version.stderr


def test_ssh_knows_a_user_of_the_machine_by_its_passwd(container: Container, tmp_path: Path) -> None:
    """As docs/docker.md says for bench --device."""
    if not shutil.which("ssh"):
        pytest.skip("there is no ssh here")
    passwd = tmp_path / "passwd"
    passwd.write_text("me:x:1234:1234::/home/me:/bin/sh\n")
    volumes = {**container.volumes, "/etc/passwd": passwd}

    unknown = Container(container.image, container.volumes, user=container.user, entry_point=("ssh",))
    known = Container(container.image, volumes, user=container.user, entry_point=("ssh",))
    assert "No user exists" in unknown.run("-G", "camera").stderr
    assert "\nuser me\n" in known.run("-G", "camera").stdout


def test_the_base_image_has_the_libraries(container: Container) -> None:
    if not shutil.which("dpkg-query"):
        pytest.skip("this is no Debian")

    assert missing_in_base(container, MODULES) == {}


def test_neither_pip_nor_code_for_gpus_is_left(image: Image) -> None:
    environment = image.root / "opt/tlpipe"

    assert not list(environment.glob("lib/python*/site-packages/pip*"))
    assert sum(file.lstat().st_size for file in environment.rglob("*")) < 2.1e9
    assert {path.lstat().st_uid for path in environment.rglob("*")} == {0}
