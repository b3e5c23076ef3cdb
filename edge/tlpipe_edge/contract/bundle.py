"""A bundle: a folder with a manifest and its artifacts, opened with the hashes checked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, Manifest
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

MANIFEST = "manifest.json"
REFERENCE = "reference.npz"
EVALUATION = "evaluation.json"
GOLDEN = "golden"

PREFERENCE = ("int8", "float16", "float32", "dynamic")
"""The recipe that a device takes when none is named: the fastest first (CPU, XNNPACK)."""


@dataclass(frozen=True)
class Reference:
    """What the Keras original said of each test image, so that a device without TensorFlow can compare.

    ``images`` are sha256 sums of the files, ``truth`` (N,) int64 label indices, ``probabilities`` (N, classes) float32.
    """

    images: tuple[str, ...]
    truth: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Golden:
    """A few test images with what is expected of them: the bundle can test itself anywhere.

    ``files`` are the photographs, ``pixels`` (N, size, size, 3) uint8 what the decoder makes of them, and ``scores``
    maps a recipe to its (N, classes) float32 probabilities.
    """

    files: tuple[Path, ...]
    pixels: np.ndarray
    scores: dict[str, np.ndarray]


@dataclass(frozen=True)
class Bundle:
    """An exported model in all its number formats. Open it with ``Bundle.open``."""

    path: Path
    manifest: Manifest

    @classmethod
    def open(cls, path: Path | str) -> "Bundle":
        """Read the manifest. Raises MissingInput where there is no bundle, BadData where the manifest is damaged."""
        path = Path(path)
        file = path / MANIFEST
        if not file.is_file():
            raise MissingInput(
                f"{path}: no bundle here ({MANIFEST} is missing)", "Name a folder that tlpipe export wrote."
            )
        return cls(path, Manifest.from_json(read(file), where=str(file)))

    def artifact(self, recipe: str | None = None) -> Artifact:
        """The artifact of ``recipe``, or the fastest one there is. Raises WrongUsage for a recipe that is not here."""
        by_recipe = {artifact.recipe: artifact for artifact in self.manifest.artifacts}
        if recipe is None:
            recipe = next((name for name in PREFERENCE if name in by_recipe), self.manifest.artifacts[0].recipe)
        if recipe not in by_recipe:
            raise WrongUsage(f"{self.path}: no recipe {recipe} in this bundle", f"It holds {', '.join(by_recipe)}.")
        return by_recipe[recipe]

    def read(self, artifact: Artifact) -> bytes:
        """The artifact's bytes. Raises MissingInput or BadData where the file is gone or is not the one exported."""
        file = self.path / artifact.file
        if Path(artifact.file).name != artifact.file:
            raise BadData(f"{self.path / MANIFEST}: {artifact.file} lies outside the bundle", "Copy the bundle again.")
        if not file.is_file():
            raise MissingInput(f"{file}: named in the manifest, but not here", "Copy the bundle again.")
        size = file.stat().st_size
        if size != artifact.bytes:
            raise BadData(f"{file}: {size:,} bytes, and the manifest says {artifact.bytes:,}", "Copy the bundle again.")
        content = read(file)
        if hashlib.sha256(content).hexdigest() != artifact.sha256:
            raise BadData(f"{file}: its sha256 is not the manifest's: damaged or changed", "Copy the bundle again.")
        return content

    def reference(self) -> Reference:
        """The Keras original's answers. Raises BadData where they are damaged, MissingInput where there are none."""
        file = self.path / REFERENCE
        if not file.is_file():
            raise MissingInput(f"{file}: the bundle has no reference answers", "Export it again.")
        arrays = _arrays(file)
        try:
            return Reference(tuple(map(str, arrays["images"])), arrays["truth"], arrays["probabilities"])
        except KeyError as error:
            raise BadData(f"{file}: no array {error}", "Copy the bundle again.") from None

    def golden(self) -> Golden:
        """The golden images. Raises BadData where they are damaged, MissingInput where there are none."""
        folder = self.path / GOLDEN
        if not (folder / "expected.npz").is_file():
            raise MissingInput(f"{folder}: the bundle has no golden images", "Export it again.")
        arrays = _arrays(folder / "expected.npz")
        try:
            files = tuple(folder / Path(str(name)).name for name in arrays.pop("files"))
            return Golden(files, arrays.pop("pixels"), arrays)
        except KeyError as error:
            raise BadData(f"{folder}: no array {error}", "Copy the bundle again.") from None


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz, without pickles; raises BadData where it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
        raise BadData(f"{file}: damaged ({error})", "Copy the bundle again.") from None
