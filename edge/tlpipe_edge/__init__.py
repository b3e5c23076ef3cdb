"""tlpipe-edge: classify images with TFLite on a small device, without TensorFlow.

>>> from tlpipe_edge import Classifier
>>> classifier = Classifier.open("exported/clothing", recipe="int8")
>>> classifier("photo.jpg").label
"""

from typing import TYPE_CHECKING, Any

from tlpipe_edge.errors import (
    BadConfiguration,
    BadData,
    Busy,
    GateNotMet,
    MissingInput,
    TlpipeError,
    Unavailable,
    WrongUsage,
)

if TYPE_CHECKING:
    from tlpipe_edge.camera.answer import Answer
    from tlpipe_edge.camera.loop import Outage, watch
    from tlpipe_edge.classify.classifier import Classifier
    from tlpipe_edge.classify.prediction import Prediction
    from tlpipe_edge.contract.bundle import Bundle

__version__ = "0.1.0"
__all__ = [
    "Answer",
    "BadConfiguration",
    "BadData",
    "Bundle",
    "Busy",
    "Classifier",
    "GateNotMet",
    "MissingInput",
    "Outage",
    "Prediction",
    "TlpipeError",
    "Unavailable",
    "WrongUsage",
    "watch",
]

_HOME = {
    "Answer": "camera.answer",
    "Bundle": "contract.bundle",
    "Classifier": "classify.classifier",
    "Outage": "camera.loop",
    "Prediction": "classify.prediction",
    "watch": "camera.loop",
}


def __getattr__(name: str) -> Any:
    """Import a class on first use, so that ``--help`` and the error classes do not wait for OpenCV."""
    if name not in _HOME:
        raise AttributeError(f"module 'tlpipe_edge' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tlpipe_edge.{_HOME[name]}"), name)
