"""Which versions of Node.js build the page: those that package.json allows."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from javascript import WEB, needs_node

pytestmark = [needs_node, pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")]


@pytest.mark.parametrize(
    ("version", "builds"), [("18.20.4", False), ("20.18.3", False), ("20.19.0", True), ("22.1.0", True)]
)
def test_the_makefile_asks_for_what_npm_asks_for(tmp_path: Path, version: str, builds: bool) -> None:
    other = tmp_path / "version.cjs"
    other.write_text(f"Object.defineProperty(process, 'versions', {{value: {{node: {json.dumps(version)}}}}});\n")
    environment = os.environ | {"NODE_OPTIONS": f"--require={other}"}
    command = ["make", "--silent", "--directory", str(WEB.parent), "node-is-new"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode == 0) == builds, done.stderr
    assert json.loads((WEB / "package.json").read_text())["engines"] == {"node": ">=20.19"}
