"""The images by which a page proves itself: each with the scores that the device's own code gives it here and now."""

import math
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from tlpipe.website import drawn_images
from tlpipe.website.document import Expected
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.prediction import Prediction
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import Tensor
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import decode, formats
from tlpipe_edge.tflite.ending import Ending, Kind

FLOAT_TOLERANCE = 1e-4
"""Of scores in floats: the kernels of WebAssembly add in another order than those of a processor."""

_SAMPLINGS = (0, 1, 2)
"""4:4:4, 4:2:2 and 4:2:0, by the numbers of Pillow."""
IN_BROWSERS = ("JPEG", "PNG", "BMP", "GIF", "WebP")
"""Formats that each browser reads."""


@dataclass(frozen=True)
class Case:
    """An image as it travels, and what is expected of it."""

    content: bytes
    expected: Expected


def tolerance(output: Tensor, ending: Ending) -> float:
    """Maximum difference of a score, 0 to 1: what a step of the output changes, if it is an integer."""
    if output.dtype == "float32":
        return FLOAT_TOLERANCE
    step = output.scale or 1.0
    if ending.kind is Kind.LOGITS:  # two logits that move by a step each, one up, one down, at a probability of a half
        return math.tanh(step / 2)
    return min(1.0, step / (ending.maximum - ending.minimum))


def tests(classifier: Classifier) -> tuple[Case, ...]:
    """One image of each shape. If the model tells their variants apart, they have as many labels as possible."""
    cases: list[Case] = []
    for number, shape in enumerate(drawn_images.SHAPES, 1):
        asset, taken = f"tests/{number}.png", {case.expected.label for case in cases}
        drawn = [(content, classifier(content)) for content in drawn_images.drawn(shape, classifier.image.size)]
        content, prediction = next((each for each in drawn if each[1].label not in taken), drawn[0])
        cases.append(Case(content, _expected(asset, prediction)))
    return tuple(cases)


def golden(bundle: Bundle, classifier: Classifier) -> tuple[Case, ...]:
    """The golden images, as far as a browser reads them exactly as the device does; a warning counts the others.

    Raise MissingInput if the bundle has none, BadData if they are damaged.
    """
    files = bundle.golden().files
    cases: list[Case] = []
    for file in files:
        content = _read(file)
        form = formats.recognize(content[: formats.HEAD_BYTES])
        if form is None or form.name not in IN_BROWSERS or (form is formats.JPEG and _may_differ(content, classifier)):
            continue
        asset = f"golden/{len(cases) + 1}{form.suffixes[0]}"
        cases.append(Case(content, _expected(asset, classifier(content))))
    if cases:
        many = "1 golden image travels" if len(cases) == 1 else f"{len(cases)} golden images travel"
        progress.warn(f"{many} with the page, with all metadata, such as the place where a photograph was taken")
    if left_out := len(files) - len(cases):
        progress.warn(f"{left_out} of {len(files)} golden images were left out: a browser may decode them differently")
    return tuple(cases)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Copy the bundle again.", where=file) from error


def _may_differ(jpeg: bytes, classifier: Classifier) -> bool:
    """Whether the page may have other pixels: of CMYK, and of a JPEG that the device decodes at reduced size, unless it
    is of a kind that web/src/images/jpeg reads, as nearly all are."""
    reduced = decode.decode(jpeg, min_side=decode.needed(classifier.image))
    try:
        image = Image.open(BytesIO(jpeg), formats=["JPEG"])
    except OSError:  # Pillow reads fewer damaged headers than OpenCV
        return True
    if image.mode not in ("L", "RGB"):
        return True
    is_ycc = image.info.get("adobe_transform") != 0 and get_sampling(image) in _SAMPLINGS
    is_usual = image.mode == "L" or is_ycc
    return reduced.shape != decode.decode(jpeg).shape and not is_usual


def _expected(asset: str, prediction: Prediction) -> Expected:
    return Expected(asset, tuple(map(float, prediction.scores)), prediction.label)
