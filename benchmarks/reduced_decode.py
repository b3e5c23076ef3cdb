"""The effect of decoding a large JPEG at a reduced scale: top-1 in comparison with a full decode of the same file.

python benchmarks/reduced_decode.py BUNDLE DATA: 200 images of DATA's test or validation split, as they are and enlarged
fourfold, each decoded both ways and classified with the int8 file.
"""

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness
import numpy as np
from PIL import Image

from tlpipe.data import loading
from tlpipe_edge import Classifier
from tlpipe_edge.classify import accuracy
from tlpipe_edge.images import decode

MAX_IMAGES, ENLARGED = 200, 4


def main() -> None:
    """Measure, and publish top-1 of both, their agreement, and the largest difference of a score."""
    classifier = Classifier.open(sys.argv[1], recipe="int8")
    name, examples = loading.labelled(Path(sys.argv[2]), classifier.labels)
    examples = examples[:: max(1, len(examples) // MAX_IMAGES)][:MAX_IMAGES]
    true_labels = np.array([example.label for example in examples])
    contents = [example.file.read_bytes() for example in examples]
    harness.publish(
        "reduced_decode",
        {
            "data": f"{name}, {len(examples)} images, {classifier.image.size} px",
            "as they are": _compare(classifier, contents, true_labels),
            f"enlarged {ENLARGED} times": _compare(
                classifier, [_enlarged(content) for content in contents], true_labels
            ),
        },
    )


def _compare(classifier: Classifier, contents: list[bytes], true_labels: np.ndarray) -> dict[str, Any]:
    min_side = decode.needed(classifier.image)
    full = _scores(classifier, contents, decode.decode)
    reduced = _scores(classifier, contents, lambda content: decode.decode(content, min_side=min_side))
    return {
        "top1_full": float((accuracy.predictions(full) == true_labels).mean()),
        "top1_reduced": float((accuracy.predictions(reduced) == true_labels).mean()),
        "agreement": accuracy.agreement(full, reduced),
        "max_probability_difference": float(np.abs(full - reduced).max()),
    }


def _scores(classifier: Classifier, contents: list[bytes], decode: Callable[[bytes], np.ndarray]) -> np.ndarray:
    return np.array([classifier(decode(content)).scores for content in contents])


def _enlarged(content: bytes) -> bytes:
    with Image.open(io.BytesIO(content)) as image:
        large = image.convert("RGB").resize([ENLARGED * side for side in image.size], Image.Resampling.BICUBIC)
    buffer = io.BytesIO()
    large.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


if __name__ == "__main__":
    main()
