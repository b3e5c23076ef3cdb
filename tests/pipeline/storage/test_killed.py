"""A writer that is killed at any step: the next command finds the old or the new result, whole, and nothing else."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("killed_at_each_step.py")
Files = dict[str, str]


def whole(folder: str, text: str) -> Files:
    return {f"{folder}/a": text, f"{folder}/deeper/b": text}


OLD, NEW = whole("out", "old"), whole("out", "new")
STATES: dict[str, list[Files]] = {
    "make_folder": [OLD, OLD | whole("new", "new")],
    "replace_folder": [OLD, NEW],
    "replace_file": [OLD, OLD | {"out/a": "new"}],
    "replace_several": [OLD, NEW],
    "repair": [NEW | whole("other", "old")],
}
SYSTEMS = ([], ["fallback"])


@pytest.mark.parametrize("system", SYSTEMS, ids=["", "fallback"])
@pytest.mark.parametrize("writer", STATES)
def test_a_result_is_old_or_new_whenever_its_writer_is_killed(tmp_path: Path, writer: str, system: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, str(PROGRAM), writer, str(tmp_path), *system],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    *kills, last = [json.loads(line) for line in done.stdout.splitlines()]

    assert len(kills) > 5 and all(killed for killed, _, _ in kills)
    assert last == [False, STATES[writer][-1], []]
    found = [read for _, read, _ in kills]
    assert [read for read in found if read not in STATES[writer]] == []
    assert found == sorted(found, key=STATES[writer].index)  # and never the old one again after the new one
    assert [read for read in STATES[writer] if read not in found] == []

    left = [name for _, _, names in kills for name in names]
    said = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    if writer == "replace_folder" and system:  # the old one was aside, and the new one in its place
        assert len(left) == len(said) == 1
        assert (
            left[0].startswith(".out.old.") and f"{left[0]}: an older out, which a command that was killed" in said[0]
        )
    else:
        assert left == said == []
