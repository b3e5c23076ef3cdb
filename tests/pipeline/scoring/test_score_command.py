"""The command `score`: what it prints where, and its exit codes."""

import json
import re
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from results import rows

import tlpipe as package
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]


def test_the_file_is_printed(tlpipe: Command, stored: Bundle, photos: Path) -> None:
    done = tlpipe("score", stored.path, photos, "--out", "out.csv")

    assert (done.code, done.stdout) == (0, "out.csv\n")
    assert "int8: 12 images in " in done.stderr and " per second\n" in done.stderr


def test_json_is_one_document(tlpipe: Command, stored: Bundle, photos: Path) -> None:
    (photos / "bars/00.jpg").write_bytes(b"\xff\xd8\xff")
    done = tlpipe("score", stored.path, photos, "--out", "out.jsonl", "--json", "--top-k", 1, "--workers", 1)
    told = json.loads(done.stdout)

    seconds, speed = told.pop("seconds"), told.pop("images_per_second")
    assert told == {"schema": 1, "file": "out.jsonl", "recipe": "int8", "images": 12, "failed": 1, "continued": 0}
    assert speed == pytest.approx(12 / seconds)
    assert done.code == 0 and "1 of 12 images cannot be read" in done.stderr
    assert {len(row["top_k"]) for row in rows(Path("out.jsonl"))} == {0, 1}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["photos", "--out", "out.txt"], 2, "out.txt: unknown format of the result"),
        (["photos", "--out", "photos"], 2, "photos: unknown format"),
        (["photos"], 2, "--out"),
        (["--out", "out.csv"], 2, "SOURCE"),
        (["photos", "--out", "out.csv", "--workers", "0"], 2, "0 is too low"),
        (["photos", "--out", "out.csv", "--top-k", "0"], 2, "0 is too low"),
        (["photos", "--out", "out.csv", "--recipe", "float16"], 2, "no format float16 in this bundle"),
        (["gone", "--out", "out.csv"], 66, "gone: no such folder, list, archive or image"),
        (["photos", "photos/bars/text.txt", "--out", "out.csv"], 65, "no column has the path of an image"),
        (["photos/none", "--out", "out.csv"], 65, "photos/none: no images, but 1 text file"),
        (["photos/none.jpg", "--out", "out.csv"], 65, "none of the 1 images can be read; the first: photos/none.jpg"),
        (["photos", "--out", "photos/none.jpg/out.csv"], 2, "none.jpg: is a file, not a folder"),
    ],
)
def test_errors(tlpipe: Command, stored: Bundle, photos: Path, arguments: list[str], code: int, said: str) -> None:
    (photos / "none").mkdir()
    for file in (photos / "none/text.txt", photos / "bars/text.txt"):
        file.write_text("once upon a time")
    (photos / "none.jpg").write_bytes(b"\xff\xd8\xff")
    done = tlpipe("score", stored.path, *arguments)

    assert (done.code, done.stdout) == (code, "") and said in done.stderr, done.stderr
    assert "Traceback" not in done.stderr and not list(Path().glob(".*"))


def test_a_full_disk_is_told(
    tlpipe: Command, stored: Bundle, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a limit on the size of a file, which the rows exceed."""
    command = ("score", stored.path, *[photos] * 10, "--out", "out.csv", "--workers", 1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, before[1]))
    try:
        with monkeypatch.context() as patch:
            patch.setattr(Checkpoint, "due", lambda _: True)
            done = tlpipe(*command)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    kept, *error = done.stderr.splitlines()[-3:]

    assert (done.code, done.stdout) == (69, "")
    assert error == ["error: out.csv: File too large", "Free some space, or name another path."]
    assert re.fullmatch(r"what was scored is kept. The same command continues after [1-9][0-9]* images\.", kept)
    assert tlpipe(*command).code == 0 and len(rows(tmp_path / "out.csv")) == 120


def test_it_needs_no_tensorflow(in_a_process: Command, stored: Bundle, photos: Path, tmp_path: Path) -> None:
    done = in_a_process(
        "import atexit, sys; from tlpipe.cli import commands\n"
        "heavy = {'tensorflow', 'keras', 'sklearn', 'matplotlib', 'pyarrow', 'jinja2', 's3fs', 'fsspec'}\n"
        "atexit.register(lambda: print(sorted(heavy & set(sys.modules))))\n"
        "sys.argv[0] = 'tlpipe'; commands.main()",
        *("score", stored.path, photos, "--out", tmp_path / "out.csv"),
    )

    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'out.csv'}\n[]\n"), done.stderr


def test_the_function(stored: Bundle, photos: Path, tmp_path: Path) -> None:
    done = package.score(stored, str(photos), out=tmp_path / "out.jsonl", top_k=2)
    again = package.score(stored.path, [photos / "bars", photos / "rings"], out=str(tmp_path / "two.csv"), workers=2)

    assert (done.images, again.images, again.file) == (12, 8, tmp_path / "two.csv")
    assert "<th>images</th><td>12</td>" in done._repr_html_()
    with pytest.raises(WrongUsage, match="exists already"):
        package.score(stored, photos, out=tmp_path / "out.jsonl")
    with pytest.raises(WrongUsage, match="no source"):
        package.score(stored, [], out=tmp_path / "none.csv")
