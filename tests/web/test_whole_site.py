"""A site as ``tlpipe web`` makes it, with LiteRT.js and a model, proves itself in a browser, and notices damage."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import browser
import pytest
from page_built import needs_built
from PIL import ExifTags, Image

pytest.importorskip("tlpipe", reason="the device has no tlpipe")

from tlpipe.website import built, site
from tlpipe.website.serving import serving
from tlpipe.website.site import Options
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.live_page.listen import ListenAddress

BUNDLE = Path(__file__).parents[1] / "data/before_rooms/bundle"
"""In all formats, with golden images; of a version before the page."""
LOCAL = ListenAddress.parse("127.0.0.1:0")
ENDED = "['proven', 'failed', 'broken'].includes(document.body?.className)"
RECIPE = "JSON.parse(document.getElementById('site').textContent).recipe"
STATUS = "document.getElementById('status').textContent"
MESSAGES = "document.getElementById('messages').innerText"

pytestmark = [browser.needs_chromium, needs_built]


@contextmanager
def served(files: Mapping[str, bytes], address: ListenAddress = LOCAL) -> Iterator[str]:
    """The address of a site that is served in this block."""
    with serving(files, address) as server:
        thread = threading.Thread(target=server.forever)
        thread.start()
        try:
            yield server.url
        finally:
            server.stop()
            thread.join()


@contextmanager
def opened(folder: Path, files: Mapping[str, bytes], *, path: str = "") -> Iterator[browser.Browser]:
    """A browser that has opened a served site."""
    with browser.chromium(folder / "profile") as chromium, served(files) as url:
        chromium.open(url + path)
        yield chromium


@pytest.fixture
def bundle() -> Bundle:
    return Bundle.open(BUNDLE)


@pytest.mark.parametrize("recipe", ["int8", "float16", "float32"])
def test_a_folder_proves_itself(bundle: Bundle, tmp_path: Path, recipe: str) -> None:
    made = site.build(bundle, Options(recipe, golden=True))
    with opened(tmp_path, made.files) as page:
        page.wait(ENDED)
        assert page.value(STATUS) == "Same as the device: 12 of 12"
        assert page.value("document.title") == "bundle" and page.errors == []


def test_golden_images_of_a_camera_are_equal_too(tmp_path: Path) -> None:
    """Large JPEGs, which the device decodes at reduced size, and one that is stored turned."""
    folder = shutil.copytree(BUNDLE, tmp_path / "bundle")
    drawn = Image.effect_mandelbrot((1203, 905), (-2, -1, 1, 1), 50)
    colours = Image.merge("RGB", (drawn, drawn.rotate(90), drawn.rotate(180)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    for number, options in enumerate(({"progressive": True}, {"subsampling": 1}, {"subsampling": 2, "exif": exif})):
        colours.save(folder / f"golden/{number}.png", "JPEG", **options)
    made = site.build(Bundle.open(folder), Options("float32", golden=True))
    assert len(made.document.golden) == 6
    with opened(tmp_path, made.files) as page:
        page.wait(ENDED)
        assert page.value(STATUS) == "Same as the device: 12 of 12"


def test_a_folder_below_others_proves_itself(bundle: Bundle, tmp_path: Path) -> None:
    files = {f"a/b/{name}": content for name, content in site.build(bundle).files.items()}
    with opened(tmp_path, files, path="a/b/index.html") as page:
        page.wait(ENDED)
        assert page.value(STATUS) == "Same as the device: 6 of 6" and page.errors == []


def test_a_single_file_proves_itself_from_the_disk(bundle: Bundle, tmp_path: Path) -> None:
    made = site.build(bundle, Options(single_file=True))
    file = tmp_path / "page.html"
    file.write_bytes(made.files[built.INDEX])
    with browser.chromium(tmp_path / "profile") as page:
        page.open(file.as_uri())
        page.wait(ENDED)
        assert page.value(STATUS) == "Same as the device: 6 of 6" and page.errors == []
        links = "[...document.querySelectorAll('footer a')].map((link) => link.protocol)"
        assert page.value(links) == ["blob:", "blob:"]  # the licences


def test_it_opens_without_its_server_and_is_replaced_by_what_is_published_next(bundle: Bundle, tmp_path: Path) -> None:
    with browser.chromium(tmp_path / "profile") as page:
        with served(site.build(bundle, Options("int8")).files) as url:
            page.open(url)
            page.wait("navigator.serviceWorker.controller !== null")
        page.open("about:blank")
        page.open(url)
        page.wait(ENDED)
        assert page.value(STATUS) == "Same as the device: 6 of 6" and page.value(RECIPE) == "int8"

        port = url.rstrip("/").rpartition(":")[2]
        with served(site.build(bundle, Options("float16")).files, ListenAddress.parse(port)):
            page.value("navigator.serviceWorker.getRegistration().then((found) => void found.update())")
            page.wait(f"{MESSAGES}.includes('A new version is ready')")
            page.value("document.querySelector('#messages button').click()")
            page.wait(f"document.readyState === 'complete' && {ENDED} && {RECIPE} === 'float16'")
        page.open("about:blank")
        page.open(url)
        page.wait(f"{ENDED} && {RECIPE} === 'float16'")


@pytest.mark.parametrize("name", ["model.tflite", "litert.js", "litert.wasm.bin", "worker.js", "tests/2.png"])
def test_a_damaged_file_is_noticed(bundle: Bundle, tmp_path: Path, name: str) -> None:
    files = dict(site.build(bundle).files)
    files[name] = files[name][:-100] + bytes([files[name][-100] ^ 1]) + files[name][-99:]
    with opened(tmp_path, files) as page:
        page.wait(ENDED)
        assert page.value(STATUS) == "Not ready"
        assert f"{name}: it is not as it was written" in page.value(MESSAGES)


def test_a_damaged_script_is_not_run(bundle: Bundle, tmp_path: Path) -> None:
    files = dict(site.build(bundle).files)
    files["page.js"] += b"document.title = 'damaged';"
    with opened(tmp_path, files) as page:
        page.wait("document.readyState === 'complete'")
        assert page.value("document.title") == "bundle"
        said = page.value("document.getElementById('loading-text').innerText")
        assert said.startswith("Loading. If this stays, this browser is too old, a file of this page is damaged")
        assert any("integrity" in error for error in page.errors)
