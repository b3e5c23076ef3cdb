"""The parts of a command that was stopped: found again whole, or not at all."""

import errno
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tlpipe.storage import atomic, checkpoint, leftovers
from tlpipe.storage.checkpoint import Checkpoint, Growing, Mark

KEY = checkpoint.key("train", {"epochs": 3, "data": Path("photos")})
BASIS = {"images": "1", "the version of keras": "3"}


def saved(target: Path, value: int = 5) -> Checkpoint:
    """A checkpoint with a part."""
    found = Checkpoint(target, KEY)
    assert not found.open(BASIS)
    found.save("part", {"epoch": value}, {"weights": np.full(3, value, np.float32)}, reached=f"after {value}")
    return found


def test_a_part_is_found_by_the_same_command(tmp_path: Path) -> None:
    saved(tmp_path / "run")
    again = Checkpoint(tmp_path / "run", KEY)

    assert again.open(BASIS)
    part = again.load("part")
    assert part is not None and part.record == {"epoch": 5}
    np.testing.assert_array_equal(part.arrays["weights"], np.full(3, 5, np.float32))
    assert again.load("another part") is None


def test_the_key_stands_for_command_and_arguments() -> None:
    assert checkpoint.key("train", {"data": "photos", "epochs": 3}) == KEY
    assert checkpoint.key("train", {"data": "photos", "epochs": 4}) != KEY
    assert checkpoint.key("run", {"data": "photos", "epochs": 3}) != KEY


def test_nothing_is_written_before_a_part_is_saved(tmp_path: Path) -> None:
    found = Checkpoint(tmp_path / "run", KEY)
    assert not found.open(BASIS) and found.outlook() == ""
    assert list(tmp_path.iterdir()) == []


def test_the_end_leaves_nothing(tmp_path: Path) -> None:
    found = saved(tmp_path / "run")
    assert [each.name for each in tmp_path.iterdir()] == [f".run.unfinished-{KEY}"]
    assert leftovers.CHECKPOINT.fullmatch(found.folder.name)
    assert found.outlook() == "The same command continues after 5."

    found.delete()
    found.delete()
    assert list(tmp_path.iterdir()) == [] and found.outlook() == ""


@pytest.mark.parametrize(
    ("basis", "changed"),
    [
        (BASIS | {"images": "2"}, "images"),
        (BASIS | {"the version of keras": "4"}, "the version of keras"),
        (BASIS | {"the version of numpy": "1"}, "the version of numpy"),
    ],
)
def test_parts_of_other_inputs_are_not_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], basis: dict[str, str], changed: str
) -> None:
    saved(tmp_path / "run")
    again = Checkpoint(tmp_path / "run", KEY)

    assert not again.open(basis) and again.load("part") is None
    said = " ".join(capsys.readouterr().err.split())
    assert f"not continuing the unfinished {tmp_path}/run (changed since: {changed}): it begins anew" in said


def test_restart_begins_anew(tmp_path: Path) -> None:
    saved(tmp_path / "run")
    again = Checkpoint(tmp_path / "run", KEY)

    assert not again.open(BASIS, restart=True) and again.load("part") is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"schema": 2, "basis": {}}',
        b'{"schema": 1, "basis": [7]}',
        b'{"schema": 1, "basis": [[7, 8]]}',
        b"\xff",
    ],
)
def test_a_checkpoint_that_cannot_be_read_begins_anew(tmp_path: Path, content: bytes) -> None:
    (saved(tmp_path / "run").folder / "about.json").write_bytes(content)
    again = Checkpoint(tmp_path / "run", KEY)

    assert not again.open(BASIS) and again.load("part") is None


def test_a_changed_letter_in_what_it_stands_on_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    about = saved(tmp_path / "run").folder / "about.json"
    name = next(iter(BASIS))
    about.write_text(about.read_text().replace(f'"{name}"', f'"{name}x"'))

    assert not Checkpoint(tmp_path / "run", KEY).open(BASIS)
    assert "(damaged): it begins anew" in capsys.readouterr().err


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "not ours"])
def test_a_damaged_part_is_as_if_it_were_absent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    found = saved(tmp_path / "run")
    (file,) = found.folder.glob("*.part")
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "cut": content[:-1],
            "flipped": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "empty": b"",
            "not ours": b"text",
        }[damage]
    )

    assert found.load("part") is None and not file.exists()
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: a saved part of the unfinished")


def test_a_part_is_none_under_another_name_or_of_another_command(tmp_path: Path) -> None:
    """As by the hand of a user: int8 would be what was converted to float16."""
    found, other = saved(tmp_path / "run"), Checkpoint(tmp_path / "run", "0" * 16)
    other.save("part", {"epoch": 6}, reached="")
    (file,), (others,) = found.folder.glob("*.part"), other.folder.glob("*.part")

    file.rename(file.with_name("another.part"))
    others.rename(file)
    assert found.load("another") is None and found.load("part") is None


@pytest.mark.parametrize(
    ("record", "content"),
    [
        (["no object"], np.zeros(3)),
        ({}, np.array([0x110000], "<u4").view("<U1")),  # a character beyond Unicode
    ],
)
def test_a_part_whose_content_does_not_fit_is_damaged(tmp_path: Path, record: Any, content: np.ndarray) -> None:
    found = saved(tmp_path / "run")
    found.save("other", record, {"content": content}, reached="")

    assert found.load("other") is None and found.load("part") is not None


def test_a_full_disk_is_a_warning_and_the_command_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = saved(tmp_path / "run")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_bytes", full)
    for value in (6, 7):
        found.save("part", {"epoch": value}, reached="")
    monkeypatch.undo()

    assert capsys.readouterr().err.count("No space left on device") == 1
    part = found.load("part")
    assert part is not None and part.record == {"epoch": 5}


def test_saving_takes_a_small_share_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    write: Any = atomic.write_bytes

    def slow(*arguments: Any) -> None:
        now[0] += 1.0
        write(*arguments)

    found = saved(tmp_path / "run")
    monkeypatch.setattr(checkpoint.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(atomic, "write_bytes", slow)
    found.save("part", {}, reached="")
    assert not found.due()
    now[0] += checkpoint.SHARE - 0.5
    assert not found.due()
    now[0] += 1
    assert found.due()


def test_targets_are_those_of_the_usual_name(tmp_path: Path) -> None:
    for name in ("run", "run-3", "run-x", "other"):
        saved(tmp_path / name)
    Checkpoint(tmp_path / "run-2", "0" * 16).save("part", {}, reached="")

    assert list(checkpoint.targets(tmp_path / "run", KEY)) == [tmp_path / "run-3", tmp_path / "run"]
    assert list(checkpoint.targets(tmp_path / "no folder/run", KEY)) == []


def growing(target: Path, mark: Mark | None = None) -> Growing | None:
    return Checkpoint(target, KEY).growing("rows", mark)


def test_a_growing_file_is_cut_to_what_is_known_of_it(tmp_path: Path) -> None:
    rows = growing(tmp_path / "out")
    assert rows is not None
    rows.append(b"one\n")
    mark = rows.mark()
    rows.append(b"two\n")
    assert rows.flushed() != mark
    rows.append(b"not written")
    rows.close()
    assert rows.file.read_bytes() == b"one\ntwo\n"

    again = growing(tmp_path / "out", mark)
    assert again is not None
    again.append(b"three\n")
    assert again.flushed().bytes == 10
    again.close()
    assert again.file.read_bytes() == b"one\nthree\n"


@pytest.mark.parametrize("content", [b"two\n", b"on", b"", None])
def test_a_growing_file_that_is_damaged_is_none(tmp_path: Path, content: bytes | None) -> None:
    rows = growing(tmp_path / "out")
    assert rows is not None
    rows.append(b"one\n")
    mark = rows.flushed()
    rows.close()
    if content is None:
        rows.file.unlink()
    else:
        rows.file.write_bytes(content)
    assert growing(tmp_path / "out", mark) is None


def test_a_failing_save_leaves_the_growing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Checkpoint(tmp_path / "out", KEY)
    rows = found.growing("rows")
    assert rows is not None

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "write_bytes", full)
    found.save("rows", {}, reached="after 1")
    rows.close()
    assert rows.file.exists() and found.outlook() == ""
