"""For the tests of comparisons."""

from pathlib import Path

import compared
import pytest
from compared import images


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """300 images, of which int8 has 30 wrong."""
    return compared.bundle(tmp_path / "old", images(300), {"int8": range(30), "float16": range(28)})
