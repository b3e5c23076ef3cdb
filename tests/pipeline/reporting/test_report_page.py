"""The report's page in a real headless Chromium: as it is opened from a disk, on a phone, in the dark, and on paper."""

import base64
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import benches
import compared
import numpy as np
import pytest
import reports
from browser import Browser, chromium, needs_chromium
from compared import images
from PIL import Image
from reports import changed
from test_report_hostile import HOSTILE, hostile

from tlpipe.reporting import publish
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract.bundle import Bundle

pytestmark = needs_chromium

PHONE, DESKTOP = (390, 844), (1280, 900)
FOUR_FILES = Path(__file__).parents[2] / "data/before_rooms/bundle"

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

BROKEN = r"""[...document.querySelectorAll("p, li, dd, td, th, small, summary, h3, h4")].flatMap((block) => {
  const walk = document.createTreeWalker(block, NodeFilter.SHOW_TEXT), nodes = [];
  while (walk.nextNode()) if (walk.currentNode.parentElement.checkVisibility()) nodes.push(walk.currentNode);
  const at = (place) => {
    for (const node of nodes) { if (place < node.length) return [node, place]; place -= node.length; }
  };
  const text = nodes.map((node) => node.data).join("");
  const units = "(%|m?s|MB|MHz|°C|points?|percentage|threads?|cores?)(?!\\w)";
  const kept = new RegExp("(?:[≤≥]\\s?)?\\d[\\d.,]*\\s" + units + "|top-1|balanced\\s[\\d.]+", "g");
  return [...text.matchAll(kept)]
    .filter((found) => {
      const range = document.createRange(), [last, end] = at(found.index + found[0].length - 1);
      range.setStart(...at(found.index));
      range.setEnd(last, end + 1);
      const boxes = [...range.getClientRects()];
      return Math.max(...boxes.map((box) => box.top)) >= Math.min(...boxes.map((box) => box.bottom)) - 1;
    }).map((found) => found[0] + " in " + text.trim().slice(0, 80));
})"""

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

PARTED = """(() => {
  const page = (node) => Math.floor((node.getClientRects()[0].left + scrollX) / 700);
  const matrices = [...document.querySelectorAll(".matrix")].filter((matrix) => matrix.checkVisibility());
  const together = [
    ...matrices.map((matrix) => [matrix.closest(".pair").previousElementSibling, matrix.tBodies[0].rows[0]]),
    ...[...document.querySelectorAll(".device")].map((head) => [head, head.nextElementSibling]),
  ];
  return [together.length, together.filter(([one, other]) => page(one) !== page(other)).map(([one]) => one.innerText)];
})()"""


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
    wrong_on = {"int8": [3, 12, 7]}
    reports.write(folder, bundle=compared.bundle(folder / "evaluated", images(300), wrong_on), name="mistakes")
    hostile(folder).rename(folder / "hostile")
    wrong = {"old": range(30), "new": range(15, 34)}
    new, old = (compared.bundle(folder / name, images(300), {"int8": wrong[name]}) for name in ("new", "old"))
    sides = ([each, compared.bench_file(each, threads=(1, 4))] for each in (new, old))
    publish.comparison_of_paths(*sides, folder / "comparison")
    return folder


def opened(
    browser: Browser, page: Path, *, screen: tuple[int, int] = DESKTOP, dark: bool = False, unfold: bool = True
) -> None:
    browser.errors.clear()
    browser.look(width=screen[0], height=screen[1], dark=dark)
    browser.open(page.as_uri())
    browser.wait(f"location.href === '{page.as_uri()}' && document.readyState === 'complete'")
    if unfold:
        browser.value("document.querySelectorAll('details').forEach((each) => each.open = true)")


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


@pytest.mark.parametrize("width", [320, 360, 390, 430, 1280])
@pytest.mark.parametrize("name", ["two", "invalid", "bundle", "comparison"])
def test_no_number_is_parted_from_its_unit(browser: Browser, folder: Path, name: str, width: int) -> None:
    page = folder / name / ("comparison.html" if name == "comparison" else "report.html")
    opened(browser, page, screen=(width, 844))

    assert browser.value(BROKEN) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", ["two", "invalid", "bundle"])
def test_all_text_can_be_read(browser: Browser, folder: Path, name: str, dark: bool) -> None:
    """Contrast AA of WCAG 2.2 (1.4.3): 4.5 to 1."""
    opened(browser, folder / name / "report.html", dark=dark)
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


def test_all_is_disturbed_and_the_page_is_still_short(browser: Browser, tmp_path: Path) -> None:
    """Four files, with the evaluation of their bundle beside the benchmark: at most six screens of a phone."""
    manifest = Bundle.open(FOUR_FILES).manifest
    document = benches.document(board="Workstation", labels=manifest.labels)
    document["model"]["keras_sha256"] = manifest.provenance.keras_sha256
    document["keras"] |= {"valid": False, "invalid_reasons": ["disturbed: other processes used 0.41 of 2 cores"]}
    for number, artifact in enumerate(manifest.artifacts):
        place = [each["recipe"] for each in document["results"]].index(artifact.recipe)
        reasons = [f"disturbed: other processes used 0.5{number} of 2 cores", "throttled: frequency capped now"]
        document = changed(document, place, sha256=artifact.sha256, valid=False, invalid_reasons=reasons)
    page = reports.write(tmp_path, document, bundle=FOUR_FILES) / "report.html"
    opened(browser, page, screen=PHONE, unfold=False)

    folded = "[...document.querySelectorAll('.fold')].every((each) => !each.lastElementChild.checkVisibility())"
    assert browser.value(folded)
    assert browser.value("document.querySelectorAll('.files tbody').length") == 2
    assert browser.value("document.documentElement.scrollHeight") <= 6 * PHONE[1]


@pytest.mark.parametrize("screen", [(768, 900), DESKTOP], ids=["tablet", "desktop"])
def test_where_there_is_room_nothing_of_the_content_is_folded(
    browser: Browser, folder: Path, screen: tuple[int, int]
) -> None:
    opened(browser, folder / "two/report.html", screen=screen, unfold=False)

    visible = "[...document.querySelectorAll('.fold')].map((each) => each.lastElementChild.checkVisibility())"
    assert browser.value(f"{visible}.length") > 5 and all(browser.value(visible))
    assert browser.value("[...document.querySelectorAll('h2')].every((each) => each.checkVisibility())")


def test_a_link_to_a_folded_section_opens_it(browser: Browser, folder: Path) -> None:
    page = folder / "mistakes/report.html"
    opened(browser, page, screen=PHONE, unfold=False)
    names = browser.value("[...document.querySelectorAll('nav a')].map((link) => link.hash)")
    assert names[:2] == ["#mistakes", "#files"]

    for name in names:
        browser.value(f"document.querySelector('nav a[href=\"{name}\"]').click()")
        fold = f"document.querySelector('{name}-head').closest('details')"
        browser.wait(f"location.hash === '{name}' && {fold}?.open !== false")
        head = f"document.querySelector('{name}-head').getBoundingClientRect()"
        browser.wait(f"{head}.top >= 0 && {head}.bottom <= innerHeight")


def test_the_mistakes_come_directly_after_the_verdict_and_its_warnings(folder: Path) -> None:
    heads = [node.attributes.get("id") for node in reports.page(folder / "mistakes").all("h2")]
    assert heads[:4] == ["verdict-head", "warnings-head", "mistakes-head", "files-head"]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_table_shows_at_its_edge_whether_it_goes_on(browser: Browser, folder: Path, dark: bool) -> None:
    """The edge of a confusion matrix on a phone: shaded as long as there is more on that side."""
    opened(browser, folder / "two/report.html", screen=PHONE, dark=dark)

    def edges() -> tuple[float, float]:
        place = browser.value(
            "(() => { const box = document.querySelector('.matrix').parentElement;"
            " const {left, right, bottom} = box.getBoundingClientRect();"
            " return [left, right, bottom + scrollY]; })()"
        )
        left, right, bottom = place
        strip = {"y": bottom - 2, "width": 2, "height": 1, "scale": 1}  # below the cells
        return tuple(shade(browser, strip | {"x": x}) for x in (left, right - 2))

    def shade(browser: Browser, clip: dict[str, float]) -> float:
        data = browser("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]
        with Image.open(io.BytesIO(base64.b64decode(data))) as picture:
            return float(np.asarray(picture.convert("L")).mean())

    box = "document.querySelector('.matrix').parentElement"
    assert browser.value(f"{box}.scrollWidth > {box}.clientWidth + 20")
    plain = browser.value("getComputedStyle(document.querySelector('main > *')).backgroundColor")
    ground = Image.new("RGB", (1, 1), plain).convert("L").getpixel((0, 0))
    left, right = edges()
    assert left == pytest.approx(ground, abs=2) and abs(right - ground) > 15
    browser.value(f"{box}.scrollLeft = 10000")
    left, right = edges()
    assert abs(left - ground) > 15 and right == pytest.approx(ground, abs=2)


def test_of_a_large_matrix_the_names_of_rows_stay_in_view(browser: Browser, tmp_path: Path) -> None:
    labels = tuple(f"species {number}" for number in range(60))
    out = reports.write(tmp_path, benches.document(labels=labels, wrong=0.3, images=600))
    opened(browser, out / "report.html", screen=PHONE)

    box = "document.querySelector('.matrix').parentElement"
    browser.value(f"{box}.scrollLeft = 10000")
    name = f"{box}.querySelector('tbody th').getBoundingClientRect()"
    assert browser.value(f"{name}.left >= {box}.getBoundingClientRect().left - 1")
    (cut,) = browser.value(
        f"[...{box}.querySelectorAll('thead th:last-child span')].map((each) => each.scrollHeight - each.clientHeight)"
    )
    assert cut <= 1


def test_of_many_long_names_each_can_be_read_beside_its_numbers(browser: Browser, tmp_path: Path) -> None:
    labels = [f"plants of the northern valleys, seen from above in bloom, no. {number}" for number in range(60)]
    out = reports.write(tmp_path, benches.document(labels=labels, wrong=0.3, images=900))
    table = "document.querySelector('#classes .sticky')"
    for screen in (PHONE, DESKTOP):
        opened(browser, out / "report.html", screen=screen)
        names = f"[...{table}.querySelectorAll('tbody th')]"
        assert browser.value(f"{names}.every((name) => name.scrollWidth <= name.clientWidth)")
        width, box = browser.value(f"[{names}[0].offsetWidth, {table}.parentElement.clientWidth]")
        assert width <= box / 2
    assert browser.value(f"{table}.scrollWidth <= {table}.parentElement.clientWidth")

    for where in ("thead th span", "tbody th"):
        shown = browser.value(
            f"[...document.querySelector('.matrix').querySelectorAll('{where}')].map((name) => name.textContent)"
        )
        assert len(set(shown)) == len(shown) > 10 and all("…" in name or name == "all other classes" for name in shown)


def test_of_many_classes_the_worst_come_first_and_the_others_are_folded(browser: Browser, tmp_path: Path) -> None:
    document = benches.document(labels=[f"species {number}" for number in range(60)], wrong=0.3, images=900)
    opened(browser, reports.write(tmp_path, document) / "report.html", screen=DESKTOP, unfold=False)
    lowest = """[...document.querySelectorAll('#classes .sticky')].map((table) => [...table.tBodies[0].rows].map(
      (row) => Math.min(...[...row.querySelectorAll('data[data-unit=percent]')].map((number) => number.value))))"""
    first, others = browser.value(lowest)

    assert len(first) == 25 and len(others) == 35 and [*first, *others] == sorted([*first, *others])
    others = "document.querySelectorAll('#classes .sticky')[1]"
    assert not browser.value(f"{others}.checkVisibility()")
    assert browser.value(f"{others}.closest('details').innerText.startsWith('The other 35 classes')")


def test_on_paper_it_is_light_and_whole(browser: Browser, folder: Path) -> None:
    opened(browser, folder / "two/report.html", dark=True)
    browser("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])

    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.querySelector('nav')).display") == "none"
    browser("Emulation.setDeviceMetricsOverride", width=680, height=980, deviceScaleFactor=1, mobile=False)  # A4
    assert browser.value("document.documentElement.scrollWidth") <= 680
    browser("Emulation.setEmulatedMedia", media="", features=[])


def test_on_paper_no_head_is_parted_from_its_table(browser: Browser, folder: Path, tmp_path: Path) -> None:
    """Columns of the size of a page break as pages do; their height varies, so that each head is at an end once."""
    ten = benches.document(labels=[f"species {number}" for number in range(10)], wrong=0.2, images=300)
    paged = "width: 680px; columns: 680px; column-gap: 20px; column-fill: auto;"
    for out in (folder / "two", reports.write(tmp_path, ten)):
        opened(browser, out / "report.html")
        browser("Emulation.setEmulatedMedia", media="print", features=[])
        for height in range(600, 1000, 20):
            browser.value(f"document.body.style.cssText = '{paged} height: {height}px'")
            looked, parted = browser.value(PARTED)
            assert looked >= 2 and parted == [], height
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
