"""A folder with data, runs, bundles, reports and a cache, made by the commands themselves, and a server that runs more.

Its path stays the same, since runs know where their images are. It is restored from a copy before each trial.
"""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import drawing
from commands import TRAINING, Command
from interposed import VARIABLE, Control, Plan
from server import Ended, Job

LABELS = ("bars", "crosses", "rings")
IN_MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The folder for workspaces: what is flushed there need not reach a disk. None for the system's temporary folder."""
SERVER = Path(__file__).with_name("server.py")
FIRST: tuple[tuple[str, ...], ...] = (
    ("train", "../data/photos", "--out", "runs/drawn", *TRAINING),
    ("finetune", "runs/drawn", "--top-layers", "3", "--epochs", "1"),
    ("export", "runs/drawn", "--quantize", "float32", "--out", "exported/drawn"),
    ("evaluate", "exported/drawn"),
    ("bench", "exported/drawn", "--out", "bench.json"),
    ("export", "runs/drawn", "--quantize", "int8", "--quantize", "float32", "--out", "exported/both"),
    ("report", "exported/drawn", "bench.json", "--out", "reports/drawn"),
    ("report", "exported/drawn", "--against", "reports/drawn", "--out", "reports/compared"),
)
"""What makes the results that the commands start from."""


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it printed."""

    ended: Ended
    stdout: str
    stderr: str


class Workspace:
    """``root`` has data/, work/ (the working folder), cache/ and tmp/; end it with ``close``."""

    def __init__(self, folder: Path, library: Path) -> None:
        self.root = folder.resolve() / "root"
        self.work = self.root / "work"
        self._template = folder.resolve() / "template"
        self._output = folder.resolve() / "output"
        shared = folder.resolve() / "shared"
        Control(shared)
        matplotlib, keras = (folder.resolve() / name for name in ("matplotlib", "keras"))
        quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        places = {VARIABLE: str(shared), "MPLCONFIGDIR": str(matplotlib), "KERAS_HOME": str(keras)}
        with (folder / "server.txt").open("wb") as errors:
            self._server = subprocess.Popen(
                [sys.executable, SERVER],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=os.environ | quiet | places | {"LD_PRELOAD": str(library)},
                text=True,
            )
        assert self._server.stdout
        if self._server.stdout.readline() != "ready\n":
            raise RuntimeError((folder / "server.txt").read_text("utf-8"))
        self._make()

    def close(self) -> None:
        """End the server."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()

    def _make(self) -> None:
        data = self.root / "data"
        for folder in (data, self.work, self.root / "cache", self.root / "tmp"):
            folder.mkdir(parents=True)
        drawing.photographs(data / "photos", LABELS, count=8)
        drawing.photographs(data / "others", LABELS, count=3, seed=1)
        with zipfile.ZipFile(data / "photos.zip", "w") as archive:
            for file in sorted((data / "photos").rglob("*.*")):
                archive.write(file, file.relative_to(data))
        (data / "labels.txt").write_text("".join(f"{label}\n" for label in LABELS), "utf-8")
        (data / "run.toml").write_text("[finetune]\ntop-layers = 3\n", "utf-8")
        self._run("tiny-weights", str(data / "tiny.npz"))
        for arguments in FIRST:
            self._run("tlpipe", *arguments)
            if arguments[0] == "train":
                shutil.copytree(self.work / "runs/drawn", self.work / "runs/frozen")
        for how in ("folder", "together"):
            self._run("stored", how, "old")
        shutil.copyfile(self.work / "runs/frozen/1-frozen/model.keras", data / "model.keras")
        shutil.rmtree(self.root / "tmp")
        (self.root / "tmp").mkdir()
        shutil.copytree(self.root, self._template)

    def _run(self, program: str, *arguments: str) -> None:
        done = self.run(Command(program, arguments, "", program=program))
        if done.ended.code != 0:
            raise RuntimeError(f"{' '.join(arguments)}: {done.stderr}")

    def restore(self, command: Command) -> None:
        """All as it was made, without what the command wants to be forgotten."""
        shutil.rmtree(self.root)
        shutil.copytree(self._template, self.root)
        for cache in (self.root / "cache").iterdir():
            for name in command.forget:
                shutil.rmtree(cache / name, ignore_errors=True)

    def run(self, command: Command, plan: Plan = Plan(), *, delay: float | None = None) -> Done:  # noqa: B008
        """Run a command by ``plan``; after ``delay`` seconds it is killed."""
        output, errors = (self._output.with_suffix(suffix) for suffix in (".stdout", ".stderr"))
        places = {"TLPIPE_CACHE": str(self.root / "cache"), "TMPDIR": str(self.root / "tmp")}
        job = Job(
            program=command.program,
            arguments=command.arguments,
            folder=str(self.work),
            root=str(self.root),
            stdout=str(output),
            stderr=str(errors),
            environment=places,
            plan=plan,
            delay=delay,
        )
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(json.dumps(dataclasses.asdict(job)) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        ended = Ended(**{name: tuple(value) if isinstance(value, list) else value for name, value in answer.items()})
        return Done(ended, output.read_text("utf-8"), errors.read_text("utf-8"))
