"""Training and export where there is no home, by another user, in an old locale, with names beyond ASCII."""

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import drawing
import pytest
import surroundings
from surroundings import NOBODY, bare

from tlpipe.storage import cache
from tlpipe_edge.machine.cache import VARIABLE

KEPT_NOT = "warning: the cache is not kept (the user has no home folder). Name a folder for it: $TLPIPE_CACHE."


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder with images that each user can read and write to; those of pytest are for its own user alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drawing.photographs(folder / "photos für alle", ("-blå ring", "kryss"), count=10)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o777)
        yield folder


def test_training_and_a_report_without_a_home(work: Path, options: list[str]) -> None:
    """Nothing but one warning is said of it, neither by Keras nor by Matplotlib or fontconfig."""
    trained = surroundings.run(
        *("tlpipe", "train", "photos für alle", "--out", "rün", *options),
        within=NOBODY,
        environment=bare(LC_ALL="C", PYTHONUTF8="0"),
        folder=work,
        closed="<&-",
    )
    said = trained.stderr.decode().splitlines()
    assert trained.returncode == 0 and trained.stdout == rb"r\xfcn" + b"\n", trained.stderr
    assert [line for line in said if any(word in line.lower() for word in ("cache", "matplotlib", "font"))] == [
        KEPT_NOT
    ]
    assert (work / "rün" / "1-frozen" / "learning-curve.png").is_file()

    export = ("export", "rün", "--out", "bündel", "--quantize", "float32")
    exported = surroundings.run("tlpipe", *export, within=NOBODY, environment=bare(), folder=work)
    assert exported.returncode == 0 and exported.stderr.decode().count(KEPT_NOT) == 1, exported.stderr
    assert (work / "bündel" / "labels.txt").read_text("utf-8") == "-blå ring\nkryss\n"

    reported = surroundings.run(
        "tlpipe", "report", "bündel", "--out", "b", within=NOBODY, environment=bare(), folder=work
    )
    assert reported.returncode == 0 and b"warning" not in reported.stderr, reported.stderr
    assert not [path for path in Path(tempfile.gettempdir()).glob("tlpipe-*") if path.stat().st_uid == 12345]


def nowhere() -> str:
    raise FileNotFoundError("no usable temporary folder")


@pytest.mark.parametrize("found", [nowhere, os.getcwd])
def test_the_libraries_write_into_a_named_cache(
    found: Callable[[], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do temporary files, if the system has no folder for them: the working folder is no place for them."""
    variables = ("KERAS_HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME")
    for name in (*variables, "TMPDIR"):
        monkeypatch.setenv(name, "to be restored")
    for name in variables:
        monkeypatch.setenv(name, "")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "gettempdir", found)
    cache.used_by_libraries()

    assert [os.environ[name] for name in variables] == [
        f"{tmp_path}/{name}" for name in ("keras", "matplotlib", "others")
    ]
    assert os.environ["TMPDIR"] == tempfile.tempdir == str(tmp_path / "tlpipe")
