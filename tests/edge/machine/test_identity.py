"""The id of a machine is always the same, and does not give away what it is made of."""

from pathlib import Path

import pytest

from tlpipe_edge.machine.identity import identity

MACHINE = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text(f"{MACHINE}\n", encoding="utf-8")
    return tmp_path


def test_it_is_the_same_after_each_start(root: Path) -> None:
    assert identity("mqtt door", root) == "332674d04890567a"


def test_another_machine_or_purpose_has_another_one(root: Path) -> None:
    first = {identity("mqtt door", root), identity("mqtt window", root)}
    (root / "etc/machine-id").write_text(f"{MACHINE[::-1]}\n", encoding="utf-8")

    assert len(first | {identity("mqtt door", root)}) == 3


def test_without_a_machine_id_it_is_of_the_host_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "one")
    first = identity("mqtt door", tmp_path)
    monkeypatch.setattr("socket.gethostname", lambda: "two")

    assert identity("mqtt door", tmp_path) != first
