"""The description beside a kept image: what is read back, and what is refused."""

import json
from pathlib import Path

import pytest

from tlpipe_edge.contract import codec, review
from tlpipe_edge.contract.review import Kept, Reason
from tlpipe_edge.errors import BadData, MissingInput

KEPT = Kept(
    sha256="1" * 64,
    label="unknown",
    best="dress",
    score=0.41,
    time="2026-03-01T12:00:00.250+00:00",
    reason=Reason.UNKNOWN,
    model="clothing",
    recipe="int8",
    artifact_sha256="2" * 64,
    device="Raspberry Pi 4",
)


def test_it_is_beside_its_image_and_read_back(tmp_path: Path) -> None:
    file = review.beside(tmp_path / "a.b.jpg")
    assert file == tmp_path / "a.b.review.json"
    file.write_text(json.dumps(codec.as_json(KEPT)), encoding="utf-8")
    assert review.read(file) == KEPT
    with pytest.raises(MissingInput):
        review.read(tmp_path / "other.review.json")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"time": "yesterday"}, "not a time in ISO 8601"),
        ({"time": "2026-03-01T12:00:00"}, "without its offset"),
        ({"reason": "liked"}, "reason"),
        ({"score": 1.5}, "score"),
        ({"schema": 2}, "schema 2"),
    ],
)
def test_another_content_is_refused(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    file = tmp_path / "x.review.json"
    file.write_text(json.dumps(codec.as_json(KEPT) | change), encoding="utf-8")
    with pytest.raises(BadData, match=reason):
        review.read(file)
