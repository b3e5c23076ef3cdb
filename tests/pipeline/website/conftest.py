"""A built page in the place of the one that needs npm, and a bundle in all formats."""

from pathlib import Path

import built_page
import pytest

from tlpipe.website import built
from tlpipe_edge.contract.bundle import Bundle


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the built page, for a test to change."""
    folder = built_page.make(tmp_path / "built")
    monkeypatch.setattr(built, "FOLDER", folder)
    return folder


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """The folder of a bundle, for a test to change."""
    return built_page.copy_bundle(tmp_path / "exported" / "bundle")


@pytest.fixture
def exported(stored: Path) -> Bundle:
    """The bundle, to look at only."""
    return Bundle.open(stored)
