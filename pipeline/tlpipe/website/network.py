"""Which file of a bundle a page runs, and whether a browser can run it."""

from dataclasses import dataclass

from tlpipe_edge.classify import classifier
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import Artifact
from tlpipe_edge.errors import BadData, WrongUsage, listed
from tlpipe_edge.tflite.ending import Ending

PREFERRED = ("int8", "float16", "float32")
"""The formats that a page takes if none is named, the best first."""
SLOW = "dynamic"
"""The format that a browser runs too slowly: LiteRT.js has no quick kernels for it."""
TYPES = ("uint8", "int32", "float32")
"""The types of input and output that LiteRT.js has tensors for."""


@dataclass(frozen=True)
class Network:
    """A .tflite file of a bundle, its bytes, what its output is, and the device's classifier of it."""

    artifact: Artifact
    content: bytes
    ending: Ending
    classifier: Classifier


def choose(bundle: Bundle, recipe: str | None) -> Artifact:
    """The artifact of ``recipe``, or else the best of ``PREFERRED``. Raise WrongUsage if there is none, or for
    ``SLOW``."""
    held = [artifact.recipe for artifact in bundle.manifest.artifacts]
    if recipe is None:
        recipe = next((name for name in PREFERRED if name in held), None)
    if recipe is None:
        reason = f"no format for a browser in this bundle, only {', '.join(held)}"
        raise WrongUsage(reason, f"Export one: tlpipe export RUN --quantize {PREFERRED[0]}", where=bundle.path)
    if recipe == SLOW:
        usable = [name for name in PREFERRED if name in held]
        advice = f"Use --recipe {usable[0]}." if usable else f"Export {PREFERRED[0]} as well."
        raise WrongUsage(f"{SLOW} takes 20 times as long as int8 in a browser", advice, where=bundle.path)
    return bundle.artifact(recipe)


def opened(bundle: Bundle, artifact: Artifact) -> Network:
    """Open the artifact. Raise BadData if it is damaged, or if a page cannot run it."""
    where = str(bundle.path / artifact.file)
    model = classifier.of_bundle(bundle, artifact, where)
    found = classifier.opened(model, where, threads=1, runtime="auto")
    for name, tensor in (("input", found.session.input), ("output", found.session.output)):
        if tensor.dtype not in TYPES:
            reason = f"its {name} is {tensor.dtype}, and LiteRT.js takes {listed(TYPES)}"
            raise BadData(reason, f"Choose another format: {listed(PREFERRED)}.", where=where)
    return Network(artifact, model.content, model.ending, found)
