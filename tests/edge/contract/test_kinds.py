"""What is at a path, and the names that are suggested in place of one that does not exist."""

import os
from pathlib import Path

import pytest

from tlpipe_edge.contract import kinds


@pytest.mark.parametrize(
    ("name", "suggested"), [("fotos", ["photos"]), ("Exported", ["exported"]), ("photo", ["photos"]), ("pictures", [])]
)
def test_a_similar_name_is_suggested_and_none_that_is_not(name: str, suggested: list[str]) -> None:
    assert kinds.nearest(name, ["photos", "exported", "reports"]) == suggested


def test_reports_are_no_photos() -> None:
    assert kinds.nearest("photos", ["reports", "runs"]) == []


def test_a_pipe_is_no_marker(tmp_path: Path) -> None:
    """To open it would wait for a writer. Here there is one, so that the test fails instead of hanging."""
    os.mkfifo(tmp_path / "manifest.json")
    writer = os.open(tmp_path / "manifest.json", os.O_RDWR)
    os.write(writer, b'{"schema": 1}'.ljust(60_000))
    try:
        assert kinds.found(tmp_path) is None
    finally:
        os.close(writer)
