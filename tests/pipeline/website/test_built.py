"""The built page: it is as new as its sources, small, and has its licences; an old one is noticed."""

import json
from pathlib import Path

import pytest
from page_built import needs_built

from tlpipe.website import built, site
from tlpipe.website.site import Options
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import Unavailable

MAX_FIRST_VISIT_BYTES = 4_000_000
"""Beyond the model."""


@needs_built
def test_the_page_is_built_from_the_sources_that_are_here() -> None:
    assert not built.is_stale(), "run make web-runtime"


@needs_built
@pytest.mark.parametrize("single_file", [False, True])
def test_a_first_visit_is_small(exported: Bundle, single_file: bool) -> None:
    made = site.build(exported, Options(single_file=single_file))
    stored = (4 / 3 if single_file else 1) * made.document.bytes  # Base64
    limit = MAX_FIRST_VISIT_BYTES
    assert 1_000_000 < made.first_visit_bytes - stored < limit


@needs_built
def test_a_single_file_has_the_licences(exported: Bundle) -> None:
    page = site.build(exported, Options(single_file=True)).files[built.INDEX].decode()
    for name in built.LICENCES:
        text = (built.FOLDER / name).read_text("utf-8")
        assert len(text) > 1000 and text in page, name


def test_a_page_that_is_older_than_its_sources_is_noticed(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = page.parent / "clone"
    folder = root / "pipeline/tlpipe/website/built"
    folder.parent.mkdir(parents=True)
    page.rename(folder)
    monkeypatch.setattr(built, "FOLDER", folder)
    source, build = root / "web/src/page/main.js", root / "web/build.mjs"
    source.parent.mkdir(parents=True)
    source.write_text("1;\n")
    assert set(built.read()) == set(built.NAMES)  # no clone without web/build.mjs

    build.write_text("2;\n")
    names = ["web/build.mjs", "web/src"]
    written = folder / "sources.sha256"
    written.write_text("\n".join((*names, built.sources_sha256(root, names))) + "\n")
    source.with_name(".main.js.swp").write_text("of an editor")
    assert set(built.read()) == set(built.NAMES)
    for change in (
        lambda: source.write_text("3;\n"),
        lambda: source.with_name("new.js").write_text("4;\n"),
        lambda: written.write_text(json.dumps(names)),
        written.unlink,
    ):
        before = source.read_text(), written.read_text()
        change()
        with pytest.raises(Unavailable, match=r"older than its sources in web/\nRun make web-runtime"):
            built.read()
        source.write_text(before[0])
        written.write_text(before[1])
        source.with_name("new.js").unlink(missing_ok=True)
        assert built.read()
