"""What happens while images are scored."""

from collections.abc import Callable
from typing import Any

import pytest

from tlpipe.scoring.saved_rows import Done


def after(number: int, do: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Do it when so many rows are there."""
    usual, seen = Done.add, 0

    def add(done: Any, *more: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == number:
            do()
        return usual(done, *more)

    monkeypatch.setattr(Done, "add", add)
