"""The per-epoch record of a training stage: what the learning curve shows, kept as JSON lines."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.codec import Misfit
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.contract.ranges import Count, Reading, Share
from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class Epoch:
    """One epoch's mean cross-entropy (nats) and accuracy (0..1) on both splits; number 0 is the state before training.

    The losses are without label smoothing, also where training has it. ``learning_rate`` is the rate at the epoch's
    end, ``seconds`` its wall time with validation.
    """

    number: Count
    loss: Reading
    accuracy: Share
    val_loss: Reading
    val_accuracy: Share
    learning_rate: Reading = 0.0
    seconds: Reading = 0.0

    @property
    def quality(self) -> tuple[float, float]:
        """Larger is better: validation accuracy, and of equals the lower loss. Loss alone prefers an early epoch, less
        sure of itself and less often right."""
        return self.val_accuracy, -self.val_loss


@dataclass(frozen=True)
class History:
    """All epochs of a stage in order, epoch 0 (before training) first; ``best`` is the number of the one kept."""

    stage: str
    epochs: tuple[Epoch, ...]
    best: Count

    def check(self) -> None:
        if self.best not in [epoch.number for epoch in self.epochs]:
            raise Misfit("no epoch of that number", ".best")

    def to_jsonl(self) -> str:
        """One JSON object a line: a header with stage and best epoch, then the epochs."""
        header = {"stage": self.stage, "best": self.best}
        return "".join(json.dumps(row) + "\n" for row in [header, *map(dataclasses.asdict, self.epochs)])

    @classmethod
    def read(cls, file: Path) -> "History":
        """Read what ``to_jsonl`` wrote. Raises BadData where the file is damaged."""
        advice = "Train the run again, or export it again."
        try:
            header, *rows = map(parse_json, file.read_text().splitlines())
            document = header | {"epochs": rows}
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise BadData(f"not a training history ({error})", advice, where=file) from error
        return codec.read(cls, document, str(file), advice)
