"""The command `web`: what it prints where, what it refuses, and how serving ends."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tlpipe
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import WrongUsage

Command = Callable[..., Any]
PROGRAM = """
import sys
from pathlib import Path
from tlpipe.website import built
built.FOLDER = Path(sys.argv.pop(1))
from tlpipe.cli.commands import main
main()
"""


@pytest.mark.usefixtures("page", "stored")
def test_the_newest_bundle_becomes_a_site(tlpipe: Command, tmp_path: Path) -> None:
    done = tlpipe("web")

    assert (done.code, done.stdout) == (0, "sites/bundle\n"), done.stderr
    assert "using the newest bundle, exported/bundle" in done.stderr
    assert " files, " in done.stderr and "a first visit loads " in done.stderr
    assert (tmp_path / "sites/bundle/index.html").is_file()
    assert tlpipe("web").stdout == "sites/bundle-2\n"
    assert tlpipe("web", "--out", "sites/bundle").code == 2
    assert tlpipe("web", "--out", "sites/bundle", "--overwrite").code == 0


@pytest.mark.usefixtures("page")
def test_json_is_one_document(tlpipe: Command, stored: Path) -> None:
    done = tlpipe("web", stored, "--json", "--single-file", "--recipe", "float16", "--url", "https://example.org/")
    told = json.loads(done.stdout)

    assert (told["schema"], told["path"], told["url"]) == (1, "sites/bundle.html", "https://example.org/")
    assert (told["name"], told["recipe"]) == ("bundle", "float16")
    assert told["files"] == {"index.html": Path("sites/bundle.html").stat().st_size}
    assert 0 < told["first_visit_bytes"] < told["files"]["index.html"]


@pytest.mark.usefixtures("page")
def test_the_address_is_a_code_on_stderr(tlpipe: Command, stored: Path) -> None:
    done = tlpipe("web", stored, "--url", "https://example.org/")

    assert done.stdout == "sites/bundle\nhttps://example.org/\n"
    assert sum(line.startswith("█") for line in done.stderr.splitlines()) > 10


@pytest.mark.usefixtures("page")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--url", "http://example.org/"], "web --url: http: browsers give a page the camera only over https"),
        (["--host", "0.0.0.0"], "web --host: only for --serve"),
        (["--port", "8001"], "web --port: only for --serve"),
        (["--serve", "--url", "https://example.org/"], "not with --serve, which has an address"),
        (["--recipe", "dynamic"], "dynamic takes 20 times as long as int8 in a browser"),
        (["--recipe", "int4"], "no format int4 in this bundle"),
        (["--port", "65536", "--serve"], "web --port: 65536 is too high"),
    ],
)
def test_wrong_usage(tlpipe: Command, stored: Path, tmp_path: Path, options: list[str], said: str) -> None:
    done = tlpipe("web", stored, *options)

    assert (done.code, done.stdout) == (2, "") and said in done.stderr
    assert len(done.stderr.splitlines()) == 2
    assert not (tmp_path / "sites").exists()


@pytest.mark.usefixtures("page")
def test_a_bundle_of_an_unknown_schema(tlpipe: Command, stored: Path) -> None:
    manifest = stored / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema": 9}))
    done = tlpipe("web", stored)

    assert done.code == 65 and "schema 9, but this program reads schema 1" in done.stderr


@pytest.mark.usefixtures("page")
def test_a_page_that_is_not_built(tlpipe: Command, page: Path, stored: Path) -> None:
    (page / "page.js").unlink()
    done = tlpipe("web", stored)

    assert (done.code, done.stdout) == (69, "") and "Run make web-runtime" in done.stderr
    assert not Path("sites").exists()


@pytest.mark.usefixtures("page")
def test_an_address_in_a_file_waits_for_publishing(
    tlpipe: Command, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlpipe.cli import web_command

    served: list[object] = []
    monkeypatch.setattr(web_command, "_serve", lambda *given, **_: served.append(given))
    (tmp_path / "tlpipe.toml").write_text('[web]\nurl = "https://example.org/"\nport = 8001\n')

    assert (tlpipe("web", stored, "--serve").code, len(served)) == (0, 1)
    assert tlpipe("web", stored).stdout == "sites/bundle\nhttps://example.org/\n"


@pytest.mark.parametrize("options", [[], ["--out", "site", "--json"]])
def test_serving_ends_with_one_line(page: Path, stored: Path, tmp_path: Path, options: list[str]) -> None:
    command = [sys.executable, "-c", PROGRAM, page, "web", stored, "--serve", "--port", "0", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        list(map(str, command)),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stderr:
                if "Ctrl-C ends it" in line:
                    break
            printed = "".join(process.stdout.readline() for _ in range(1 if not options else 4))
            url = printed.strip() if not options else printed.split('"url": "')[1].split('"')[0]
            with urllib.request.urlopen(url, timeout=20) as answer:
                assert b'id="site"' in answer.read()
            with pytest.raises(urllib.error.HTTPError, match="404"):  # a browser would keep the page for this address
                urllib.request.urlopen(f"{url}service_worker.js", timeout=20)
            process.send_signal(signal.SIGINT)
            rest, said = process.stdout.read(), process.stderr.read()
            process.wait(timeout=60)
        finally:
            process.kill()

    assert (process.returncode, said) == (130, "warning: interrupted.\n")
    assert (tmp_path / "site").is_dir() == bool(options) and not (tmp_path / "sites").exists()
    if options:
        assert json.loads(printed + rest)["path"] == "site"


@pytest.mark.usefixtures("page")
def test_from_python(stored: Path, tmp_path: Path) -> None:
    made = tlpipe.web(stored, recipe="float32", out=tmp_path / "site", golden=True)

    assert made.path == tmp_path / "site" and made.site.document.recipe == "float32"
    assert (made.path / "golden/1.png").is_file() and made.site.document.golden
    assert tlpipe.web(Bundle.open(stored), out=str(tmp_path / "page.html"), single_file=True).path.is_file()
    with pytest.raises(WrongUsage, match="exists already"):
        tlpipe.web(stored, out=tmp_path / "site")
