"""The page writes labels and file names as the device prints them."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tlpipe_edge.console.text import printable

NODE = shutil.which("node")
TEXT = Path(__file__).parents[2] / "edge/tlpipe_edge/live_page/printable.js"
SCRIPT = f"""
import {{ readFileSync }} from "node:fs";
import {{ printable }} from "{TEXT.as_uri()}";
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(printable)));
"""


@pytest.mark.skipif(NODE is None, reason="there is no Node.js here (Debian: apt install nodejs)")
def test_each_character_of_the_basic_plane() -> None:
    texts = [chr(code) for code in range(0x10000)] + ["\U000e0001tag", "\U0001f457", "a\u202eb\u2066c", "猫\tفستان\n"]
    command = [str(NODE), "--input-type=module", "-e", SCRIPT]
    done = subprocess.run(command, check=False, input=json.dumps(texts), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr

    differ = [text for text, found in zip(texts, json.loads(done.stdout), strict=True) if found != printable(text)]
    assert differ == []
