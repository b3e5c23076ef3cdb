"""Two hundred real photographs through the page's own file input: the labels and the scores are those of the device."""

from pathlib import Path

import numpy as np
import pytest
from browser import chromium, needs_chromium
from fake_site import served
from on_page import SPY, opened
from page_built import needs_built
from photographs import needs_real, real

from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle

site = pytest.importorskip("tlpipe.website.site")
pytestmark = [
    needs_chromium,
    needs_built,
    needs_real,
]

BUNDLE = Path(__file__).parents[1] / "data/before_rooms/bundle"
PHOTOGRAPHS, AT_ONCE = 200, 40


@pytest.mark.parametrize(("recipe", "tolerance"), [("int8", 0), ("float16", 1e-4), ("float32", 1e-4)])
def test_they_have_the_scores_of_the_device(tmp_path: Path, recipe: str, tolerance: float) -> None:
    files, found = real(PHOTOGRAPHS), []
    made = site.build(Bundle.open(BUNDLE), site.Options(recipe))
    with served(made.files) as server, chromium(tmp_path / "profile") as browser:
        browser("Page.addScriptToEvaluateOnNewDocument", source=SPY)
        opened(browser, server)
        browser.value("answers.length = 0")
        for start in range(0, PHOTOGRAPHS, AT_ONCE):
            browser.choose("files", *files[start : start + AT_ONCE])
            browser.wait(f"answers.length === {AT_ONCE}")
            found += browser.value("answers.splice(0).map(({ scores }) => [...scores])")
            browser.value("document.getElementById('clear').click()")

    classifier = Classifier.open(BUNDLE, recipe=recipe)
    expected = np.array([classifier(file).scores for file in files])
    np.testing.assert_allclose(np.float32(found), expected, rtol=0, atol=tolerance)
    if tolerance == 0:
        assert np.array_equal(np.argmax(found, axis=1), expected.argmax(axis=1))
