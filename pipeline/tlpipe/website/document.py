"""The site document: all that the page knows of the model. It is inside index.html, as JSON.

A history of the format, by its schema number:

1 - The first.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from annotated_types import Interval, Le, Len, Lt

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.manifest import ImageSpec, Tensor
from tlpipe_edge.contract.ranges import Count, FileName, Interval95, Labels, Positive, Scale, Sha256, Share

SCHEMA = 1

VERSION_DIGITS = 12

Split = Literal["train", "validation", "test", "labelled"]
"""Of a run, or else images that the user named: the name of their folder does not travel."""


@dataclass(frozen=True)
class Asset:
    """A file that the page checks by its sha256. ``unpacked_sha256`` is that of its content, if it is a gzip."""

    sha256: Sha256
    bytes: Count
    unpacked_sha256: Sha256 | None = None


@dataclass(frozen=True)
class Expected:
    """An image among the assets, with the scores of the device's code (one per label), and the best label."""

    asset: str
    scores: tuple[float, ...]
    label: str


@dataclass(frozen=True)
class Measured:
    """What ``evaluate`` has measured of this file. ``interval`` is the 95 % interval of ``top1``, ``agreement`` is that
    with Keras, ``trained_on`` the number of training images among the images (None: unknown)."""

    top1: Share
    interval: Interval95
    images: Positive
    split: Split
    trained_on: Count | None
    agreement: Share | None


@dataclass(frozen=True)
class Ending:
    """What the output is, "probabilities" or "logits"; of probabilities, the values that stand for 0 and 1."""

    kind: str
    minimum: float
    maximum: float


@dataclass(frozen=True)
class SiteDocument:
    """``sha256`` and ``bytes`` are those of the model, ``file`` its name in the bundle; ``keras_sha256`` is that of the
    Keras model. ``threshold`` and ``smoothing`` are the values with which the page starts. The page shows the same as
    the device if no score of ``tests`` and ``golden`` differs by more than ``tolerance``. ``version`` identifies all
    files of a site.
    """

    name: str
    recipe: str
    file: FileName
    labels: Labels
    image: ImageSpec
    input: Tensor
    output: Tensor
    ending: Ending
    sha256: Sha256
    bytes: Positive
    keras_sha256: str | None
    tlpipe: str
    evaluation: Measured | None
    threshold: Share
    smoothing: Annotated[float, Interval(ge=0), Lt(1)]
    assets: dict[str, Asset]
    tests: Annotated[tuple[Expected, ...], Len(1)]
    golden: tuple[Expected, ...]
    tolerance: Annotated[Scale, Le(1)]
    single_file: bool
    version: str = ""
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def to_json(self) -> str:
        """As JSON on one line, its schema and its version first, that HTML takes as text: without "<"."""
        document = {"schema": self.schema, "version": self.version} | codec.as_json(self)
        document["assets"] = {name: _without_null(codec.as_json(asset)) for name, asset in self.assets.items()}
        return json.dumps(document, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")

    def with_version(self, hashes: Mapping[str, str]) -> "SiteDocument":
        """The document with a version that depends on itself and on the sha256 of each file of the site."""
        content = json.dumps([replace(self, version="").to_json(), sorted(hashes.items())])
        return replace(self, version=hashlib.sha256(content.encode()).hexdigest()[:VERSION_DIGITS])


def _without_null(entry: dict[str, object]) -> dict[str, object]:
    return {key: value for key, value in entry.items() if value is not None}


def asset(content: bytes, *, unpacked: bytes | None = None) -> Asset:
    """The asset of this content."""
    inner = None if unpacked is None else hashlib.sha256(unpacked).hexdigest()
    return Asset(hashlib.sha256(content).hexdigest(), len(content), inner)
