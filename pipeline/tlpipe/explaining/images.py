"""The calibration images of a bundle, which its manifest lists by their sha256, found through the splits of its run."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tlpipe.data.augment import View
from tlpipe.data.dataset import Dataset, Example
from tlpipe.data.pixels import read_pixels
from tlpipe.runs import exported
from tlpipe_edge.console import progress
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import BadData, MissingInput, TlpipeError

MAX_IMAGES = 64
"""Maximum number of images: with more, the ratios of the layers change by less than they differ."""


@dataclass
class CalibrationImages:
    """The pixels of up to ``MAX_IMAGES`` images, one at a time; those that are gone or changed are passed over, and
    ``lost`` has why, by their files."""

    hashes: tuple[str, ...]
    examples: dict[str, Example]
    spec: ImageSpec
    lost: list[TlpipeError] = field(default_factory=list)

    def __iter__(self) -> Iterator[np.ndarray]:
        """(size, size, 3) uint8 each. At the end, warn if some are lost; raise MissingInput or BadData if all are."""
        read = 0
        with progress.bar("comparing int8 with float32", total=min(MAX_IMAGES, len(self.hashes))) as advance:
            for sha256 in self.hashes:
                pixels = self._pixels(sha256)
                if pixels is not None:
                    yield pixels
                    read += 1
                    advance(1)
                if read == MAX_IMAGES:
                    break
        if not self.lost:
            return
        first = f"the first: {self.lost[0].what}"
        if not read:
            reason = f"none of the {len(self.hashes)} calibration images is there and unchanged; {first}"
            raise type(self.lost[0])(reason, "Put them back, or train and export again.")
        wanted = read + len(self.lost)
        progress.warn(f"{len(self.lost)} of {wanted} calibration images are not there or have changed; {first}")

    def _pixels(self, sha256: str) -> np.ndarray | None:
        try:
            if sha256 not in self.examples:
                raise BadData("not in the splits of the run", where=f"sha256 {sha256[:16]}")
            return read_pixels(self.examples[sha256], View(), self.spec)
        except (MissingInput, BadData) as error:
            self.lost.append(error)
            return None


def of_bundle(bundle: Bundle) -> CalibrationImages:
    """The images of a bundle with an int8 file.

    Raise BadData if its manifest lists none, MissingInput if its run is not where the manifest says, BadData if the
    splits of the run are damaged or of other labels, and the errors of ``Dataset.with_images``.
    """
    manifest = bundle.manifest
    if manifest.calibration is None or not manifest.calibration.images:
        raise BadData("it lists no calibration images", "Export the run again.", where=bundle.path)
    keras_file = exported.keras_file(bundle)
    splits = exported.splits_beside(keras_file)
    if splits is None:
        raise MissingInput(
            f"the run that {bundle.path} was exported from is not there, so its calibration images are not known",
            f"Move the run {manifest.provenance.run} back, or export it again where it is.",
            where=keras_file.parent,
        )
    dataset = Dataset.read(splits)
    if dataset.labels != manifest.labels:
        raise BadData("its labels are not those of the bundle", "Export the run again.", where=splits)
    dataset = dataset.with_images()
    examples = {each.sha256: each for split in dataset.splits.values() for each in split}
    return CalibrationImages(manifest.calibration.images, examples, manifest.image)
