"""The frozen part of a network: its key needs no TensorFlow, only its conversion does."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tlpipe.conversion import recipes
from tlpipe.network import backbones
from tlpipe.runs.config import TENSORFLOW
from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData
from tlpipe_edge.machine.versions import versions

if TYPE_CHECKING:
    import keras

DIGEST = hashlib.sha256().digest_size


@dataclass(frozen=True)
class Prefix:
    """A network from the image to the layer ``cut``; ``load`` returns it as a .tflite file.

    Prefixes with the same ``key`` compute the same activations.
    """

    key: str
    cut: str
    load: Callable[[], bytes] = field(compare=False)

    def cached(self) -> bytes | None:
        """The .tflite file, if the cache has it. A damaged file is deleted."""
        file = cache.get(_name(self.key))
        if file is None:
            return None
        try:
            content = file.read_bytes()
        except FileNotFoundError:  # another process has deleted it meanwhile
            return None
        if hashlib.sha256(content[DIGEST:]).digest() != content[:DIGEST]:
            file.unlink(missing_ok=True)
            return None
        return content[DIGEST:]


@dataclass(frozen=True)
class Weights:
    """The weights of a backbone of width ``alpha``, by the ``sha256`` of their file."""

    backbone: str
    alpha: float
    sha256: str

    @classmethod
    def of_file(cls, file: Path, *, backbone: str, alpha: float) -> "Weights":
        """Raise BadData if the file cannot be read."""
        try:
            return cls(backbone, alpha, sha256_of(file))
        except OSError as error:
            raise BadData(f"cannot be read ({error.strerror})", "Name another weights file.", where=file) from error

    def prefix(self, cut: str, size: int, model: Callable[[], "keras.Model"]) -> Prefix:
        """The prefix for images of (size, size, 3), from the cache if it was converted before.

        ``model`` returns the network with these weights; it is only called for a conversion.
        """
        entry = backbones.find(self.backbone)
        built = {"network": backbones.VERSION, "normalization": [entry.scale, entry.offset], "cut": cut, "size": size}
        return _prefix(_hash(asdict(self) | built), cut, model)


def _prefix(key: str, cut: str, model: Callable[[], "keras.Model"]) -> Prefix:
    def load() -> bytes:
        content = prefix.cached()
        if content is None:
            content = to_tflite(model(), cut)
            cache.put(_name(key), hashlib.sha256(content).digest() + content)
        return content

    prefix = Prefix(key, cut, load)
    return prefix


def _name(key: str) -> str:
    """The file in the cache of a converted prefix: its sha256, then the .tflite file."""
    return f"prefixes/{key}"


def _hash(document: dict[str, object]) -> str:
    """A key, which also depends on the versions of the packages that build and convert a network."""
    document = document | versions((TENSORFLOW, "keras"))
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:24]


def to_tflite(model: "keras.Model", cut: str) -> bytes:
    """The part of ``model`` up to the layer ``cut`` as a float32 .tflite file."""
    from tlpipe.conversion import convert
    from tlpipe.network.cut import prefix

    (float32,) = recipes.parse(["float32"])
    with progress.waiting("converting the frozen layers for LiteRT", seconds=4):
        return convert.to_tflite(convert.traced(prefix(model, cut)), float32)
