"""What the live page shows at one moment, and its JSON, which is also the response to GET /answer."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tlpipe_edge.camera.answer import Answer
from tlpipe_edge.camera.settings import Settings
from tlpipe_edge.classify.classifier import Classifier

SCHEMA = 1
LABELS = 5
"""Number of labels with their scores."""
MAX_HISTORY = 20


@dataclass(frozen=True)
class About:
    """The model and the device. ``sha256`` is that of the .tflite file; ``size`` is the side of its input in pixels."""

    name: str
    recipe: str
    sha256: str
    labels: int
    size: int
    crop: str
    device: str

    @classmethod
    def of(cls, classifier: Classifier, device: str) -> "About":
        """What there is to say of ``classifier`` on a machine of this name."""
        image, labels = classifier.image, len(classifier.labels)
        return cls(classifier.name, classifier.recipe, classifier.sha256, labels, image.size, image.crop, device)


@dataclass(frozen=True)
class Named:
    """A label in the history: the prediction for the first frame of those that had it."""

    time: datetime
    label: str
    best: str
    score: float


@dataclass(frozen=True)
class State:
    """``newest`` is an answer, the reason of an outage, or None before the first frame.

    ``history`` has the last ``MAX_HISTORY`` labels, the newest first.
    """

    newest: Answer | str | None = None
    history: tuple[Named, ...] = ()

    def after(self, newest: Answer | str) -> "State":
        """The state when this is the newest."""
        history = self.history
        if isinstance(newest, Answer) and (not history or newest.label != history[0].label):
            first = Named(newest.time, newest.label, newest.best, newest.score)
            history = (first, *history[: MAX_HISTORY - 1])
        return State(newest, history)

    def document(self, about: About, settings: Settings, *, keeps: bool) -> dict[str, Any]:
        """The state as JSON; ``keeps`` says whether images can be kept on request."""
        history = [asdict(each) | {"time": each.time.isoformat(timespec="milliseconds")} for each in self.history]
        return {
            "schema": SCHEMA,
            "model": asdict(about),
            "settings": asdict(settings),
            "keeps": keeps,
            "outage": self.newest if isinstance(self.newest, str) else None,
            "answer": self.newest.document(LABELS) if isinstance(self.newest, Answer) else None,
            "history": history,
        }
