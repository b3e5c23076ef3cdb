"""tlpipe-edge: classify photographs with TFLite on a small device, without TensorFlow.

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
    from tlpipe_edge.bundle import Bundle
    from tlpipe_edge.classifier import Classifier, Prediction

__version__ = "0.1.0"
__all__ = [
    "BadConfiguration",
    "BadData",
    "Bundle",
    "Busy",
    "Classifier",
    "GateNotMet",
    "MissingInput",
    "Prediction",
    "TlpipeError",
    "Unavailable",
    "WrongUsage",
]

_HOME = {"Bundle": "bundle", "Classifier": "classifier", "Prediction": "classifier"}


def __getattr__(name: str) -> Any:
    """Load the classifier on first use, so that ``--help`` and the error classes do not wait for OpenCV."""
    if name not in _HOME:
        raise AttributeError(f"module 'tlpipe_edge' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"tlpipe_edge.{_HOME[name]}"), name)
