"""tlpipe: turns a folder of images into a classifier for a small device, with proof that it is as good as in Keras.

>>> import tlpipe
>>> run = tlpipe.train("photos", tlpipe.Training(image_size=224))
>>> bundle = tlpipe.export(tlpipe.finetune(run), ["int8"])
>>> tlpipe.evaluate(bundle)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tlpipe.api import (
        adopt,
        bench,
        compare,
        evaluate,
        explain,
        export,
        finetune,
        pull,
        report,
        run,
        score,
        train,
        web,
    )
    from tlpipe.engine.choice import using_engine
    from tlpipe.reporting.about import About
    from tlpipe.runs.config import Finetuning, Head, Training
    from tlpipe.runs.run_folder import Run
    from tlpipe_edge.contract.bundle import Bundle
    from tlpipe_edge.errors import TlpipeError

__version__ = "0.1.0"
__all__ = [
    "About",
    "Bundle",
    "Finetuning",
    "Head",
    "Run",
    "TlpipeError",
    "Training",
    "adopt",
    "bench",
    "compare",
    "evaluate",
    "explain",
    "export",
    "finetune",
    "pull",
    "report",
    "run",
    "score",
    "train",
    "using_engine",
    "web",
]


_HOME = {
    "About": "tlpipe.reporting.about",
    "Bundle": "tlpipe_edge.contract.bundle",
    "Finetuning": "tlpipe.runs.config",
    "Head": "tlpipe.runs.config",
    "Run": "tlpipe.runs.run_folder",
    "TlpipeError": "tlpipe_edge.errors",
    "using_engine": "tlpipe.engine.choice",
    "Training": "tlpipe.runs.config",
}
"""The module of each name that is not in ``tlpipe.api``."""


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that ``--help`` does not wait for it."""
    if name not in __all__:
        raise AttributeError(f"module 'tlpipe' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOME.get(name, "tlpipe.api")), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
