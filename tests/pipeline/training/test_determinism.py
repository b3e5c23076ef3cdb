"""With --deterministic, two processes come to the same bits: fine-tuned weights, and int8 files of different names.

The switch holds for the rest of a process, so that each of both is one of its own.
"""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

from tlpipe.runs.config import Training

TESTS = str(Path(__file__).parents[1])
PROGRAM = """
import sys
from pathlib import Path
from fingerprints import weights_sha256
from tiny import LAYERS, TINY
from tlpipe.conversion import recipes
from tlpipe.data import loading
from tlpipe.exporting import assemble
from tlpipe.network import build
from tlpipe.network.backbones import BACKBONES
from tlpipe.pictures import architecture, plots
from tlpipe.runs import run_folder
from tlpipe.runs.config import Finetuning, Training
from tlpipe.training import stages

BACKBONES["tiny"] = TINY
architecture.save = plots.save = lambda _figure, file: file.touch()
data, config, out = Path(sys.argv[1]), Training.read(Path(sys.argv[2])), Path(sys.argv[3])
frozen = stages.train(loading.load(data), out / "run", config)
run = stages.finetune(frozen, Finetuning(top_layers=LAYERS, epochs=1, learning_rate=1e-4))
print(weights_sha256(build.load(out / "run/2-finetuned" / run_folder.MODEL)))
print(assemble.export(run, recipes.parse(["int8"]), out / sys.argv[3].rpartition("/")[2]).artifact("int8").sha256)
"""


def test_two_processes_come_to_the_same_bits(few: Path, brief: Training, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    training = dataclasses.replace(brief, deterministic=True, views=2)
    file.write_text(json.dumps(training.document(training.head, {})))
    processes = []
    for name in ("one", "two"):
        environment = os.environ | {
            "XDG_CACHE_HOME": str(tmp_path / name / "cache"),
            "PYTHONPATH": os.pathsep.join(filter(None, (TESTS, os.environ.get("PYTHONPATH")))),
        }
        command = [sys.executable, "-c", PROGRAM, str(few), str(file), str(tmp_path / name)]
        processes.append(
            subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        )
    results = [process.communicate(timeout=600) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], results
    (first, _), (second, _) = results
    assert first == second and len(first.split()) == 2
