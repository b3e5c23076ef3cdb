"""What a stopped command has left: about.json, the parts, and the mark of a finished one. None is ever an error."""

import hashlib
import io
import math
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from tlpipe.evaluation import evaluate
from tlpipe.runs.history import Epoch
from tlpipe.runs.steps import Steps
from tlpipe.storage import checkpoint, leftovers
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.training import state
from tlpipe_edge.errors import BadData

BASIS = {"images": "0" * 64, "the version of numpy": "1"}
KEY = "0" * 16
FILES = ("about.json", "finished", "training.part", "steps.part", "scores.part")
"""The first byte of a document is the place of its file here."""
PARTS = FILES[2:]


def prepare(folder: Path) -> Fuzzed:
    target = folder / "there" / "run"
    target.mkdir(parents=True)
    saved = Checkpoint(target, KEY)
    saved.open(BASIS)
    model = _model()
    blank = {name: np.full((4, 3), np.nan, np.float32) for name in ("keras", "int8")}
    _save(saved, model, blank)
    (saved.folder / "finished").write_text("1:2")
    sound = {name: (saved.folder / name).read_bytes() for name in FILES}
    readers = {
        "training.part": lambda: state.load(saved, cast(Any, model)),
        "steps.part": lambda: Steps(saved).open(BASIS, {}, restart=False),
        "scores.part": lambda: evaluate._continued(saved, dict(blank)),
    }

    def read(content: bytes) -> None:
        place, content = (content[:1] or b"\0")[0] % len(FILES), content[1:]
        name = FILES[place]
        saved.folder.mkdir(exist_ok=True)
        for each in FILES[:2] if place < 2 else (name,):
            (saved.folder / each).write_bytes(content if each == name else sound[each])
        if name in PARTS:
            readers[name]()
            absent = not (saved.folder / name).exists()
            assert absent or _has_its_sum(name, content), "a damaged part is used"
        else:
            [*checkpoint.targets(target, KEY)]
            assert not leftovers.is_finished(saved.folder), "a checkpoint is given up"
            absent = not saved.open(BASIS)
            assert absent != saved.folder.exists()
        there = {each.name for each in target.parent.iterdir()}
        assert there <= {target.name, saved.folder.name}, f"left beside it: {there}"
        if absent:
            raise BadData("absent")

    return Fuzzed(read, [bytes([place]) + sound[name] for place, name in enumerate(FILES)], mutate)


def _model() -> SimpleNamespace:
    """What ``state`` needs of a model of Keras, which takes seconds to import."""
    weights = [np.zeros((3, 2), np.float32), np.zeros(2, np.float32)]
    optimizer = SimpleNamespace(variables=[np.zeros((), np.int64), *weights])
    return SimpleNamespace(variables=weights, optimizer=optimizer, get_weights=lambda: weights)


def _save(saved: Checkpoint, model: SimpleNamespace, scores: dict[str, np.ndarray]) -> None:
    epochs = [Epoch(0, 1.0, 0.5, 1.0, 0.5), Epoch(1, 0.5, 0.75, 0.5, 0.75, 0.1, 2.0)]
    logs = [{"loss": 0.1}, {"loss": math.nan}]
    training = state.State(epochs, logs, epochs[1], model.get_weights(), finished=True)
    training.save(saved, cast(Any, model), reached="")
    steps = {"folders": {"run": "runs/a"}, "made": {"train": ["0" * 64]}, "begun": ["train"], "done": ["train"]}
    saved.save("steps", steps, reached="")
    failed = [{"file": "1.jpg", "reason": "damaged"}]
    saved.save("scores", {"done": 2, "failed": failed}, scores, reached="")


def _has_its_sum(name: str, content: bytes) -> bool:
    digest, _, archive = content.partition(b"\n")
    return _sum(name, archive) == digest


def _sum(name: str, archive: bytes) -> bytes:
    return hashlib.sha256(f"{KEY} {name.removesuffix('.part')}\n".encode() + archive).hexdigest().encode()


def mutate(content: bytes, random: Random) -> bytes:
    """Most parts have a sum that fits: else nothing behind it would be tried."""
    place, content = content[:1], content[1:]
    name = FILES[place[0] % len(FILES)] if place else PARTS[0]
    if name not in PARTS:
        return place + _document(content, random)
    if random.random() < 0.2:
        return place + _octets(content, random)
    archive = content.partition(b"\n")[2]
    changed = (_record if random.random() < 0.6 else _members)(archive, random)
    return place + _sum(name, changed) + b"\n" + changed


_document = mutations.sealed(mutations.values)
_octets = mutations.octets([b"'shape': (", b"'descr': ", b"|O", b"<U64", b"(3,)"])
_members = mutations.members(_octets)


def _record(archive: bytes, random: Random) -> bytes:
    """With another record, or without one of the arrays."""
    try:
        with np.load(io.BytesIO(archive), allow_pickle=False) as stored:
            arrays = dict(stored)
        record = mutations.values(arrays["record"].tobytes(), random)
    except Exception:  # a mutant that is mutated again, as a guided engine does
        return _octets(archive, random)
    if random.random() < 0.2:
        del arrays[random.choice([*arrays])]
    buffer = io.BytesIO()
    np.savez(buffer, **arrays | {"record": np.frombuffer(record, np.uint8)})
    return buffer.getvalue()
