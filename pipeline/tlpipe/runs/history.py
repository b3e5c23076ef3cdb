"""The per-epoch record of a training stage: what the learning curve shows, kept as JSON lines."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.errors import BadData


@dataclass(frozen=True)
class Epoch:
    """One epoch's mean cross-entropy (nats) and accuracy (0..1) on both splits; number 0 is the state before training.

    The losses are without label smoothing, also where training has it. ``learning_rate`` is the rate at the epoch's
    end, ``seconds`` its wall time with validation.
    """

    number: int
    loss: float
    accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float = 0.0
    seconds: float = 0.0

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
    best: int

    def to_jsonl(self) -> str:
        """One JSON object a line: a header with stage and best epoch, then the epochs."""
        header = {"stage": self.stage, "best": self.best}
        return "".join(json.dumps(row) + "\n" for row in [header, *map(dataclasses.asdict, self.epochs)])

    @classmethod
    def read(cls, file: Path) -> "History":
        """Read what ``to_jsonl`` wrote. Raises BadData where the file is damaged."""
        try:
            header, *rows = map(json.loads, file.read_text().splitlines())
            return cls(header["stage"], tuple(Epoch(**row) for row in rows), header["best"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise BadData(f"not a training history ({error})", "Train the run again.", where=file) from error
