"""Makes a calibrated file by one remedy after the other, until it is as near to Keras as the user asks for.

Validation decides: the test images stay unseen.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe.conversion.calibration import Representative
from tlpipe.conversion.recipes import Recipe
from tlpipe.conversion.remedies import CONVERTER, REMEDIES, Remedy, why_not
from tlpipe.data.dataset import Dataset, label_indices
from tlpipe.features.chunks import scored_chunks
from tlpipe.features.work import ComputeScores
from tlpipe.network.backend import keras
from tlpipe.network.predict import keras_probabilities
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe_edge.classify import accuracy
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.limits import Limits
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.contract.quantization import Attempt, Quantization


@dataclass(frozen=True)
class Original:
    """The Keras model and its images."""

    model: keras.Model
    dataset: Dataset
    spec: ImageSpec


@dataclass(frozen=True)
class Climbed:
    """The content of the file that is used, the number of calibration images that it took, and what was tried."""

    content: bytes
    images: int
    quantization: Quantization


def climbed(
    original: Original, recipe: Recipe, representative: Representative, limits: Limits, saved: Checkpoint
) -> Climbed:
    """The file of the first remedy, or of the converter alone if the model has a layer without a rule.

    With ``limits``, the converter alone is measured first, for comparison, and the file is that of the first remedy
    that is within them; if there is none, that of the converter if it is; else the one that is nearest to Keras. Each
    file is saved when it is made.
    """
    ladder = _Ladder(original, recipe, representative, limits, saved)
    remedies = REMEDIES if recipe.remedied and ladder.can_remedy() else ()
    if limits or not remedies:
        ladder.climb(CONVERTER)
    for remedy in remedies if limits else remedies[:1]:
        ladder.climb(remedy)
        if ladder.is_within():
            break
    return ladder.result()


class _Ladder:
    """What was tried so far."""

    def __init__(
        self,
        original: Original,
        recipe: Recipe,
        representative: Representative,
        limits: Limits,
        saved: Checkpoint,
    ) -> None:
        self._original = original
        self._recipe = recipe
        self._representative = representative
        self._limits = limits
        self._saved = saved
        self._validation = _Validation(original, recipe)
        self._files: list[tuple[Remedy, bytes]] = []
        self._attempts: list[Attempt] = []
        self._keras_top1 = 0.0
        self._left_out: str | None = None

    def can_remedy(self) -> bool:
        """Whether the remedies know each layer of the model."""
        self._left_out = why_not(self._original.model, self._recipe, self._representative.pixels)
        return self._left_out is None

    def climb(self, remedy: Remedy) -> None:
        """Make the file of a remedy, and compare it, or read what was saved of that."""
        name = f"{self._recipe.name}-{remedy.name.replace(' ', '-')}"
        part = self._saved.load(name)
        if part is None:
            start = time.perf_counter()
            content = remedy.convert(self._original.model, self._recipe, self._representative)
            attempt = self._validation.compared(remedy.name, content, time.perf_counter() - start)
            self._keras_top1 = self._validation.keras_top1
            record = {"attempt": codec.as_json(attempt), "keras_top1": self._keras_top1}
            done = f"after {self._recipe.name} with {remedy.name}"
            self._saved.save(name, record, {"content": np.frombuffer(content, np.uint8)}, reached=done)
        else:
            attempt, content = codec.read(Attempt, part.record["attempt"], name), part.arrays["content"].tobytes()
            self._keras_top1 = float(str(part.record["keras_top1"]))
        if self._limits:
            progress.say(f"{self._recipe.name}, {remedy.name}: {_told(attempt, self._attempts[-1:])}")
        self._files.append((remedy, content))
        self._attempts.append(attempt)

    def is_within(self) -> bool:
        """Whether the last one is within the limits."""
        return not any(self._exceeded(self._attempts[-1]))

    def result(self) -> Climbed:
        """With the last file that is within the limits, or else the one that is nearest to Keras."""
        within = [at for at, attempt in enumerate(self._attempts) if not any(self._exceeded(attempt))]
        distances = [attempt.mean_probability_difference for attempt in self._attempts]
        at = within[-1] if within else int(np.argmin(distances))
        remedy, content = self._files[at]
        return Climbed(
            content,
            min(remedy.images, len(self._representative.examples)),
            Quantization(
                images=self._validation.images,
                keras_top1=self._keras_top1,
                attempts=tuple(self._attempts),
                used=remedy.name,
                limits=self._limits or None,
                failures=tuple(self._exceeded(self._attempts[at])),
                left_out=self._left_out,
            ),
        )

    def _exceeded(self, attempt: Attempt) -> Iterator[str]:
        top1, agreement = attempt.top1, attempt.agreement
        return self._limits.exceeded(top1=top1, keras_top1=self._keras_top1, agreement=agreement)


def _told(attempt: Attempt, before: Sequence[Attempt]) -> str:
    """What it cost, and what it gained over the one before."""
    told = f"{attempt} in {attempt.seconds:.0f} s"
    for each in before:
        points = 100 * (attempt.agreement - each.agreement)
        share = attempt.mean_probability_difference / max(each.mean_probability_difference, 1e-9)
        told += f"; {points:+.1f} points of agreement, mean difference x {share:.2f}"
    return told


class _Validation:
    """The validation images, and what Keras says of them: (N, classes), as soon as the first file is compared."""

    def __init__(self, original: Original, recipe: Recipe) -> None:
        self._examples = [each for each in original.dataset.splits["validation"] if each.problem is None]
        self._labels = label_indices(self._examples)
        self._original = original
        self._recipe = recipe
        self._keras: np.ndarray | None = None

    @property
    def images(self) -> int:
        """How many they are."""
        return len(self._examples)

    @property
    def keras_top1(self) -> float:
        """The accuracy of Keras on them."""
        assert self._keras is not None
        return float((accuracy.predictions(self._keras) == self._labels).mean())

    def compared(self, remedy: str, content: bytes, seconds: float) -> Attempt:
        """The file of a remedy, which took so many ``seconds`` to make, compared with Keras."""
        shape = (len(self._examples), len(self._original.dataset.labels))
        scores = np.empty(shape, np.float32)
        expected = np.empty(shape, np.float32) if self._keras is None else self._keras
        work = ComputeScores((content,), self._original.spec)
        what = f"comparing {self._recipe.name} with Keras"
        for chunk in scored_chunks(work, self._examples, what=what, strict=True):
            scores[chunk.places] = chunk.scores[:, 0]
            if self._keras is None:
                expected[chunk.places] = keras_probabilities(self._original.model, chunk.pixels)
        self._keras = expected
        return Attempt(
            remedy=remedy,
            top1=float((accuracy.predictions(scores) == self._labels).mean()),
            agreement=accuracy.agreement(scores, expected),
            mean_probability_difference=float(np.abs(scores - expected).mean()),
            seconds=round(seconds, 1),
        )
