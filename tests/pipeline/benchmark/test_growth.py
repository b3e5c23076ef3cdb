"""benchmarks/growth.py: the images it makes, the memory it sees, what it computes, and the options of its commands."""

import importlib
import re
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
MEGABYTES = 60
CHILD = f"""
import mmap, subprocess, sys, time
from pathlib import Path
own = bytearray(b"1") * ({MEGABYTES} << 20)
if len(sys.argv) > 1:
    with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        seen = sum(mapped[::4096])
        subprocess.run([sys.executable, __file__], check=True)
else:
    while not Path("looked").exists():
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def scripts() -> Iterator[ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        yield importlib.import_module("growth")


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "photographs" / label).mkdir(parents=True)
        for name in range(2):
            pixels = random.integers(0, 255, (150, 200, 3), np.uint8)
            cv2.imwrite(str(tmp_path / "photographs" / label / f"{name}.jpg"), pixels)
    return tmp_path / "photographs"


def _files(folder: Path) -> dict[str, str]:
    return {str(each.relative_to(folder)): sha256(each.read_bytes()).hexdigest() for each in folder.rglob("*.jpg")}


def test_the_images_are_distinct_and_a_smaller_set_is_a_part_of_a_larger_one(
    scripts: ModuleType, photographs: Path, tmp_path: Path
) -> None:
    sets = scripts.many_images.make(photographs, tmp_path / "images", [8, 24])

    small, large = _files(sets[8]), _files(sets[24])
    assert (len(small), len(large), len(set(large.values()))) == (8, 24, 24)
    assert small.items() <= large.items()
    assert {each.split("/")[0] for each in small} == {"a", "b"}
    for file in sets[24].rglob("*.jpg"):
        height, width = cv2.imread(str(file)).shape[:2]
        assert height == width and 96 <= width <= 128


def test_no_two_crops_of_a_photograph_are_alike(scripts: ModuleType, tmp_path: Path) -> None:
    """So small a photograph that some of its 200 crops would be drawn twice."""
    pixels = np.random.default_rng(0).integers(0, 255, (8, 8, 3), np.uint8)
    (tmp_path / "photographs/a").mkdir(parents=True)
    cv2.imwrite(str(tmp_path / "photographs/a/small.jpg"), pixels)

    found = scripts.many_images.make(tmp_path / "photographs", tmp_path / "images", [200])[200]

    assert len(set(_files(found).values())) == 200


def test_images_that_are_there_are_not_made_again_and_missing_ones_are_the_same(
    scripts: ModuleType, photographs: Path, tmp_path: Path
) -> None:
    make = scripts.many_images.make
    before = _files(make(photographs, tmp_path / "whole", [24])[24])
    make(photographs, tmp_path / "images", [8])
    for marked in (tmp_path / "images/all").rglob("000001.jpg"):
        marked.write_bytes(marked.parent.name.encode())
    (tmp_path / "images/all/a/000002.jpg").unlink()

    after = _files(make(photographs, tmp_path / "images", [24])[24])

    assert {name for name in before if before[name] != after[name]} == {"a/000001.jpg", "b/000001.jpg"}


def test_a_number_that_the_classes_do_not_divide_is_refused(
    scripts: ModuleType, photographs: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="a multiple of the 2 classes"):
        scripts.many_images.make(photographs, tmp_path / "images", [9])


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="the kernel has no smaps_rollup")
def test_the_memory_is_that_of_all_processes_without_mapped_files(
    scripts: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes with the same memory each, one of which also maps a file of ten times that size."""
    (tmp_path / "child.py").write_text(CHILD)
    with (tmp_path / "mapped").open("wb") as file:
        file.truncate(10 * MEGABYTES << 20)

    read = scripts.watched._bytes
    looks: list[int] = []

    def looked(pid: int, file: str, names: tuple[str, ...]) -> int:
        """Until both have been looked at twice at least, while each has all of its memory, they do not end."""
        size: int = read(pid, file, names)
        if names == scripts.watched.COUNTED and size > MEGABYTES << 20:
            looks.append(pid)
        if len(set(looks)) == 2 and len(looks) > 2:
            (tmp_path / "looked").touch()
        return size

    monkeypatch.setattr(scripts.watched, "_bytes", looked)
    command = [sys.executable, str(tmp_path / "child.py"), str(tmp_path / "mapped")]
    found = scripts.watched.run(command, environment={}, folder=tmp_path, log=tmp_path / "log")

    assert found.exit_code == 0, (tmp_path / "log").read_text()
    assert 2 * MEGABYTES <= found.peak_bytes / (1 << 20) < 3 * MEGABYTES
    assert len(found.peak_processes) == 2 and sum(found.peak_processes) == found.peak_bytes


def test_growth_is_computed_from_the_smallest_and_the_largest_set(scripts: ModuleType) -> None:
    """8 times the time and 4,000 more bytes of memory for each of 16 times the images."""

    def figures(images: int, seconds: float, memory: int) -> Any:
        cost = scripts.watched.Watched(0, seconds, seconds, memory, (memory,), 0.0, (memory,))
        return scripts.Figures(images, "", 0.0, cost, 0, 0)

    small, middle, large = figures(5_000, 10, 1_000), figures(20_000, 20, 0), figures(80_000, 80, 300_001_000)

    found = scripts.growth({"train": {each.images: each for each in (small, middle, large)}, "one": {5_000: small}})

    expected = {
        "time_exponent": 0.75,
        "seconds_a_further_image": 70 / 75_000,
        "memory_bytes_a_further_image": 4_000,
        "seconds_an_image_ratio": 1,
    }
    assert found == {"train": pytest.approx(expected), "one": {}}


def test_what_a_stopped_step_left_in_the_cache_is_removed(scripts: ModuleType, tmp_path: Path) -> None:
    cache, record = tmp_path / "cache", tmp_path / "steps/finetune.cache"
    for folder in (cache / "features", record.parent):
        folder.mkdir(parents=True)
    (cache / "features/1").write_bytes(b"by train")
    scripts._as_before(cache, record)
    (cache / "features/2").write_bytes(b"by finetune")

    scripts._as_before(cache, record)

    assert [each.name for each in (cache / "features").iterdir()] == ["1"]
    (cache / "features/1").write_bytes(b"changed by finetune")
    with pytest.raises(SystemExit, match="changed files"):
        scripts._as_before(cache, record)


def test_the_commands_have_these_options(scripts: ModuleType, tmp_path: Path) -> None:
    documented = (ROOT / "docs/cli.md").read_text()
    for step in scripts.STEPS:
        command, *arguments = scripts._arguments(step, tmp_path, tmp_path)
        (section,) = re.findall(rf"^### tlpipe {command}\n(.*?)(?=^##)", documented, re.MULTILINE | re.DOTALL)
        options = [each for each in arguments if each.startswith("--")]
        assert options and [each for each in options if f"`{each}" not in section] == []
