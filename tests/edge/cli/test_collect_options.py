"""`tlpipe-edge camera --collect`: images are kept in their folders, and wrong options are refused."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from collected import checked, frame

from tlpipe_edge import Bundle

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    """Three images that differ."""
    folder = tmp_path / "frames"
    folder.mkdir()
    for seed in range(3):
        cv2.imwrite(str(folder / f"{seed}.png"), frame(seed))
    return folder


def test_images_are_kept_with_what_the_model_says(
    tlpipe_edge: Command, drawn: Bundle, frames: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "new" / "kept"
    options = ["--threshold", "1", "--smoothing", "0", "--collect", kept, "--when", "unknown", "--json"]
    done = tlpipe_edge("camera", drawn.path, "--source", frames, *options)

    assert (done.returncode, done.stderr) == (0, "")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    descriptions = checked(kept)
    assert len(descriptions) == len(answers) > 0
    for each in descriptions.values():
        assert (each.label, each.reason, each.model) == ("unknown", "unknown", drawn.manifest.name)
        assert each.artifact_sha256 == drawn.artifact(each.recipe).sha256
        assert (each.best, each.score) in [(top["label"], top["score"]) for a in answers for top in a["top_k"]]


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--when", "unknown"), 2, "--when: no folder for the images\nName one with --collect.\n"),
        (("--collect-limit", "9"), 2, "--collect-limit: no folder for the images\nName one with --collect.\n"),
        (("--collect-per-hour", "9"), 2, "--collect-per-hour: no folder for the images\nName one with --collect.\n"),
        (("--collect", "FILE"), 2, "FILE: is a file, not a folder\nName a folder with --collect.\n"),
        (("--collect", "kept", "--when", "often"), 2, "--when: often is not a rule\nChoose uncertain, unknown, "),
        (("--collect", "kept", "--collect-limit", "0"), 2, "0 is too low\nGive a whole number of at least 1.\n"),
        (("--collect", "/proc/kept"), 69, "/proc/kept: cannot be written to (No such file or directory)\nCheck "),
    ],
)
def test_wrong_options_are_refused(
    options: tuple[str, ...], code: int, said: str, tlpipe_edge: Command, drawn: Bundle, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    written = [each.replace("FILE", str(file)) for each in options]
    done = tlpipe_edge("camera", drawn.path, "--source", tmp_path, *written)
    assert done.returncode == code and done.stdout == ""
    assert said.replace("FILE", str(file)) in done.stderr and done.stderr.count("\n") == 2
