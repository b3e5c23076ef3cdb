"""The command of the device, as a program."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from tlpipe_edge import Bundle
from tlpipe_edge.cli.commands import app
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def photographs(drawn: Bundle, tmp_path: Path) -> Path:
    """A folder with two good pictures, one of them deeper, and a bad one between them."""
    first, *_, last = drawn.golden().files
    folder = tmp_path / "photographs"
    (folder / "deeper").mkdir(parents=True)
    shutil.copy(first, folder / f"a{first.suffix}")
    (folder / "b.jpg").write_bytes(b"\xff\xd8\xff no picture")
    shutil.copy(last, folder / "deeper" / f"C{last.suffix.upper()}")
    (folder / "notes.txt").write_text("not looked at")
    return folder


@pytest.mark.arm64
def test_a_line_for_each_picture(tlpipe_edge: Command, drawn: Bundle) -> None:
    files = drawn.golden().files
    done = tlpipe_edge("classify", drawn.path, *files, "--top-k", 2)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert len(lines) == len(files)
    for line, file in zip(lines, files, strict=True):
        assert line.startswith(f"{file}: ") and " ms: decode " in line
        assert sum(label in line for label in drawn.manifest.labels) == 2


@pytest.mark.arm64
def test_json_is_one_document_with_the_stated_keys(tlpipe_edge: Command, drawn: Bundle) -> None:
    file = drawn.golden().files[0]
    done = tlpipe_edge("classify", drawn.path, file, "--json", "--recipe", "int8", "--threads", 2)
    document = json.loads(done.stdout)

    assert (done.returncode, done.stderr) == (0, "")
    assert list(document) == ["schema", "model", "recipe", "images"]
    assert (document["schema"], document["model"], document["recipe"]) == (1, "drawn", "int8")
    (row,) = document["images"]
    assert list(row) == ["file", "label", "score", "top_k", "timings_ms", "error"]
    assert list(row["timings_ms"]) == ["decode", "resize", "invoke", "total"]
    assert row["top_k"][0] == {"label": row["label"], "score": row["score"]}
    assert len(row["top_k"]) == 3 and row["error"] is None


@pytest.mark.arm64
def test_a_bad_picture_does_not_stop_the_others(tlpipe_edge: Command, drawn: Bundle, photographs: Path) -> None:
    text = tlpipe_edge("classify", drawn.path, photographs)
    assert text.returncode == 65
    good, bad, deeper = text.stdout.splitlines()
    assert bad == f"{photographs / 'b.jpg'}: error: cannot be decoded as JPEG (its header is truncated or damaged)"
    assert " ms: " in good and deeper.startswith(str(photographs / "deeper" / "C."))

    done = tlpipe_edge("classify", drawn.path, photographs, "--json")
    assert done.returncode == 65
    rows = json.loads(done.stdout)["images"]
    assert [row["error"] is None for row in rows] == [True, False, True]
    assert (rows[1]["label"], rows[1]["score"], rows[1]["top_k"], rows[1]["timings_ms"]) == (None, None, [], None)


def test_what_is_missing_or_empty_does_not_stop_the_others(tlpipe_edge: Command, drawn: Bundle, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    done = tlpipe_edge("classify", drawn.path, "gone.jpg", tmp_path / "empty", drawn.golden().files[0], "--json")

    assert done.returncode == 66
    missing, empty, good = json.loads(done.stdout)["images"]
    assert missing["error"] == "gone.jpg: no such file"
    assert empty["error"] == f"{tmp_path / 'empty'}: no images in this folder"
    assert good["error"] is None and good["label"]


def test_a_name_that_is_not_unicode_is_shown_with_an_escape(
    tlpipe_edge: Command, drawn: Bundle, tmp_path: Path
) -> None:
    odd = tmp_path / os.fsdecode(b"caf\xe9.png")
    shutil.copy(drawn.golden().files[0], odd)

    text = tlpipe_edge("classify", drawn.path, odd)
    assert text.returncode == 0 and text.stdout.startswith(f"{tmp_path}/caf\\udce9.png: ")
    document = json.loads(tlpipe_edge("classify", drawn.path, odd, "--json").stdout)
    assert document["images"][0]["file"] == str(odd)


def test_a_reader_that_goes_away_is_no_error(drawn: Bundle) -> None:
    photo = str(drawn.golden().files[0])
    command = [sys.executable, "-m", "tlpipe_edge", "classify", str(drawn.path), *[photo] * 2000]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 0


@pytest.mark.arm64
def test_a_single_file_is_classified_with_a_note_on_its_crop(tlpipe_edge: Command, drawn: Bundle) -> None:
    done = tlpipe_edge("classify", drawn.path / "drawn-int8.tflite", drawn.golden().files[0], "--json")

    assert done.returncode == 0 and "center-crop is used" in done.stderr
    assert json.loads(done.stdout)["recipe"] == "int8"


@pytest.mark.parametrize("arguments", [("classify", "-q"), ("-q", "classify"), ("--quiet", "classify", "-q")])
def test_quiet_before_or_after_the_command_leaves_the_note_out(
    tlpipe_edge: Command, drawn: Bundle, arguments: tuple[str, ...]
) -> None:
    done = tlpipe_edge(*arguments, drawn.path / "drawn-int8.tflite", drawn.golden().files[0])

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("value", ["-1", "1" + 30 * "0", "inf", "nan"])
def test_every_number_has_bounds(value: str) -> None:
    group: Any = typer.main.get_command(app)
    numbers = [
        (command, each)
        for command in group.commands.values()
        for each in command.params
        if each.type_descriptor.annotation in (int, float)
    ]

    assert len(numbers) > 3
    for command, each in numbers:
        context = command.make_context(command.name, [], resilient_parsing=True)
        with pytest.raises(WrongUsage):
            each.process_value(context, value)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("classify", "gone", "PICTURE"), 66, "error: gone: no such bundle or model\n"),
        (("classify", "BUNDLE", "PICTURE", "--recipe", "float16"), 2, "It holds int8.\n"),
        (("classify", "BUNDLE", "PICTURE", "--runtime", "onnx"), 2, "classify --runtime: no runtime onnx\nChoose"),
        (("classify", "BUNDLE", "PICTURE", "--threads", "0"), 2, "--threads"),
        (
            ("classify", "PICTURE", "PICTURE"),
            65,
            ": this is an image, not a bundle or a .tflite file\nName a folder that",
        ),
        (("info", "gone"), 66, "error: gone: no such bundle or model\n"),
        (("info", "BESIDE"), 66, "drwan: no such bundle or model\nDid you mean BUNDLE?\n"),
        (("classify", "BESIDE", "PICTURE"), 66, "drwan: no such bundle or model\nDid you mean BUNDLE?\n"),
        (("camera", "BESIDE"), 66, "drwan: no such bundle or model\nDid you mean BUNDLE?\n"),
        (("bench", "BESIDE"), 66, "drwan: no such bundle or model\nDid you mean BUNDLE?\n"),
        (("info", "PICTURE"), 65, ": this is an image, not a bundle or a .tflite file\n"),
        (("bench", "PICTURE"), 65, ": this is an image, not a bundle or a .tflite file\n"),
        (("info", "RUN"), 66, "run: this is a run, not a bundle\nExport it first: tlpipe export "),
        (("bench", "BUNDLE", "--data", "PICTURE"), 65, ": this is an image, not a folder\n"),
        (("info", "EMPTY"), 66, "no bundle here (manifest.json is missing)\n"),
    ],
)
def test_a_users_error_is_said_in_two_lines(
    tlpipe_edge: Command, copied: Path, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/run.json").write_text('{"schema": 1, "best": "1-frozen"}')
    places = {"BUNDLE": copied, "PICTURE": copied / "golden/0.png", "EMPTY": tmp_path / "run/.."}
    places |= {"BESIDE": tmp_path / "drwan", "RUN": tmp_path / "run"}
    done = tlpipe_edge(*(places.get(argument, argument) for argument in arguments))

    error = done.stderr[done.stderr.index("error: ") :]
    assert done.returncode == code
    assert said.replace("BUNDLE", str(copied)) in error and len(error.splitlines()) <= 2
    assert done.stdout == ""


@pytest.mark.arm64
def test_info_tells_what_a_bundle_holds(tlpipe_edge: Command, drawn: Bundle) -> None:
    done = tlpipe_edge("info", drawn.path)

    assert (done.returncode, done.stderr) == (0, "")
    assert "drawn: 3 classes: blue cross, green bars, red ring" in done.stdout
    assert "64 x 64 RGB, center-crop" in done.stdout
    assert "uint8 1x64x64x3 (1, 0)" in done.stdout and "drawn-int8.tflite" in done.stdout


def test_info_of_a_single_file_says_what_it_cannot_know(tlpipe_edge: Command, drawn: Bundle) -> None:
    done = tlpipe_edge("info", drawn.path / "drawn-int8.tflite")

    assert "mobilenet_v2_0.35_64: 3 classes" in done.stdout and "no manifest" in done.stdout


def test_info_finds_damage(tlpipe_edge: Command, copied: Path) -> None:
    (copied / "drawn-int8.tflite").write_bytes(b"\0\0\0\0TFL3")

    assert tlpipe_edge("info", copied).returncode == 65
