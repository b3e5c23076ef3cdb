"""A stored bundle, and pictures to score."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import drawing
import pytest

from tlpipe.scoring import score as scoring
from tlpipe.scoring.score import Options, Scored
from tlpipe_edge.contract.bundle import Bundle

BUNDLE = Path(__file__).parents[2] / "data/bundle"


@pytest.fixture
def stored() -> Bundle:
    """To look at only."""
    return Bundle.open(BUNDLE)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve pictures in three folders, for a test to change."""
    return drawing.photographs(tmp_path / "photos", ("bars", "crosses", "rings"), count=4)


@pytest.fixture
def score(stored: Bundle, tmp_path: Path) -> Callable[..., Scored]:
    """Score sources to out.csv, or another file."""

    def run(*sources: Path, out: str = "out.csv", **more: Any) -> Scored:
        resume = {name: more.pop(name) for name in ("resume", "overwrite") if name in more}
        return scoring.score(stored, sources, tmp_path / out, Options(**more), **resume)

    return run
