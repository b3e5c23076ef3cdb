"""The report's page in a real headless Chromium: as it is opened from a disk, on a phone, in the dark, and on paper."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import benches
import pytest
import reports
from browser import CHROMIUM, Browser, chromium
from test_report_hostile import HOSTILE, hostile

from tlpipe_edge.console.text import printable

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here (Debian: apt install chromium)")

PHONE, DESKTOP = (390, 844), (1280, 900)

CONTRAST = """(() => {
  const parsed = (colour) => (colour.match(/[\\d.]+/g) || []).map(Number);
  const over = (top, below) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((part) => alpha * top[part] + (1 - alpha) * below[part]);
  };
  const ground = (node) => {
    if (!node) return [255, 255, 255];
    const colour = getComputedStyle(node).backgroundColor;
    const own = parsed(colour.startsWith("color(") ? "rgba(0, 0, 0, 0)" : colour);
    return own.length === 3 ? own : over(own, ground(node.parentElement));
  };
  const light = (colour) => {
    const linear = colour.map((part) => part / 255)
      .map((part) => part <= .04045 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
    return .2126 * linear[0] + .7152 * linear[1] + .0722 * linear[2];
  };
  const low = [];
  let looked = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    const style = getComputedStyle(node);
    const seen = walk.currentNode.textContent.trim() && node.checkVisibility() && !node.closest(".unseen");
    if (!seen) continue;
    looked += 1;
    const below = ground(node);
    const colour = over(parsed(node.closest("svg") ? style.fill : style.color), below);
    const [dark, bright] = [light(colour), light(below)].sort((one, other) => one - other);
    const ratio = (bright + .05) / (dark + .05);
    if (ratio < 4.5) low.push(`${ratio.toFixed(2)}: ${node.outerHTML.slice(0, 120)}`);
  }
  return {low, looked};
})()"""

WIDE = """[...document.querySelectorAll("main > * *")].filter((node) => {
  if (!node.checkVisibility() || node.closest(".scroll, svg, .unseen, .ticks, thead, dt")) return false;
  const frame = node.closest("main > *"), style = getComputedStyle(frame);
  const edge = frame.getBoundingClientRect().right - parseFloat(style.paddingRight);
  return node.getBoundingClientRect().right > edge + 1;
}).map((node) => node.outerHTML.slice(0, 200))"""

OVERLAPS = """[...document.querySelectorAll("svg.chart")].filter((each) => each.checkVisibility()).flatMap((chart) => {
  const labels = [...chart.querySelectorAll("text.label")];
  const boxes = labels.map((text) => [text.textContent, text.getBoundingClientRect()]);
  const frame = chart.parentElement.getBoundingClientRect();
  const within = (box) => box.left >= frame.left - 1 && box.right <= frame.right + 1;
  const outside = boxes.filter(([, box]) => !within(box)).map(([text]) => text);
  const both = boxes.flatMap(([text, one], place) => boxes.slice(place + 1).filter(([, other]) =>
    Math.min(one.right, other.right) - Math.max(one.left, other.left) > 2 &&
    Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top) > 5).map(([other]) => text + " / " + other));
  return [...outside, ...both];
})"""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of several kinds."""
    folder = tmp_path_factory.mktemp("reports")
    workstation = benches.document(board="Workstation", slower=0.4, threads=(1, 2))
    reason = "disturbed: other processes used 1.12 of 2 cores"
    reports.write(folder, benches.document(keras=False), workstation, name="two")
    reports.write(folder, benches.invalid(workstation, reason, rows=[2, 5]), name="invalid")
    reports.write(folder, bundle=reports.bundle(folder), name="bundle")
    hostile(folder).rename(folder / "hostile")
    return folder


def opened(browser: Browser, page: Path, *, screen: tuple[int, int] = DESKTOP, dark: bool = False) -> None:
    browser.errors.clear()
    browser.look(width=screen[0], height=screen[1], dark=dark)
    browser.open(page.as_uri())
    browser.wait(f"location.href === '{page.as_uri()}' && document.readyState === 'complete'")


def test_names_are_text(browser: Browser, folder: Path) -> None:
    opened(browser, folder / "hostile/report.html")

    looked = (
        "[document.images.length, document.scripts.length, document.querySelectorAll('iframe, object, form').length]"
    )
    assert browser.value(looked) == [0, 0, 0]
    assert browser.value("document.title") == printable(" ".join(HOSTILE)) + ": report of tlpipe"
    labels = "[...document.querySelectorAll('#classes .sticky tbody th')].map((cell) => cell.textContent)"
    assert browser.value(labels) == [printable(label) for label in HOSTILE]
    assert browser.errors == []


def test_the_page_needs_nothing_from_outside(browser: Browser, folder: Path) -> None:
    for name in ("two", "bundle", "hostile"):
        opened(browser, folder / name / "report.html")
        assert browser.value("performance.getEntriesByType('resource').length") == 0
        assert browser.errors == []
        style = (folder / name / "report.html").read_text().split("<style>")[1].split("</style>")[0]
        assert "url(" not in style and "@import" not in style


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("name", ["two", "invalid", "bundle", "hostile"])
def test_nothing_sticks_out_of_the_screen(browser: Browser, folder: Path, name: str, width: int) -> None:
    opened(browser, folder / name / "report.html", screen=(width, 844))

    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(WIDE) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["two", "invalid", "bundle"])
def test_all_text_can_be_read(browser: Browser, folder: Path, name: str, dark: bool) -> None:
    """Contrast AA of WCAG 2.2 (1.4.3): 4.5 to 1."""
    opened(browser, folder / name / "report.html", dark=dark)
    browser.value("document.querySelectorAll('details').forEach((each) => each.open = true)")
    found = browser.value(CONTRAST)

    assert found["looked"] > 100 and found["low"] == []


def test_light_and_dark(browser: Browser, folder: Path) -> None:
    grounds = []
    for dark in (False, True):
        opened(browser, folder / "two/report.html", dark=dark)
        grounds.append(browser.value("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(245, 247, 249)", "rgb(15, 20, 26)"]


@pytest.mark.parametrize("screen", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("name", ["two", "invalid", "bundle"])
def test_the_labels_of_charts_do_not_overlap(
    browser: Browser, folder: Path, name: str, screen: tuple[int, int]
) -> None:
    opened(browser, folder / name / "report.html", screen=screen)

    assert browser.value("[...document.querySelectorAll('svg.chart')].some((chart) => chart.checkVisibility())")
    assert browser.value(OVERLAPS) == []


def test_on_paper_it_is_light_and_whole(browser: Browser, folder: Path) -> None:
    opened(browser, folder / "two/report.html", dark=True)
    browser("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser("Emulation.setDeviceMetricsOverride", width=680, height=980, deviceScaleFactor=1, mobile=False)  # A4
    assert browser.value("document.documentElement.scrollWidth") <= 680
    browser("Emulation.setEmulatedMedia", media="", features=[])


@pytest.mark.parametrize("name", ["two", "invalid", "bundle"])
def test_those_who_do_not_see_it_find_their_way(folder: Path, name: str) -> None:
    page = reports.page(folder / name)
    levels = [int(node.tag[1]) for node in page.all() if node.tag in ("h1", "h2", "h3", "h4")]

    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all(node.attributes.get("scope") for node in page.all("th"))
    for node in page.all("svg"):
        hidden = node.attributes.get("aria-hidden") == "true"
        assert hidden or (node.attributes.get("role") == "img" and node.attributes.get("aria-label"))
    assert all(node.attributes.get("alt") for node in page.all("img"))
    named = {node.attributes.get("id") for node in page.all()}
    assert {(node.attributes["href"] or "")[1:] for node in page.all("a")} <= named
    for node in page.all():
        assert (node.attributes.get("aria-labelledby") or "verdict-head") in named
