"""The benchmark on the page of ``tlpipe web``: its file is a benchmark of tlpipe."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import FAKE_CAMERA, Browser, chromium, needs_chromium
from fake_site import EXACT, MEASURES_LITTLE, SCORES, Site, files, photograph, served
from on_page import click, opened, seen, text
from page_built import needs_built

from tlpipe_edge.contract.benchmark import Bench, benches

pytestmark = [needs_chromium, needs_built]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile"), *FAKE_CAMERA) as started:
        started.look(width=390, height=844)
        yield started


def measured(browser: Browser) -> None:
    browser.value("document.getElementById('benchmark').open = true")
    click(browser, "measure")
    browser.wait("document.getElementById('result').getClientRects().length > 0")


def read(file: Path) -> Bench:
    (bench,) = benches(json.loads(file.read_text()), str(file))
    return bench


def test_the_file_that_is_downloaded(browser: Browser, tmp_path: Path) -> None:
    browser("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    with served(files()) as server:
        opened(browser, server)
        measured(browser)
        browser.value("document.getElementById('board').value = 'My phone <1>'")
        browser.value("document.getElementById('board').dispatchEvent(new Event('input'))")
        shown = [text(browser, name) for name in ("p50", "p95", "batches", "valid")]
        assert shown == ["15.1", "15.2", "30", "The network alone, one thread."]
        assert (seen(browser, "measuring"), text(browser, "measure-error")) == (False, "")

        click(browser, "download")
        file = tmp_path / "bench-clothing-int8-My-phone-1.json"
        browser.wait("new Promise((done) => setTimeout(() => done(true), 100))")
        for _ in range(100):
            if file.is_file():
                break
            browser.wait("new Promise((done) => setTimeout(() => done(true), 100))")
        bench = read(file)
        assert (bench.device.board, bench.model.name, bench.valid) == ("My phone <1>", "clothing", True)
        (result,) = bench.results
        assert (result.recipe, result.runtime, result.threads, result.invoke_ms.p50) == ("int8", "LiteRT.js", 1, 15.1)
        assert browser.errors == []


def test_a_measurement_that_is_not_valid_says_why(browser: Browser) -> None:
    with served(files(Site(behaviour=MEASURES_LITTLE))) as server:
        opened(browser, server)
        measured(browser)
        assert text(browser, "valid") == "Not valid: too short (3 batches in 1.0 s). Measure again."


def test_a_measurement_out_of_view_is_not_valid(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        browser.value("Object.defineProperty(document, 'hidden', { value: true })")
        measured(browser)
        assert text(browser, "valid") == "Not valid: the page was hidden. Measure again."


def test_the_camera_is_stopped_while_it_measures(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        click(browser, "camera")
        browser.wait("document.getElementById('label').textContent !== '–'")
        measured(browser)
        assert text(browser, "camera") == "Start camera"


def test_a_browser_that_gives_other_scores_is_not_valid(browser: Browser) -> None:
    with served(files(Site(tests=((EXACT, SCORES),)))) as server:
        opened(browser, server)
        measured(browser)
        assert text(browser, "valid") == "Not valid: the self-test failed."


def test_nothing_else_runs_while_it_measures(browser: Browser, tmp_path: Path) -> None:
    """The worker of the test ends a measurement at once: it is held back here."""
    holds = """
    window.Worker = class extends Worker {
      postMessage(message, transfer) {
        if (message.type !== "bench") return super.postMessage(message, transfer);
        window.measure = () => super.postMessage(message, transfer);
      }
    };
    """
    script = browser("Page.addScriptToEvaluateOnNewDocument", source=holds)
    file = tmp_path / "a.json"
    file.write_text(photograph(SCORES))
    disabled = "['camera', 'choose'].map((id) => document.getElementById(id).disabled)"
    with served(files()) as server:
        opened(browser, server)
        browser.value("document.getElementById('benchmark').open = true")
        click(browser, "measure")
        browser.wait("window.measure !== undefined")
        assert browser.value(disabled) == [True, True]
        browser.choose("files", file)
        assert not seen(browser, "photographs")
        browser.value("measure()")
        browser.wait("document.getElementById('result').getClientRects().length > 0")
        browser.wait(f"{disabled}.join() === 'false,false'")
        browser.choose("files", file)
        browser.wait("document.querySelector('#cards .label')?.textContent === 'cat'")
    browser("Page.removeScriptToEvaluateOnNewDocument", **script)


@pytest.mark.parametrize(("accepted", "shared"), [("json", ".json"), ("plain", ".json.txt")])
def test_it_is_shared_where_a_browser_can(browser: Browser, accepted: str, shared: str) -> None:
    with served(files()) as server:
        opened(browser, server)
        browser.value(f"navigator.canShare = ({{ files }}) => files[0].type.includes('{accepted}')")
        browser.value("navigator.share = async ({ files }) => { window.shared = files[0].name; }")
        measured(browser)
        click(browser, "share")
        browser.wait("window.shared !== undefined")
        assert browser.value("shared").endswith(f"int8{shared}")


def test_it_is_not_shared_where_it_cannot_be(browser: Browser) -> None:
    with served(files()) as server:
        opened(browser, server)
        browser.value("navigator.canShare = undefined")
        measured(browser)
        assert not seen(browser, "share")
