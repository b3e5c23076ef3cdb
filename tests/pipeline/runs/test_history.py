"""The record of a stage in JSON lines."""

from pathlib import Path

import pytest

from tlpipe.runs.history import Epoch, History
from tlpipe_edge.errors import BadData

EPOCH = '{"number": 0, "loss": LOSS, "accuracy": 0, "val_loss": 1, "val_accuracy": 0}'
DAMAGED = [
    "",
    "{}",
    "[1]\n",
    '{"stage": "x", "best": 0}\n{"number": 0}\n',
    '{"stage": "x", "best": 0}\n' + EPOCH.replace("LOSS", '"b"'),
    '{"stage": "x", "best": 1}\n' + EPOCH.replace("LOSS", "1.0"),
    "no json",
    "[" * 100_000,
]


def test_a_history_survives_its_file(tmp_path: Path) -> None:
    history = History("1-frozen", (Epoch(0, 2.3, 0.1, 2.2, 0.1), Epoch(1, 1.1, 0.6, 1.2, 0.5, 1e-3, 4.5)), 1)
    (tmp_path / "history.jsonl").write_text(history.to_jsonl())

    assert History.read(tmp_path / "history.jsonl") == history
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("text", DAMAGED, ids=range(len(DAMAGED)))
def test_a_damaged_history_is_refused(tmp_path: Path, text: str) -> None:
    """Also for a loss that is no number, and for a best epoch that is not there."""
    (tmp_path / "history.jsonl").write_text(text)

    with pytest.raises(BadData, match=r"history\.jsonl: "):
        History.read(tmp_path / "history.jsonl")
