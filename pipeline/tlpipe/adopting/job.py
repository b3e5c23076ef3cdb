"""What to adopt: a model, its labels, and images."""

from dataclasses import dataclass
from pathlib import Path

from tlpipe.data.reading import FROM_DATA, Reading
from tlpipe.runs.adopted import Normalization
from tlpipe_edge.contract.manifest import Crop


@dataclass(frozen=True)
class AdoptJob:
    """A ``model`` (.keras or .h5), the ``labels`` of its outputs (a text file), and ``data`` as ``loading.load`` takes
    it. ``image_size``: for a model of images of any size. ``normalization``: None if it is inside the model. ``seed``
    and the fractions are for the splits. ``reading`` says how ``data`` is read."""

    model: Path
    labels: Path
    data: Path
    image_size: int | None = None
    crop: Crop = Crop.STRETCH
    normalization: Normalization | None = None
    validation_fraction: float = 0.1
    test_fraction: float = 0.1
    seed: int = 0
    reading: Reading = FROM_DATA
