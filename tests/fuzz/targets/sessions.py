"""Models that are opened and run, behind the checks and the sandbox. Each starts a process: it is run by hand."""

from pathlib import Path

import numpy as np

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.targets import models
from tlpipe_edge.classify.classifier import Classifier


def prepare(folder: Path) -> Fuzzed:
    file = folder / "model.tflite"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        opened = Classifier.open(file)
        opened.scores(np.zeros((opened.image.size, opened.image.size, 3), np.uint8))

    return Fuzzed(read, models.seeds(), mutations.octets(models.WORDS))
