"""The names of kept images: they sort by time, and each label has a folder."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from tlpipe_edge.camera.review_names import folder_of, is_description, stem_of


def test_a_name_is_the_time_in_utc_and_the_content() -> None:
    moment = datetime(2026, 3, 1, 13, 0, 0, 250_999, timezone(timedelta(hours=1)))
    assert stem_of(moment, "1a2b3c4d" + "0" * 56) == "20260301T120000.250Z-1a2b3c4d"
    assert stem_of(datetime(2026, 3, 1, tzinfo=UTC), "f" * 64) == "20260301T000000.000Z-ffffffff"


def test_only_our_names_are_descriptions() -> None:
    assert is_description("20260301T120000.250Z-1a2b3c4d.review.json")
    assert not is_description("notes.review.json") and not is_description("20260301T120000.250Z-1a2b3c4d.jpg")


@pytest.mark.parametrize("label", ["dress", "unknown", "t-shirt (blue)", "Äpfel", "class 1", "x" * 255])
def test_a_label_is_the_name_of_its_folder(label: str) -> None:
    assert folder_of(label, ("dress", label)) == label


@pytest.mark.parametrize("label", ["a/b", "..", ".hidden", "x" * 256, "ä" * 128, "a\nb", "what?", "end.", "Thumbs.db"])
def test_another_label_gets_the_number_of_its_class(label: str) -> None:
    assert folder_of(label, ("dress", label)) == "class 1"
    assert folder_of(label, ("class 1", label, "class 1_")) == "class 1__"
