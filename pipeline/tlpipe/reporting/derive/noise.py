"""Which layers int8 changes, from the explanation in the bundle."""

from tlpipe.reporting.document import LayerNoise
from tlpipe.reporting.inputs import Sources
from tlpipe_edge.contract.explanation import worst


def layer_noise(sources: Sources) -> LayerNoise | None:
    """The layers of the int8 file of the bundle; None if the bundle has no explanation, or that of another file."""
    found = sources.explanation
    if sources.bundle is None or found is None:
        return None
    files = {artifact.sha256: artifact.file for artifact in sources.bundle.manifest.artifacts}
    if found.sha256 not in files:
        return None
    return LayerNoise(
        files[found.sha256], found.sha256, found.images, found.layers, worst(found.layers), found.uncompared
    )
