"""Answers to keep, a clock, and what must hold for a folder of kept images. As a program, it keeps images for ever."""

import hashlib
import itertools
import os
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from tlpipe_edge.camera.answer import UNKNOWN, Answer
from tlpipe_edge.camera.collecting import Collection, Collector, Origin
from tlpipe_edge.camera.rules import When
from tlpipe_edge.contract import review
from tlpipe_edge.contract.review import REVIEW, SUFFIX, Kept, Reason

LABELS = ("dress", "hat", "a/b", "shoe")
ORIGIN = Origin(model="clothing", recipe="int8", artifact_sha256="2" * 64, labels=LABELS, device="a device")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still; ``seconds`` are those since ``START``."""

    seconds: float = 0.0

    def __call__(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


def frame(seed: int, *, height: int = 96, width: int = 128) -> np.ndarray:
    """(height, width, 3) uint8: smooth, and no near duplicate of that of another seed."""
    small = np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def answer(seed: int, score: float = 0.4, *, label: str = "dress", second: float = 0.3) -> Answer:
    """By default one that is uncertain. Below a score of 0.35, its label is UNKNOWN."""
    rest = max(0.0, min(second, (1 - score - second) / 2))
    return Answer(
        label=label if score >= 0.35 else UNKNOWN,
        best=label,
        score=score,
        labels=LABELS,
        scores=np.array([score, second, rest, rest], np.float32),
        frame=frame(seed),
        timings_ms={"resize": 1.0, "invoke": 2.0, "total": 3.0},
        dropped=0,
        frames_per_second=25.0,
    )


def collector(
    folder: Path, clock: Clock, *reasons: Reason, seconds: float = 60.0, limit: int = 10**7, per_hour: int = 60
) -> Collector:
    """One with these rules, by default UNCERTAIN and UNKNOWN."""
    when = When(frozenset(reasons), seconds) if reasons else When()
    return Collector(Collection(folder=folder, when=when, limit=limit, per_hour=per_hour), ORIGIN, clock=clock)


def checked(folder: Path) -> dict[str, Kept]:
    """The descriptions of all images, by the name of the image; none is without one, damaged or of another image."""
    found = {}
    for image in sorted((folder / REVIEW).glob("*/*.jpg")):
        content = image.read_bytes()
        kept = review.read(review.beside(image))
        assert hashlib.sha256(content).hexdigest() == kept.sha256, image
        assert content.endswith(b"\xff\xd9") and cv2.imread(str(image)) is not None, image
        found[str(image.relative_to(folder))] = kept
    return found


def others(folder: Path) -> list[str]:
    """The files in the folders of labels that are neither images nor their descriptions."""
    files = [each for each in (folder / REVIEW).glob("*/*") if each.suffix != ".jpg"]
    alone = [each for each in files if not each.with_name(each.name.removesuffix(SUFFIX) + ".jpg").exists()]
    return sorted(each.name for each in alone)


def keep_until_killed(folder: Path, steps: Sequence[str], at: int, *, first: int) -> None:
    """Keep images, with room for a few, until this process makes its call number ``at`` of the audit events ``steps``,
    and is killed before it. Without ``at`` (0), for ever."""
    numbers = itertools.count(1)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in steps and str(folder) in str(arguments[0]) and next(numbers) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    if at:
        sys.addaudithook(hook)
    with collector(folder, Clock(first), limit=30_000) as keeping:
        for seed in itertools.count(first):
            keeping.keep(answer(seed, score=0.4 + seed % 5 / 10))


def killed_at_each_step(folder: Path, count: int, pauses: Sequence[float]) -> None:
    """Kill a child at each of the first ``count`` steps, and at random moments; check the folder after each."""
    plans = [*((step, 0.0) for step in range(1, count + 1)), *((0, pause) for pause in pauses)]
    for number, (step, pause) in enumerate(plans):
        child = os.fork()
        if not child:
            try:
                keep_until_killed(folder, ("open", "os.rename", "os.remove", "os.mkdir"), step, first=1000 * number)
            finally:
                os._exit(1)
        if pause:
            time.sleep(pause)
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"step {step}: exit code {os.waitstatus_to_exitcode(status)}"
        there = checked(folder)
        left = others(folder)
        with collector(folder, Clock(10**6), limit=30_000) as again:
            assert sorted(again._images.entries) == sorted(there), f"step {step}"
            assert others(folder) == [], f"step {step}"
        print(len(there), *left)


if __name__ == "__main__":
    killed_at_each_step(Path(sys.argv[1]), int(sys.argv[2]), [float(each) for each in sys.argv[3:]])
