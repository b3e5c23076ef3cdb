"""A disk that is really full, a small one in memory: one clear line, exit code 69, and nothing half-written on it."""

from pathlib import Path

import drawing
import pytest
import surroundings

from tlpipe.demo.digits import BACKBONE

BUNDLE = Path(__file__).parents[1] / "data/bundle"
ON_A_SMALL_DISK = (
    'mount -t tmpfs -o size="$0" tmpfs "$1" && cd "$1" && shift && { "$@"; code=$?; find . -type f; exit $code; }'
)
"""Run a command in a folder that is a disk of some size, and list what it leaves there."""


@pytest.mark.parametrize("size", ["4k", "16k"])
def test_a_report_on_a_full_disk(tmp_path: Path, size: str) -> None:
    assert _left(tmp_path, size, "report", BUNDLE, "--out", "reports/drawn") == []


@pytest.mark.parametrize("size", ["40k", "2500k"], ids=["cache", "model"])
def test_training_on_a_full_disk(tmp_path_factory: pytest.TempPathFactory, tmp_path: Path, size: str) -> None:
    photos = drawing.photographs(tmp_path_factory.mktemp("data") / "photos", ("bars", "rings"), count=8)
    options = ("--weights", BACKBONE, "--alpha", "0.35", "--image-size", "64", "--views", "1", "--epochs", "1")
    left = _left(tmp_path, size, "train", photos, "--out", "runs/run", *options)

    others = ("./cache/keras/", "./cache/matplotlib/", "./cache/tlpipe/runs/")
    ours = [name for name in left if not name.startswith(others) and not name.endswith("/.use")]
    if size == "2500k":  # the training is done: the next command goes on from there
        ours = [name for name in ours if not name.startswith("./runs/.run.unfinished-")]
    assert all(name.startswith("./cache/tlpipe/") and "/." not in name[2:] for name in ours)
    assert bool(ours) == (size != "40k")


def _left(disk: Path, size: str, *arguments: str | Path) -> list[str]:
    """The files that a command leaves on a disk of this size, which is its working folder and has the cache."""
    done = surroundings.run(
        "tlpipe",
        *arguments,
        within=("unshare", "--mount", "sh", "-c", ON_A_SMALL_DISK, size, str(disk)),
        environment=surroundings.bare(TLPIPE_CACHE=str(disk / "cache"), HOME="/nonexistent"),
        folder=disk,
    )
    messages = done.stderr.decode().splitlines()

    assert done.returncode == 69, messages
    assert messages[-2].startswith("error: ") and messages[-2].endswith("No space left on device")
    assert messages[-1].startswith("Free some space, or name another ")
    return done.stdout.decode().splitlines()
