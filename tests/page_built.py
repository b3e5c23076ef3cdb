"""Whether the page of ``tlpipe web`` is built: it is not in git."""

from pathlib import Path

import pytest

BUILT = Path(__file__).parents[1] / "pipeline/tlpipe/website/built"
needs_built = pytest.mark.skipif(not (BUILT / "page.js").is_file(), reason="the page is not built: make web-runtime")
