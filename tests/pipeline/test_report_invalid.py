"""Latencies that are not to be believed."""

import benches
import pytest
from reports import changed, made

from tlpipe.report import choice

DEVICE = benches.document(keras=False)
REASON = "disturbed: other processes used 1.12 of 2 cores"


def test_an_invalid_latency_is_neither_chosen_nor_on_the_front() -> None:
    document = made(benches.invalid(benches.document(), REASON, rows=[3]))
    group = document["groups"][0]

    assert document["verdict"]["choices"][0]["row"] != 3
    assert not group["rows"][3]["on_front"] and not group["valid"]
    assert [part["value"] for part in group["doubt"] if part["unit"]] == [1, 4]


def test_a_run_that_is_invalid_as_a_whole_has_no_valid_row() -> None:
    rows = made(DEVICE | {"valid": False, "invalid_reasons": ["throttled"]})["groups"][0]["rows"]

    assert {(row["valid"], *row["invalid_reasons"]) for row in rows} == {(False, "throttled")}


def test_a_bench_that_hides_why_it_is_invalid_is_still_invalid() -> None:
    row = made(changed(DEVICE, 0, valid=False))["groups"][0]["rows"][0]

    assert not row["valid"] and row["invalid_reasons"] == ["no reason is given"]


@pytest.mark.parametrize(
    ("reason", "kind"),
    [(REASON, "disturbed"), ("throttled", "throttled"), ("predict: spread too high: 1.35", "predict: spread too high")],
)
def test_a_reason_has_a_kind(reason: str, kind: str) -> None:
    assert choice.kind(reason) == kind
