from pathlib import Path

import pytest

from tlpipe_edge.machine.versions import versions


@pytest.mark.parametrize("installed", ["somewhat", "somewhat-cpu"])
def test_a_package_of_several_distributions_has_one_version(
    installed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata = tmp_path / f"{installed.replace('-', '_')}-2.21.0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text(f"Metadata-Version: 2.1\nName: {installed}\nVersion: 2.21.0\n")
    monkeypatch.setattr("sys.path", [str(tmp_path)])

    assert versions((("somewhat", "somewhat-cpu"), "another")) == {"somewhat": "2.21.0"}
