"""index.html of a folder and of a single file: hashes, a strict policy, and a name that is only text."""

import base64
import hashlib
import html.parser
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tlpipe.website import built, site
from tlpipe.website.site import Options
from tlpipe_edge.contract.bundle import Bundle

HOSTILE = "</script><img src=x onerror=alert(1)>&\u202e<!--"


class Reader(html.parser.HTMLParser):
    """The start tags with their attributes, and the text that follows each of them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.inside = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.texts.append("")
        self.inside = True

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.texts[-1] += data

    def all(self, tag: str) -> list[tuple[dict[str, str | None], str]]:
        return [(given, text) for (name, given), text in zip(self.tags, self.texts, strict=True) if name == tag]


def policy(reader: Reader) -> dict[str, str]:
    (content,) = [given["content"] for given, _ in reader.all("meta") if "http-equiv" in given]
    return dict(part.split(" ", 1) for part in str(content).split("; "))


def of(content: bytes) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"


@pytest.mark.usefixtures("page")
def test_a_folder_loads_only_its_own_files_and_checks_them(exported: Bundle) -> None:
    made = site.build(exported)
    reader = Reader(made.files[built.INDEX].decode())

    (script,) = [given for given, _ in reader.all("script") if "src" in given]
    (style,) = [given for given, _ in reader.all("link") if given["rel"] == "stylesheet"]
    for name, address, integrity in (
        ("page.js", script["src"], script["integrity"]),
        ("page.css", style["href"], style["integrity"]),
    ):
        content = made.files[name]
        assert address == f"{name}?v={hashlib.sha256(content).hexdigest()[:8]}" and integrity == of(content)
    assert policy(reader) == {
        "default-src": "'none'",
        "script-src": "'self' blob: 'wasm-unsafe-eval'",
        "worker-src": "'self' blob:",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "blob: mediastream:",
        "connect-src": "'self'",
        "manifest-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


@pytest.mark.usefixtures("page")
def test_a_single_file_has_everything_and_loads_nothing(exported: Bundle) -> None:
    folder, single = site.build(exported), site.build(exported, Options(single_file=True))
    text = single.files[built.INDEX].decode()
    reader = Reader(text)

    assert not re.search(r'<(link|script|img)[^>]* (src|href)="(?!data:)', text)
    assert single.document.single_file and set(single.files) == {built.INDEX}
    inside = {str(given["id"]): text for given, text in reader.all("script") if "id" in given}
    told = json.loads(inside.pop("site"))
    licences = {name: inside.pop(f"licence:{name}") for name in built.LICENCES}
    assert licences == {name: folder.files[name].decode() for name in built.LICENCES}
    assert set(inside) == {f"asset:{name}" for name in told["assets"]}
    for name in told["assets"]:
        assert base64.b64decode(inside[f"asset:{name}"]) == folder.files[name]
    ((_, script),) = [(given, text) for given, text in reader.all("script") if not given]
    ((_, style),) = reader.all("style")
    assert script == "/* page.js */\n" and style == "/* page.css */\n"
    assert text.index("<script>") > text.index('id="site"')
    stated = policy(reader)
    assert stated["script-src"] == f"'{of(script.encode())}' blob: 'wasm-unsafe-eval'"
    assert stated["style-src"] == f"'{of(style.encode())}'"
    assert stated["connect-src"] == stated["default-src"] == stated["manifest-src"] == "'none'"
    assert "'self'" not in text


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize("single_file", [False, True])
def test_names_and_labels_are_only_text(stored: Path, single_file: bool) -> None:
    file = stored / "manifest.json"
    manifest: dict[str, Any] = json.loads(file.read_text())
    (stored / "evaluation.json").unlink()
    labels = [HOSTILE, "ทดสอบ", "日本語"][: len(manifest["labels"])]
    file.write_text(json.dumps(manifest | {"name": HOSTILE, "labels": labels}))
    made = site.build(Bundle.open(stored), Options(single_file=single_file))
    reader = Reader(made.files[built.INDEX].decode())

    assert not reader.all("img")
    ((_, title),) = reader.all("title")
    assert title == HOSTILE.replace("\u202e", "\\u202e")
    (told,) = [json.loads(text) for given, text in reader.all("script") if given.get("id") == "site"]
    assert told["labels"] == labels and told["name"] == HOSTILE
    if not single_file:
        assert json.loads(made.files["site.webmanifest"])["name"] == title
        assert b"<img" not in made.files["README.md"] and "\u202e" not in made.files["README.md"].decode()


@pytest.mark.parametrize("script", ["'</script>'", "'<!--'", "'</style>'", "1\r\n"])
def test_a_script_that_would_end_early_is_a_bug_of_ours(page: Path, exported: Bundle, script: str) -> None:
    (page / built.PAGE).write_bytes(script.encode())
    with pytest.raises(ValueError, match="cannot be inside HTML"):
        site.build(exported, Options(single_file=True))
    assert site.build(exported)


def test_a_page_without_a_place_for_the_document_is_a_bug_of_ours(page: Path, exported: Bundle) -> None:
    (page / built.INDEX).write_text("<title></title>")
    with pytest.raises(ValueError, match=r"index\.html has 0 places like"):
        site.build(exported)
