"""The rules of ``--when``: which frames are worth keeping for the next training."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tlpipe_edge.camera.answer import UNKNOWN, Answer
from tlpipe_edge.camera.settings import Adjustable
from tlpipe_edge.contract.review import Reason
from tlpipe_edge.errors import WrongUsage

MARGIN = 0.2
"""An answer is uncertain if its two highest scores differ by less. Of 307 test images of ten classes, 43 of them
classified wrongly, this takes 10 %: they hold 42 % of the errors, and 56 % of them are errors. With 0.3 it takes 16 %,
with 53 % of the errors, and with 0.1 5 %, with 19 %."""
OLD_SCENE = 0.1
"""While the frames before a change of the scene weigh more in the smoothed scores, low scores and margins say nothing
of the new frame: the average passes through them from one certain label to the next."""
EVERY = "every:"
ADVICE = "Choose uncertain, unknown, changed or every:N, with a number of seconds of at least 1."


@dataclass(frozen=True)
class When:
    """The rules that a user chose; ``seconds`` between two images is that of EVERY."""

    reasons: frozenset[Reason] = frozenset((Reason.UNCERTAIN, Reason.UNKNOWN))
    seconds: float = math.inf


def parse(written: Sequence[str]) -> When:
    """The rules of ``uncertain``, ``unknown``, ``changed`` and ``every:N``. Raise WrongUsage for any other."""
    plain = {each.value: each for each in (Reason.UNCERTAIN, Reason.UNKNOWN, Reason.CHANGED)}
    reasons, seconds = set(), math.inf
    for each in written:
        if each in plain:
            reasons.add(plain[each])
        elif each.startswith(EVERY) and seconds == math.inf:
            reasons.add(Reason.EVERY)
            seconds = _seconds(each)
        else:
            raise WrongUsage(f"{each} is a second time" if each.startswith(EVERY) else f"{each} is not a rule", ADVICE)
    return When(frozenset(reasons), seconds)


def _seconds(written: str) -> float:
    try:
        seconds = float(written.removeprefix(EVERY))
    except ValueError:
        seconds = math.nan
    if not 1 <= seconds < math.inf:
        raise WrongUsage(f"{written} is not a rule", ADVICE)
    return seconds


class Rules:
    """What the rules say of one answer after the other.

    ``adjustable`` has the smoothing, the weight of the scores so far in those of an answer. ``last`` is when the rule
    EVERY last kept an image, in seconds of the clock of ``reasons``. EVERY holds until ``taken`` is told of a frame for
    which it does.
    """

    def __init__(self, when: When, adjustable: Adjustable, *, last: float = -math.inf) -> None:
        self._when, self._adjustable, self._last = when, adjustable, last
        self._label = ""
        self._unknown = self._uncertain = 0

    def reasons(self, answer: Answer, now: float) -> tuple[Reason, ...]:
        """The reasons to keep the frame of the next answer at the second ``now``, the one that says most first.

        UNKNOWN and UNCERTAIN hold from the frame on at which they cannot come from a change of the scene alone.
        """
        changed = self._label not in ("", answer.label)
        self._label = answer.label
        self._unknown = self._unknown + 1 if answer.label == UNKNOWN else 0
        self._uncertain = self._uncertain + 1 if margin(answer.scores) < MARGIN else 0
        due = not 0 <= now - self._last < self._when.seconds  # or the clock was set back
        smoothing = self._adjustable.current.smoothing
        passing = math.floor(math.log(OLD_SCENE) / math.log(smoothing)) if smoothing > 0 else 0
        holds = {
            Reason.UNKNOWN: self._unknown > passing,
            Reason.UNCERTAIN: self._uncertain > passing,
            Reason.CHANGED: changed,
            Reason.EVERY: due,
        }
        return tuple(reason for reason, held in holds.items() if held and reason in self._when.reasons)

    def taken(self, reasons: Sequence[Reason], now: float) -> None:
        """Note that the frame that had these ``reasons`` at the second ``now`` is going to be kept."""
        if Reason.EVERY in reasons:
            self._last = now

    def lost(self, now: float) -> None:
        """Note that the frame that was ``taken`` at the second ``now`` could not be kept."""
        if self._last == now:
            self._last = -math.inf


def margin(scores: np.ndarray) -> float:
    """The difference of the two highest of (classes,) scores; 1 if there is one class."""
    if len(scores) < 2:
        return 1.0
    second, first = np.partition(scores, -2)[-2:]
    return float(first - second)
