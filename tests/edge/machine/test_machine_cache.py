"""The folder of all caches: the one that is named, that of the platform, or a temporary one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from tlpipe_edge.errors import BadConfiguration, Unavailable
from tlpipe_edge.machine import cache


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was warned of; $TLPIPE_CACHE is as before at the end of the test."""
    monkeypatch.setenv("TLPIPE_CACHE", "to be restored")
    monkeypatch.delenv("TLPIPE_CACHE")
    return []


def test_the_order_of_the_places(tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder("name", warn=warnings.append) == tmp_path / "home" / ".cache" / "name"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache.folder("name", warn=warnings.append) == tmp_path / "home" / ".cache" / "name"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.folder("name", warn=warnings.append) == tmp_path / "xdg" / "name"
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path / "naméd here"))
    assert cache.folder("name", warn=warnings.append) == tmp_path / "naméd here" / "name"
    assert warnings == [] and (tmp_path / "naméd here" / "name").is_dir()


def test_a_named_folder_that_cannot_be_made_is_an_error(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TLPIPE_CACHE", str(tmp_path / "file"))
    with pytest.raises(Unavailable) as caught:
        cache.folder("name", warn=warnings.append)

    assert caught.value.what == f"$TLPIPE_CACHE ({tmp_path / 'file'}): Not a directory"
    assert caught.value.advice == "Name another folder, or unset it." and warnings == []


def test_a_tilde_in_the_name_is_the_home_folder(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TLPIPE_CACHE", "~/cache")

    assert cache.folder("name", warn=warnings.append) == tmp_path / "home/cache/name"
    assert not (tmp_path / "~").exists()


@pytest.mark.parametrize("named", ["below/here", "~nobody-of-this-name/cache"])
def test_a_relative_name_is_refused(
    tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TLPIPE_CACHE", named)
    with pytest.raises(BadConfiguration) as caught:
        cache.folder("name", warn=warnings.append)

    reason = "a relative path, so each working folder would have a cache of its own"
    assert caught.value.what == f"$TLPIPE_CACHE ({named}): {reason}" and caught.value.advice
    assert not [*tmp_path.iterdir()]


def test_a_temporary_folder_is_private_used_by_children_and_removed(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = (
        "import os, subprocess, sys\nfrom tlpipe_edge.machine import cache\n"
        "paths = [cache.folder(name, warn=lambda text: print(text, file=sys.stderr)) for name in 'aab']\n"
        "print(*paths, oct(os.stat(paths[0].parent).st_mode), sep='\\n', flush=True)\n"
        "child = 'from tlpipe_edge.machine import cache; print(cache.folder(\"a\", warn=exit))'\n"
        "subprocess.run([sys.executable, '-c', child], check=True)\n"
        "assert os.fork() or sys.exit()\n"
        "os.wait()\nassert paths[0].exists()"
    )
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", env=environment, check=False
    )

    first, again, other, mode, childs = done.stdout.splitlines()
    assert first == again == childs and Path(first).parent == Path(other).parent
    assert stat.S_IMODE(int(mode, 8)) == 0o700
    advice = "Name a folder for it: $TLPIPE_CACHE."
    where = tmp_path / "file" / "a"
    assert done.stderr == f"the cache is not kept ({where}: Not a directory). {advice}\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


def test_nothing_at_all(tmp_path: Path, warnings: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(**_: object) -> str:
        raise FileNotFoundError("no usable temporary folder")

    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "mkdtemp", nowhere)
    with pytest.raises(cache.NoFolder, match="no cache and no temporary folder"):
        cache.folder("name", warn=warnings.append)
    assert warnings == []
