"""The names that are suggested in place of one that does not exist."""

import pytest

from tlpipe_edge.contract import kinds


@pytest.mark.parametrize(
    ("name", "suggested"), [("fotos", ["photos"]), ("Exported", ["exported"]), ("photo", ["photos"]), ("pictures", [])]
)
def test_a_similar_name_is_suggested_and_none_that_is_not(name: str, suggested: list[str]) -> None:
    assert kinds.nearest(name, ["photos", "exported", "reports"]) == suggested


def test_reports_are_no_photos() -> None:
    assert kinds.nearest("photos", ["reports", "runs"]) == []
