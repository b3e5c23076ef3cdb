"""A bundle: a folder with a manifest and the files it lists, whose hashes are checked when they are read."""

import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from tlpipe_edge.console import notebook
from tlpipe_edge.contract import arrays, checksums, kinds
from tlpipe_edge.contract.checksums import Checked, Checksum
from tlpipe_edge.contract.files import read
from tlpipe_edge.contract.manifest import Artifact, Manifest
from tlpipe_edge.contract.ranges import is_file_name
from tlpipe_edge.errors import BadData, MissingInput, WrongUsage

MANIFEST = kinds.BUNDLE.marker
REFERENCE = "reference.npz"
EVALUATION = "evaluation.json"
EXPLANATION = "explanation.json"
GOLDEN = "golden"
EXPECTED = "expected.npz"
"""The file in ``GOLDEN`` with the expected results."""
LABELS = "labels.txt"
TRAINING = "training"

_AGAIN = "Copy the bundle again."
_LISTED_AGAIN = f'{_AGAIN} If you changed it on purpose, remove its entry and the key "{checksums.KEY}" in {MANIFEST}.'

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
        """The bytes of the artifact. Raise BadData if the file is gone, or if it is not the exported one."""
        listed = _listed(artifact)
        checksums.check_size(self.path, listed, _AGAIN)
        content = read(self.path / artifact.file)
        checksums.check_sha256(self.path, listed, hashlib.sha256(content).hexdigest(), _AGAIN)
        return content

    def checked(self, name: str) -> Path:
        """The path of a file that the export wrote beside the artifacts, such as ``REFERENCE``.

        Raise BadData if the manifest lists it and it is missing or changed. Bundles of earlier versions list none: such
        a file is not checked, and need not exist.
        """
        if listed := checksums.find(self.manifest.files, name):
            checksums.check(self.path, listed, _LISTED_AGAIN)
        return self.path / name

    def checked_in(self, folder: str, pattern: str) -> list[Path]:
        """The files of a folder of the bundle that are listed or there, sorted, each as ``checked`` gives it."""
        found = {f"{folder}/{file.name}" for file in (self.path / folder).glob(pattern)}
        listed = {each.file for each in self.manifest.files if PurePosixPath(each.file).match(f"{folder}/{pattern}")}
        return [self.checked(name) for name in sorted(found | listed)]

    def check(self) -> Checked:
        """Check each artifact and each listed file. Raise BadData if one is missing or changed."""
        for artifact in self.manifest.artifacts:
            self.read(artifact)
        for listed in self.manifest.files:
            checksums.check(self.path, listed, _LISTED_AGAIN)
        known = {each.file for each in self.manifest.files}
        there = [file for name in (LABELS, REFERENCE) if (file := self.path / name).is_file()]
        there += [file for name in (GOLDEN, TRAINING) for file in sorted((self.path / name).glob("[!.]*"))]
        names = (file.relative_to(self.path).as_posix() for file in there)
        unlisted = tuple(name for name in names if name not in known)
        return Checked(len(self.manifest.artifacts) + len(self.manifest.files), unlisted)

    def reference(self) -> Reference:
        """The scores of the Keras model. Raise BadData if they are damaged, MissingInput if there are none."""
        file = self.checked(REFERENCE)
        if not file.is_file():
            raise MissingInput("the bundle has no reference scores", "Export the run again.", where=file)
        found = arrays.load(file, _AGAIN)
        classes = len(self.manifest.labels)
        try:
            images, truth, probabilities = (found[name] for name in ("images", "truth", "probabilities"))
            _require(images, "U", (None,), "images")
            _require(truth, "iu", (len(images),), "truth")
            _require(probabilities, "f", (len(images), classes), "probabilities")
            if len(truth) and not 0 <= truth.min() <= truth.max() < classes:
                raise ValueError("truth: not an index of a label")
        except KeyError as error:
            raise BadData(f"no array {error}", _AGAIN, where=file) from error
        except ValueError as error:
            raise BadData(f"damaged ({error})", _AGAIN, where=file) from error
        return Reference(tuple(map(str, images)), truth, probabilities)

    def golden(self) -> Golden:
        """The golden images. Raise BadData if they are damaged, MissingInput if there are none."""
        file = self.checked(f"{GOLDEN}/{EXPECTED}")
        if not file.is_file():
            raise MissingInput("the bundle has no golden images", "Export the run again.", where=file.parent)
        found = arrays.load(file, _AGAIN)
        size = self.manifest.image.size
        try:
            names, pixels = found.pop("files"), found.pop("pixels")
            _require(names, "U", (None,), "files")
            _require(pixels, "u", (len(names), size, size, 3), "pixels")
            for recipe, scores in found.items():
                _require(scores, "f", (len(names), len(self.manifest.labels)), recipe)
            for name in map(str, names):
                if not is_file_name(name):
                    raise ValueError(f"files: {name[:40]!r} is not a file name")
        except KeyError as error:
            raise BadData(f"no array {error}", _AGAIN, where=file) from error
        except ValueError as error:
            raise BadData(f"damaged ({error})", _AGAIN, where=file) from error
        return Golden(tuple(self.checked(f"{GOLDEN}/{name}") for name in names), pixels, found)


def _require(array: np.ndarray, kinds_of_dtype: str, shape: tuple[int | None, ...], name: str) -> None:
    """Raise ValueError if an array is of another kind or shape; None is any length."""
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, there) for there, wanted in zip(array.shape, shape, strict=True)
    )
    if array.dtype.kind not in kinds_of_dtype or not fits:
        raise ValueError(f"{name[:40]}: {array.dtype}, shape {array.shape}")


def _listed(artifact: Artifact) -> Checksum:
    return Checksum(artifact.file, artifact.sha256, artifact.bytes)


def _rank(artifact: Artifact) -> int:
    if artifact.rank is not None:
        return artifact.rank
    return PREFERENCE.index(artifact.recipe) if artifact.recipe in PREFERENCE else len(PREFERENCE)
