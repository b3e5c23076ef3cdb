"""The accuracy of a training stage by split, as metrics.json of the stage has it."""

from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.contract.ranges import Positive, Share


@dataclass(frozen=True)
class SplitMetrics:
    """Top-1 (0..1) of Keras on the ``images`` of a split."""

    images: Positive
    top1: Share

    @property
    def correct(self) -> int:
        """The number of correct predictions."""
        return round(self.top1 * self.images)


@dataclass(frozen=True)
class Metrics:
    """What the stage scored; ``test`` is None without a test split."""

    validation: SplitMetrics
    test: SplitMetrics | None = None

    @classmethod
    def read(cls, file: Path) -> "Metrics":
        """Raise BadData if the file is damaged, MissingInput if there is none."""
        return codec.read(cls, load_json(file), str(file), "Export the run again.")
