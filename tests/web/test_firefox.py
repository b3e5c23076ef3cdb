"""The page of ``tlpipe web`` in Firefox: it proves itself, and gives the scores of the device."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from fake_site import ROOT, served
from page_built import needs_built
from photographs import photographs

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle

site = pytest.importorskip("tlpipe.website.site")
NODE, FIREFOX = shutil.which("node"), shutil.which("firefox-esr") or shutil.which("firefox")
PUPPETEER = ROOT / "web/node_modules/puppeteer-core/lib/esm/puppeteer/puppeteer-core.js"
BUNDLE = ROOT / "tests/data/bundle"
pytestmark = [
    needs_built,
    pytest.mark.skipif(FIREFOX is None, reason="there is no Firefox here (Debian: apt install firefox-esr)"),
    pytest.mark.skipif(NODE is None or not PUPPETEER.is_file(), reason="puppeteer-core is not here: make web-runtime"),
]


def test_it_proves_itself_and_classifies_photographs(tmp_path: Path) -> None:
    files = photographs(tmp_path)
    with served(site.build(Bundle.open(BUNDLE)).files) as server:
        command = [NODE, Path(__file__).with_name("firefox.mjs"), FIREFOX, PUPPETEER, server.url, *files]
        surroundings = os.environ | {"HOME": str(tmp_path)}
        done = subprocess.run(
            list(map(str, command)), check=False, capture_output=True, text=True, timeout=300, env=surroundings
        )
    assert done.returncode == 0, done.stderr

    found = json.loads(done.stdout)
    assert (found["status"], found["messages"], found["console"]) == ("Same as the device: 6 of 6", "", [])
    assert found["kept"]
    classifier = Classifier.open(BUNDLE)
    for file, scores in zip(files, found["answers"], strict=True):
        # Of transparent images, Firefox gives pixels that were multiplied by their alpha, and rounded.
        tolerance = 2 / 256 if file.suffix == ".png" else 0
        np.testing.assert_allclose(
            np.float32(scores), classifier(file).scores, rtol=0, atol=tolerance, err_msg=file.name
        )
