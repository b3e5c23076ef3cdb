"""A built page that is small and says nothing, in the place of the one that needs npm, and a stored bundle."""

import gzip
import json
import shutil
from pathlib import Path

from tlpipe.website import built
from tlpipe_edge.contract.bundle import Bundle

STORED = Path(__file__).parents[1] / "data/before_rooms/bundle"
TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'">
<title>tlpipe</title>
<link rel="icon" href="icon-192.png">
<link rel="apple-touch-icon" href="icon-192.png">
<link rel="manifest" href="site.webmanifest">
<link rel="stylesheet" href="page.css">
</head>
<body>
<main><a href="LICENSE-LiteRT.txt">LiteRT.js</a></main>
<script type="application/json" id="site">{}</script>
<script src="page.js"></script>
</body>
</html>
"""
WASM = b"\0asm of LiteRT.js"


def make(folder: Path) -> Path:
    """The folder of a built page."""
    folder.mkdir()
    for name in built.NAMES:
        (folder / name).write_bytes(f"/* {name} */\n".encode())
    (folder / built.SERVICE_WORKER).write_text('const VERSION = "{{version}}";\n')
    (folder / built.INDEX).write_text(TEMPLATE)
    (folder / built.WASM).write_bytes(gzip.compress(WASM, mtime=0))
    (folder / built.MANIFEST).write_text(json.dumps({"name": "", "short_name": "", "start_url": "."}))
    return folder


def copy_bundle(folder: Path) -> Path:
    """A bundle of an earlier version in all formats, without a checksum. Its run is called "secret-run"."""
    shutil.copytree(STORED, folder)
    for file in folder.glob("*.json"):
        file.write_text(file.read_text().replace("@PHOTOS@", str(folder.parent / "photographs")))
    file = folder / "manifest.json"
    document = json.loads(file.read_text())
    document["provenance"] |= {"run": "secret-run", "keras_file": "../../runs/secret-run/2-finetuned/model.keras"}
    file.write_text(json.dumps(document))
    return folder


def keep(bundle: Path, *recipes: str) -> Bundle:
    """Leave only these formats in a bundle."""
    file = bundle / "manifest.json"
    document = json.loads(file.read_text())
    document["artifacts"] = [each for each in document["artifacts"] if each["recipe"] in recipes]
    file.write_text(json.dumps(document))
    return Bundle.open(bundle)
