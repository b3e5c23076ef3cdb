"""Photographs on the page of ``tlpipe web``: chosen, dropped, and those that cannot be read."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import Browser, chromium, needs_chromium
from fake_site import CRASHES, LABELS, SCORES, Site, files, photograph, served
from on_page import click, messages, opened, seen, text
from page_built import needs_built
from PIL import Image

pytestmark = [needs_chromium, needs_built]

CARDS = "[...document.querySelectorAll('#cards > li')].map((card) => card.innerText.split('\\n').filter(Boolean))"
DOG = (0.05, 0.9, 0.02, 0.02, 0.01, 0.0)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        started.look(width=390, height=844)
        yield started


def written(folder: Path, **contents: str) -> list[Path]:
    for name, content in contents.items():
        (folder / name).write_text(content)
    return [folder / name for name in contents]


def done(browser: Browser, count: int) -> list[list[str]]:
    browser.wait(f"document.querySelectorAll('#cards > li:not(.waiting)').length === {count}")
    return browser.value(CARDS)


def test_several_are_chosen_and_more_are_dropped(browser: Browser, tmp_path: Path) -> None:
    one, two, three = written(
        tmp_path, one=photograph(SCORES), two=photograph(DOG, approximate=True), three=photograph(DOG)
    )
    with served(files()) as server:
        opened(browser, server)
        assert not seen(browser, "photographs")
        browser.choose("files", one, two)
        first, second = done(browser, 2)
        assert first == ["one", "cat", "62.0 %", "cat", "62.0 %", "dog", "20.0 %", "hen", "10.0 %"]
        note = "The device decodes files of this kind in its own way, so its scores may differ by some points."
        assert (second[:3], second[-1]) == (["two", "dog", "90.0 %"], note)
        assert text(browser, "classified") == "2 classified"

        data = {"items": [], "files": [str(three)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver"):
            browser("Input.dispatchDragEvent", type=kind, x=200, y=300, data=data)
        assert browser.value("document.body.classList.contains('dropping')")
        browser("Input.dispatchDragEvent", type="drop", x=200, y=300, data=data)
        assert [card[0] for card in done(browser, 3)] == ["one", "two", "three"]
        assert not browser.value("document.body.classList.contains('dropping')")

        browser.choose("files", one)
        assert len(done(browser, 4)) == 4
        assert browser.value("document.getElementById('files').value") == "", "so that it can be chosen once more"
        click(browser, "clear")
        assert (seen(browser, "photographs"), browser.value(CARDS)) == (False, [])
        assert browser.value("document.activeElement.id") == "choose"

        browser.choose("files", one, two)
        assert [card[0] for card in done(browser, 2)] == ["one", "two"]
        assert text(browser, "classified") == "2 classified"
        assert browser.errors == []


def test_one_that_cannot_be_read_does_not_stop_the_others(browser: Browser, tmp_path: Path) -> None:
    heic = {"kind": "format", "reason": "This is a HEIC image, which is not read here.", "advice": "Save it as a JPEG."}
    contents = {"a.heic": json.dumps(heic), "b.jpg": photograph(DOG)}
    with served(files()) as server:
        opened(browser, server)
        browser.choose("files", *written(tmp_path, **contents))

        assert done(browser, 2) == [
            ["a.heic", "This is a HEIC image, which is not read here. Save it as a JPEG."],
            ["b.jpg", "dog", "90.0 %", "dog", "90.0 %", "cat", "5.0 %", "hen", "2.0 %"],
        ]
        assert text(browser, "classified") == "1 classified, 1 not read"
        assert messages(browser) == []


def test_a_worker_that_has_crashed_is_said_of_each(browser: Browser, tmp_path: Path) -> None:
    with served(files(Site(behaviour=CRASHES))) as server:
        opened(browser, server)
        browser.choose("files", *written(tmp_path, a="", b=""))

        said = done(browser, 2)
        assert [card[0] for card in said] == ["a", "b"]
        assert all("The model has stopped" in card[1] and "Load this page again." in card[1] for card in said)


def test_those_that_were_chosen_are_in_view(browser: Browser, tmp_path: Path) -> None:
    several = written(tmp_path, **{f"{number}.jpg": photograph(DOG) for number in range(9)})
    place = "document.querySelectorAll('.photograph')[{}].getBoundingClientRect()"
    in_view = f"(({{{{ top }}}}) => top >= 0 && top < innerHeight)({place})"
    with served(files()) as server:
        opened(browser, server)
        browser.choose("files", *several)
        done(browser, 9)
        assert browser.value(in_view.format(0))
        browser.choose("files", several[0])
        done(browser, 10)
        assert browser.value(in_view.format(9))


def test_the_threshold_holds_for_those_already_there(browser: Browser, tmp_path: Path) -> None:
    weak = (0.2, 0.3, 0.25, 0.15, 0.05, 0.05)
    with served(files()) as server:
        opened(browser, server)
        browser.choose("files", *written(tmp_path, a=photograph(weak)))
        assert done(browser, 1)[0][1:4] == ["unknown", "Best guess: dog, 30 %", "dog"]

        browser.value("document.getElementById('threshold').value = '0.25'")
        browser.value("document.getElementById('threshold').dispatchEvent(new Event('input'))")
        assert done(browser, 1)[0][1:4] == ["dog", "30.0 %", "dog"]


@pytest.mark.parametrize(("crop", "fit"), [("center-crop", "cover"), ("stretch", "fill"), ("letterbox", "contain")])
def test_the_thumbnail_shows_what_the_model_sees(browser: Browser, tmp_path: Path, crop: str, fit: str) -> None:
    file = tmp_path / "a.png"
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(file)
    with served(files(Site(document={"image": {"size": 224, "crop": crop}}))) as server:
        opened(browser, server)
        browser.choose("files", file)
        done(browser, 1)
        thumbnail = "document.querySelector('.thumbnail')"
        browser.wait(f"{thumbnail}.naturalWidth === 90")
        assert browser.value(f"getComputedStyle({thumbnail}).objectFit") == fit


def test_a_model_with_two_labels(browser: Browser, tmp_path: Path) -> None:
    site = Site(LABELS[:2], frames=[(0.75, 0.25)], tests=(((0.75, 0.25), (0.75, 0.25)),))
    with served(files(site)) as server:
        opened(browser, server)
        browser.choose("files", *written(tmp_path, a=photograph((0.25, 0.75))))
        assert done(browser, 1) == [["a", "dog", "75.0 %", "dog", "75.0 %", "cat", "25.0 %"]]
