"""The wheel of what is installed: what a build would give, made without one."""

import base64
import configparser
import csv
import hashlib
import io
import py_compile
import tomllib
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import pytest

import tlpipe_edge
from tlpipe.remote import wheel
from tlpipe_edge.errors import BadConfiguration

PROJECT = Path(__file__).parents[2] / "edge/pyproject.toml"


def test_it_holds_the_package_and_its_metadata() -> None:
    package = Path(tlpipe_edge.__file__).parent
    py_compile.compile(str(package / "errors.py"))  # as every import does, unless it is told not to
    packed = wheel.pack("tlpipe-edge", "tlpipe_edge")
    version = distribution("tlpipe-edge").version
    info = f"tlpipe_edge-{version}.dist-info"

    assert packed.name == f"tlpipe_edge-{version}-py3-none-any.whl"
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    code = {f"tlpipe_edge/{file.relative_to(package)}" for file in package.rglob("*") if file.is_file()}
    assert {name for name in held if not name.startswith(info)} == {n for n in code if "__pycache__" not in n}
    assert held["tlpipe_edge/live_page/page.html"] == (package / "live_page/page.html").read_bytes()
    assert held[f"{info}/METADATA"].decode() == distribution("tlpipe-edge").read_text("METADATA")
    entry_points = configparser.ConfigParser()
    entry_points.read_string(held[f"{info}/entry_points.txt"].decode())
    declared = tomllib.loads(PROJECT.read_text())["project"]["scripts"]
    assert dict(entry_points["console_scripts"]) == declared, "tlpipe-edge was changed after it was installed"
    assert {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE", f"{info}/WHEEL"} <= set(held)
    assert not any(name.endswith(("direct_url.json", "INSTALLER")) for name in held)

    listed = {name: (digest, size) for name, digest, size in csv.reader(held[f"{info}/RECORD"].decode().splitlines())}
    assert set(listed) == set(held)
    for name, (digest, size) in listed.items():
        if size:
            kind, _, value = digest.partition("=")
            assert base64.urlsafe_b64decode(value + "=") == hashlib.new(kind, held[name]).digest()
            assert int(size) == len(held[name])


def test_the_same_files_give_the_same_bytes() -> None:
    packed = wheel.pack("tlpipe-edge", "tlpipe_edge")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        names = archive.namelist()
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}

    assert names == sorted(names) and packed == wheel.pack("tlpipe-edge", "tlpipe_edge")


def test_what_is_not_installed() -> None:
    with pytest.raises(BadConfiguration, match="is not installed here"):
        wheel.pack("no-such-distribution", "tlpipe_edge")
