"""What decoding a large JPEG at a reduced scale does to the answers: top-1 against a full decode of the same file.

python benchmarks/reduced_decode.py BUNDLE DATA: 200 photographs of DATA's test or validation split, as they are and
enlarged fourfold, each decoded both ways and classified by the int8 file.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
from PIL import Image

from tlpipe.data import dataset
from tlpipe_edge import Classifier
from tlpipe_edge.classify import accuracy
from tlpipe_edge.images import decode

PHOTOGRAPHS, ENLARGED = 200, 4


def main() -> None:
    """Measure, and publish top-1 of both, the images on which they agree, and the largest difference of a score."""
    classifier = Classifier.open(sys.argv[1], recipe="int8")
    name, examples = dataset.labelled(Path(sys.argv[2]), classifier.labels)
    examples = examples[:: max(1, len(examples) // PHOTOGRAPHS)][:PHOTOGRAPHS]
    truth = np.array([example.label for example in examples])
    contents = [example.file.read_bytes() for example in examples]
    harness.publish(
        "reduced_decode",
        {
            "data": f"{name}, {len(examples)} photographs, {classifier.image.size} px",
            "as they are": _compare(classifier, contents, truth),
            f"enlarged {ENLARGED} times": _compare(classifier, [_enlarged(content) for content in contents], truth),
        },
    )


def _compare(classifier: Classifier, contents: list[bytes], truth: np.ndarray) -> dict[str, Any]:
    at_least = decode.needed(classifier.image)
    full = _scores(classifier, contents, decode.decode)
    reduced = _scores(classifier, contents, lambda content: decode.decode(content, at_least=at_least))
    return {
        "top1_full": float((accuracy.predictions(full) == truth).mean()),
        "top1_reduced": float((accuracy.predictions(reduced) == truth).mean()),
        "agreement": accuracy.agreement(full, reduced),
        "max_probability_difference": float(np.abs(full - reduced).max()),
    }


def _scores(classifier: Classifier, contents: list[bytes], decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    return np.array([classifier(decode(content)).scores for content in contents])


def _enlarged(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as picture:
        large = picture.convert("RGB").resize([ENLARGED * side for side in picture.size], Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
