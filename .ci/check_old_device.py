"""Check that the installed tlpipe-edge answers as the bundle's golden images say: python check_old_device.py BUNDLE.

Only the command is used and the files of the bundle are read here, whatever the modules of that version are called.
"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

RECIPES = ("float32", "float16", "dynamic", "int8")
"""The number formats of that version. It need not run newer ones."""
STEP = 1 / 255  # int8 has steps of 1/256

bundle = Path(sys.argv[1])
labels = (bundle / "labels.txt").read_text("utf-8").splitlines()
exported = {artifact["recipe"] for artifact in json.loads((bundle / "manifest.json").read_text("utf-8"))["artifacts"]}
assert exported.issuperset(RECIPES), exported

with np.load(bundle / "golden" / "expected.npz", allow_pickle=False) as golden:
    images = [str(bundle / "golden" / str(name)) for name in golden["files"]]
    for recipe in RECIPES:
        options = ["--recipe", recipe, "--top-k", str(len(labels)), "--json"]
        command = [sys.executable, "-m", "tlpipe_edge", "classify", str(bundle), *images, *options]
        document = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        assert document["recipe"] == recipe, document["recipe"]
        answers = [{each["label"]: each["score"] for each in row["top_k"]} for row in document["images"]]
        scores = np.array([[answer[label] for label in labels] for answer in answers])
        difference = np.abs(scores - golden[recipe]).max()
        print(f"{recipe}: {len(images)} golden images, scores differ by {difference:.6f} at most")
        assert difference <= STEP, f"{recipe}: more than {STEP:.6f}"
