"""The steps of ``run`` that are begun or done, in the checkpoint of that command."""

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import Resume
from tlpipe_edge.contract.files import sha256_of

TRAIN, FINETUNE, EXPORT, EVALUATE, BENCH, REPORT = ORDER = (
    *("train", "finetune", "export"),
    *("evaluate", "bench", "report"),
)

_PART = "steps"


class Steps:
    """Which steps are done, and with which result: the sha256 of its main file.

    What a step has ever made, it may replace; anything else at that place is another's.
    """

    def __init__(self, saved: Checkpoint) -> None:
        part = saved.load(_PART)
        record = {} if part is None else part.record
        self.saved = saved
        self.folders = {name: Path(str(path)) for name, path in _items(record.get("folders"))}
        self.made = {name: [str(each) for each in _list(hashes)] for name, hashes in _items(record.get("made"))}
        self.begun, self.done = _steps(record.get("begun")), _steps(record.get("done"))

    def open(self, basis: Mapping[str, str], files: Mapping[str, Path | None], *, restart: bool) -> None:
        """Go on from the checkpoint, after those steps whose main ``files`` are as they were.

        If it is not valid any more, all steps are to do.
        """
        if not self.saved.open(basis, restart=restart):
            self.begun, self.done = [], []
        intact = itertools.takewhile(lambda name: self.is_own(name, files.get(name)), self.done)
        self.done = list(intact)

    def is_done(self, name: str) -> bool:
        """Whether the step is done."""
        return name in self.done

    def is_own(self, name: str, file: Path | None) -> bool:
        """Whether the step has made this main file."""
        return file is not None and file.is_file() and sha256_of(file) in self.made.get(name, ())

    def folder(self, name: str, marker: str, step: str, decide: Callable[[], Path]) -> Path:
        """Where a step writes: decided once, unless something else has come there."""
        folder = self.folders.get(name)
        if folder is None or (folder.exists() and not self.is_own(step, folder / marker)):
            self.folders[name] = folder = decide()
        return folder

    def begin(self, name: str) -> Resume:
        """Begin a step, or go on with it. All later steps are to do again."""
        resume = Resume(restart=name not in self.begun, within=self.saved.key, made=lambda sha: self._made(name, sha))
        at = ORDER.index(name)
        self.begun = [each for each in self.begun if ORDER.index(each) < at] + [name]
        self.done = [each for each in self.done if ORDER.index(each) < at]
        self._save()
        return resume

    def end(self, name: str, file: Path) -> None:
        """The step is done; ``file`` is the main file of its result."""
        self.done.append(name)
        self._made(name, sha256_of(file))

    def _made(self, name: str, sha256: str) -> None:
        known = self.made.setdefault(name, [])
        if sha256 not in known:
            known.append(sha256)
        self._save()

    def _save(self) -> None:
        record = {"folders": self.folders, "made": self.made, "begun": self.begun, "done": self.done}
        self.saved.save(_PART, record, reached=f"with step {len(self.done) + 1}")

    def outlook(self) -> str:
        """What an interrupted command says of them."""
        done = len(self.done)
        if not done:
            return ""
        these = {1: "Step 1 is", 2: "Steps 1 and 2 are"}.get(done, f"Steps 1 to {done} are")
        return f"{these} done: the same command goes on with step {done + 1}."


def _steps(value: object) -> list[str]:
    return [name for name in ORDER if name in _list(value)]


def _list(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _items(value: object) -> Iterable[tuple[str, object]]:
    return value.items() if isinstance(value, dict) else ()
