"""The history of a training stage, one record per epoch, stored as JSON lines."""

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
    """Mean cross-entropy (nats) and accuracy (0..1) on both splits after an epoch; number 0 is before training.

    The losses are without label smoothing, even if training uses it. ``learning_rate`` is that at the end of the epoch,
    ``seconds`` its wall time with validation.
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
        """Larger is better: validation accuracy, and if equal, a lower loss. By loss alone an early epoch would win,
        which is less confident and less accurate."""
        return self.val_accuracy, -self.val_loss


@dataclass(frozen=True)
class History:
    """All epochs of a stage in order, epoch 0 (before training) first; ``best`` is the number of the kept epoch."""

    stage: str
    epochs: tuple[Epoch, ...]
    best: Count

    def check(self) -> None:
        if self.best not in [epoch.number for epoch in self.epochs]:
            raise Misfit("there is no such epoch", ".best")

    def to_jsonl(self) -> str:
        """One JSON object per line: a header with stage and best epoch, then the epochs."""
        header = {"stage": self.stage, "best": self.best}
        return "".join(json.dumps(row) + "\n" for row in [header, *map(dataclasses.asdict, self.epochs)])

    @classmethod
    def read(cls, file: Path) -> "History":
        """Read what ``to_jsonl`` wrote. Raise BadData if the file is damaged."""
        advice = "Train the run again, or export it again."
        try:
            header, *rows = map(parse_json, file.read_text(encoding="utf-8").splitlines())
            document = header | {"epochs": rows}
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise BadData(f"not a training history ({error})", advice, where=file) from error
        return codec.read(cls, document, str(file), advice)
