"""The programs of the device where there is no home, nothing to write to, no terminal, another locale."""

import os
import shutil
from pathlib import Path

import pytest
import surroundings
from surroundings import NOBODY, READ_ONLY, bare

from tlpipe_edge import Bundle

KEPT_NOT = "warning: the cache is not kept (the user has no home folder). Name a folder for it: $TLPIPE_CACHE.\n"
NOWHERE = "warning: no cache and no temporary folder can be written to (/gone/.cache/tlpipe-edge: "


@pytest.fixture
def one(drawn: Bundle, tmp_path: Path) -> Path:
    """A folder with one image, which a camera shows for a second."""
    (tmp_path / "one").mkdir()
    shutil.copy(drawn.path / "golden" / "0.png", tmp_path / "one")
    return tmp_path / "one"


@pytest.mark.parametrize(
    ("within", "home", "said"),
    [
        (NOBODY, {}, KEPT_NOT),
        (NOBODY, {"HOME": "/"}, "warning: the cache is not kept (/.cache/tlpipe-edge: Permission denied). "),
        (READ_ONLY, {"HOME": "/gone"}, NOWHERE),
    ],
    ids=["no home", "home of others", "read-only"],
)
@pytest.mark.parametrize("command", ["classify", "camera"])
def test_without_a_place_to_write_to(
    within: list[str], home: dict[str, str], said: str, command: str, drawn: Bundle, one: Path
) -> None:
    images = [drawn.path / "golden" / "0.png"] if command == "classify" else ["--source", one, "--json"]
    done = surroundings.run("tlpipe_edge", command, drawn.path, *images, within=within, environment=bare(**home))

    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1, done.stderr
    assert done.stderr.decode().startswith(said) and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["info", "doctor"])
def test_what_needs_no_cache_says_nothing_of_it(command: str, drawn: Bundle) -> None:
    arguments = [drawn.path] if command == "info" else []
    done = surroundings.run("tlpipe_edge", command, *arguments, within=NOBODY, environment=bare())

    assert done.returncode == 0 and done.stderr == b""


def test_a_named_cache_that_cannot_be_written_to_is_an_error(drawn: Bundle, tmp_path: Path) -> None:
    named = bare(HOME=str(tmp_path), TLPIPE_CACHE="/proc/cache")
    done = surroundings.run("tlpipe_edge", "classify", drawn.path, drawn.path / "golden", environment=named)

    assert done.returncode == 69 and done.stdout == b""
    assert done.stderr.startswith(b"error: $TLPIPE_CACHE (/proc/cache): ")


@pytest.mark.parametrize(
    ("locale", "printed"),
    [
        ({"LC_ALL": "C"}, "blå über\u2192/grün.png".encode()),
        ({"LC_ALL": "C", "PYTHONUTF8": "0"}, rb"bl\xe5 \xfcber\u2192/gr\xfcn.png"),
        ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "latin-1"}, "blå über".encode("latin-1") + rb"\u2192/"),
        ({"LC_ALL": "C.UTF-8", "PYTHONIOENCODING": "latin-1"}, "blå über".encode("latin-1") + rb"\u2192/"),
    ],
)
def test_names_that_the_locale_does_not_know(
    locale: dict[str, str], printed: bytes, drawn: Bundle, tmp_path: Path
) -> None:
    folder = tmp_path / "blå über→"
    folder.mkdir()
    shutil.copy(drawn.path / "golden" / "0.png", folder / "grün.png")
    shutil.copytree(drawn.path, folder / "bündel")
    environment = bare(HOME=str(tmp_path), **locale)
    done = surroundings.run(
        "tlpipe_edge", "classify", "blå über→/bündel", "blå über→/grün.png", folder=tmp_path, environment=environment
    )

    assert done.returncode == 0 and done.stderr == b""
    assert done.stdout.startswith(printed)


@pytest.mark.parametrize(("closed", "lines"), [("<&-", 1), (">&-", 0), ("2>&-", 1), ("<&- >&- 2>&-", 0)])
@pytest.mark.parametrize("command", ["classify", "camera"])
def test_closed_streams(closed: str, lines: int, command: str, drawn: Bundle, one: Path) -> None:
    """A file of the program must not take the number of one, and get what is printed."""
    images = [one] if command == "classify" else ["--source", one]
    done = surroundings.run("tlpipe_edge", command, drawn.path, *images, environment=os.environ, closed=closed)

    assert done.returncode == 0 and done.stderr == b""
    assert len(done.stdout.splitlines()) == lines


def test_a_working_folder_that_is_gone(drawn: Bundle, tmp_path: Path) -> None:
    gone = ["sh", "-c", 'mkdir "$0" && cd "$0" && rmdir "$0" && exec "$@"', str(tmp_path / "gone")]
    golden = drawn.path / "golden"
    done = surroundings.run("tlpipe_edge", "classify", drawn.path, golden, within=gone, environment=os.environ)

    assert done.returncode == 0 and len(done.stdout.splitlines()) == 6
    assert done.stderr.decode() == f"{golden}: passed over 1 other file\n"


def test_images_that_may_not_be_read_are_errors_of_their_own(drawn: Bundle, one: Path, tmp_path: Path) -> None:
    owner = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]  # root, to whom permissions apply
    shut, closed = tmp_path / "shut", tmp_path / "closed.jpg"
    shut.mkdir(mode=0)
    closed.touch(mode=0)
    images = [shut, closed, shut / "1.jpg", shut / "deep/1.jpg", one]
    done = surroundings.run(
        "tlpipe_edge", "classify", drawn.path, *images, within=owner, environment=bare(HOME=str(tmp_path))
    )

    assert done.returncode == 65
    folder, *refused, classified = done.stdout.decode().splitlines()
    assert folder == f"{shut}: error: no images in this folder"
    assert refused == [f"{each}: error: cannot be read (Permission denied)" for each in images[1:-1]]
    assert classified.startswith(f"{one}/0.png: ") and "error" not in classified

    camera = ["camera", drawn.path, "--source", shut / "1.avi"]
    done = surroundings.run("tlpipe_edge", *camera, within=owner, environment=bare(HOME=str(tmp_path)))
    assert (done.returncode, done.stdout) == (66, b"") and b"in a folder that cannot be read" in done.stderr


def test_messages_that_cannot_be_written(drawn: Bundle, one: Path, tmp_path: Path) -> None:
    """On a full disk, stderr being a log there."""
    (one / "a.txt").touch()
    full = "2>/dev/full"
    done = surroundings.run(
        "tlpipe_edge", "classify", drawn.path, one, environment=bare(HOME=str(tmp_path)), closed=full
    )
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 1

    done = surroundings.run("tlpipe_edge", "classify", one / "gone", one, environment=bare(), closed=full)
    assert done.returncode == 66
