"""A bundle: a folder with a manifest and its artifacts, whose hashes are checked when they are read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe_edge.console import notebook
from tlpipe_edge.contract import arrays, kinds
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, Manifest
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

MANIFEST = kinds.BUNDLE.marker
REFERENCE = "reference.npz"
EVALUATION = "evaluation.json"
GOLDEN = "golden"

PREFERENCE = ("int8", "float16", "float32", "dynamic")
"""The formats of version 0.1.0, the fastest first (CPU, XNNPACK), for bundles without ranks."""


@dataclass(frozen=True)
class Reference:
    """Scores of the Keras model for each test image, for comparisons on a device without TensorFlow.

    ``images`` are sha256 sums of the files, ``true_labels`` (N,) int64 label indices, ``probabilities`` (N, classes)
    float32.
    """

    images: tuple[str, ...]
    true_labels: np.ndarray
    probabilities: np.ndarray


@dataclass(frozen=True)
class Golden:
    """A few test images with the expected results: the bundle can test itself anywhere.

    ``files`` are the image files, ``pixels`` (N, size, size, 3) uint8 the expected input tensors, and ``scores`` maps
    a recipe to the expected (N, classes) float32 probabilities.
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
        """Read the manifest. Raise MissingInput if there is no bundle, BadData if the manifest is damaged."""
        path = Path(path)
        file = path / MANIFEST
        if not file.is_file():
            raise kinds.no_folder(kinds.BUNDLE, path)
        return cls(path, Manifest.from_json(read(file), where=str(file)))

    def _repr_html_(self) -> str:
        """Its files as a table, for a notebook."""
        size = self.manifest.image.size
        caption = f"{self.path}: {len(self.manifest.labels)} classes, {size}x{size} pixels"
        rows = [(each.recipe, each.file, f"{each.bytes / 1e6:.2f} MB") for each in self.manifest.artifacts]
        return notebook.table(caption, ("", "file", "size"), rows)

    def artifact(self, recipe: str | None = None) -> Artifact:
        """The artifact of ``recipe``, or the one of the lowest rank. Raise WrongUsage if there is no such format."""
        by_recipe = {artifact.recipe: artifact for artifact in self.manifest.artifacts}
        if recipe is None:
            recipe = min(by_recipe.values(), key=_rank).recipe
        if recipe not in by_recipe:
            raise WrongUsage(f"no format {recipe} in this bundle", f"It holds {', '.join(by_recipe)}.", where=self.path)
        return by_recipe[recipe]

    def read(self, artifact: Artifact) -> bytes:
        """The bytes of the artifact. Raise MissingInput if the file is gone, BadData if it is not the exported one."""
        file = self.path / artifact.file
        if not file.is_file():
            raise MissingInput("named in the manifest, but not here", "Copy the bundle again.", where=file)
        size = file.stat().st_size
        if size != artifact.bytes:
            raise BadData(
                f"{size:,} bytes, but the manifest says {artifact.bytes:,}", "Copy the bundle again.", where=file
            )
        content = read(file)
        if hashlib.sha256(content).hexdigest() != artifact.sha256:
            raise BadData("its sha256 is not that of the manifest", "Copy the bundle again.", where=file)
        return content

    def reference(self) -> Reference:
        """The scores of the Keras model. Raise BadData if they are damaged, MissingInput if there are none."""
        file = self.path / REFERENCE
        if not file.is_file():
            raise MissingInput("the bundle has no reference scores", "Export the run again.", where=file)
        found = arrays.load(file, "Copy the bundle again.")
        try:
            return Reference(tuple(map(str, found["images"])), found["truth"], found["probabilities"])
        except KeyError as error:
            raise BadData(f"no array {error}", "Copy the bundle again.", where=file) from error

    def golden(self) -> Golden:
        """The golden images. Raise BadData if they are damaged, MissingInput if there are none."""
        folder = self.path / GOLDEN
        if not (folder / "expected.npz").is_file():
            raise MissingInput("the bundle has no golden images", "Export the run again.", where=folder)
        found = arrays.load(folder / "expected.npz", "Copy the bundle again.")
        try:
            files = tuple(folder / Path(str(name)).name for name in found.pop("files"))
            return Golden(files, found.pop("pixels"), found)
        except KeyError as error:
            raise BadData(f"no array {error}", "Copy the bundle again.", where=folder) from error


def _rank(artifact: Artifact) -> int:
    if artifact.rank is not None:
        return artifact.rank
    return PREFERENCE.index(artifact.recipe) if artifact.recipe in PREFERENCE else len(PREFERENCE)
