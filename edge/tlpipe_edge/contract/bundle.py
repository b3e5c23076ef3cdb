"""A bundle: a folder with a manifest and its artifacts, opened with the hashes checked."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlpipe_edge.console import notebook
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, Manifest
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

MANIFEST = "manifest.json"
REFERENCE = "reference.npz"
EVALUATION = "evaluation.json"
GOLDEN = "golden"

PREFERENCE = ("int8", "float16", "float32", "dynamic")
"""The recipes of version 0.1.0, the fastest first (CPU, XNNPACK): for bundles whose artifacts state no rank."""


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
                f"no bundle here ({MANIFEST} is missing)", "Name a folder that tlpipe export wrote.", where=path
            )
        return cls(path, Manifest.from_json(read(file), where=str(file)))

    def _repr_html_(self) -> str:
        """Its files as a table, for a notebook."""
        size = self.manifest.image.size
        caption = f"{self.path}: {len(self.manifest.labels)} classes, {size}x{size} pixels"
        rows = [(each.recipe, each.file, f"{each.bytes / 1e6:.2f} MB") for each in self.manifest.artifacts]
        return notebook.table(caption, ("", "file", "size"), rows)

    def artifact(self, recipe: str | None = None) -> Artifact:
        """The artifact of ``recipe``, or the one of the lowest rank. Raises WrongUsage if ``recipe`` is not here."""
        by_recipe = {artifact.recipe: artifact for artifact in self.manifest.artifacts}
        if recipe is None:
            recipe = min(by_recipe.values(), key=_rank).recipe
        if recipe not in by_recipe:
            raise WrongUsage(f"no recipe {recipe} in this bundle", f"It holds {', '.join(by_recipe)}.", where=self.path)
        return by_recipe[recipe]

    def read(self, artifact: Artifact) -> bytes:
        """The artifact's bytes. Raises MissingInput or BadData where the file is gone or is not the one exported."""
        file = self.path / artifact.file
        if not file.is_file():
            raise MissingInput("named in the manifest, but not here", "Copy the bundle again.", where=file)
        size = file.stat().st_size
        if size != artifact.bytes:
            raise BadData(
                f"{size:,} bytes, and the manifest says {artifact.bytes:,}", "Copy the bundle again.", where=file
            )
        content = read(file)
        if hashlib.sha256(content).hexdigest() != artifact.sha256:
            raise BadData("its sha256 is not the manifest's: damaged or changed", "Copy the bundle again.", where=file)
        return content

    def reference(self) -> Reference:
        """The Keras original's answers. Raises BadData where they are damaged, MissingInput where there are none."""
        file = self.path / REFERENCE
        if not file.is_file():
            raise MissingInput("the bundle has no reference answers", "Export it again.", where=file)
        arrays = _arrays(file)
        try:
            return Reference(tuple(map(str, arrays["images"])), arrays["truth"], arrays["probabilities"])
        except KeyError as error:
            raise BadData(f"no array {error}", "Copy the bundle again.", where=file) from error

    def golden(self) -> Golden:
        """The golden images. Raises BadData where they are damaged, MissingInput where there are none."""
        folder = self.path / GOLDEN
        if not (folder / "expected.npz").is_file():
            raise MissingInput("the bundle has no golden images", "Export it again.", where=folder)
        arrays = _arrays(folder / "expected.npz")
        try:
            files = tuple(folder / Path(str(name)).name for name in arrays.pop("files"))
            return Golden(files, arrays.pop("pixels"), arrays)
        except KeyError as error:
            raise BadData(f"no array {error}", "Copy the bundle again.", where=folder) from error


def _rank(artifact: Artifact) -> int:
    if artifact.rank is not None:
        return artifact.rank
    return PREFERENCE.index(artifact.recipe) if artifact.recipe in PREFERENCE else len(PREFERENCE)


def _arrays(file: Path) -> dict[str, np.ndarray]:
    """All arrays of an .npz, without pickles; raises BadData where it is damaged."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return dict(archive)
    except Exception as error:  # numpy and zipfile raise a dozen kinds for a damaged archive
        raise BadData(f"damaged ({error})", "Copy the bundle again.", where=file) from error
