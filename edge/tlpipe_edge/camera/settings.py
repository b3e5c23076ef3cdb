"""The threshold and the smoothing of the camera loop, which the live page can change while it runs."""

from dataclasses import dataclass

from tlpipe_edge.errors import WrongUsage

MAX_SMOOTHING = 0.99
THRESHOLD, SMOOTHING = 0.5, 0.7
"""What `tlpipe-edge camera` and the page of `tlpipe web` begin with."""


@dataclass(frozen=True)
class Settings:
    """How scores become a label.

    Below ``threshold`` (0..1), the label is ``unknown``. ``smoothing`` (0 to ``MAX_SMOOTHING``) is the weight of the
    scores so far against those of a new frame; 0 is without a moving average. Raise WrongUsage for other values.
    """

    threshold: float = 0.0
    smoothing: float = 0.0

    def __post_init__(self) -> None:
        for name, limit in (("threshold", 1.0), ("smoothing", MAX_SMOOTHING)):
            if not 0 <= getattr(self, name) <= limit:
                raise WrongUsage(f"not a number from 0 to {limit:g}", "Change it.", where=name)


class Adjustable:
    """Settings that one thread changes and another one uses: ``current`` is replaced as a whole."""

    def __init__(self, settings: Settings) -> None:
        self.current = settings
