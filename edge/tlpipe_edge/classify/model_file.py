"""Labels and normalization of a single .tflite file: from its metadata, from files beside it, or from a user."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.contract import labels
from tlpipe_edge.contract.labels import FileLabels
from tlpipe_edge.errors import MissingInput, WrongUsage
from tlpipe_edge.tflite import normalization
from tlpipe_edge.tflite.graph import Graph
from tlpipe_edge.tflite.metadata import Metadata
from tlpipe_edge.tflite.normalization import Normalization

BESIDE = ("labels.txt", "{stem}.txt", "dict.txt")
"""The names of a labels file in the folder of a model, in the order in which they are tried."""

LARGEST = 1e6
"""Maximum size of a mean; the smallest std is its inverse. Pixels are 0 to 255."""


@dataclass(frozen=True)
class FileOptions:
    """What a user says of a single file: its ``labels``, and that it expects (pixel - mean) / std of pixels 0..255,
    with one value, or one per channel. What is None is found.

    Raise WrongUsage if there are not one or three numbers, or if one is out of range.
    """

    labels: Path | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        for name, values, minimum in (("mean", self.mean, -LARGEST), ("std", self.std, 1 / LARGEST)):
            if values is not None and len(values) not in (1, 3):
                advice = "Write it as 127.5 or 124,116,104."
                raise WrongUsage(f"{len(values)} numbers, but {name} is one, or three for RGB", advice)
            wrong = [value for value in values or () if not minimum <= value <= LARGEST]
            if wrong:
                raise WrongUsage(f"{wrong[0]:g} is out of range", f"Give numbers from {minimum:g} to {LARGEST:g}.")

    @classmethod
    def of(
        cls,
        labels: Path | str | None,
        mean: float | Sequence[float] | None,
        std: float | Sequence[float] | None,
    ) -> "FileOptions":
        """The options in the types of ``Classifier.open``."""
        return cls(None if labels is None else Path(labels), _numbers(mean), _numbers(std))

    def refuse(self, where: Path) -> None:
        """Raise WrongUsage if there are any: a bundle states all of it."""
        given = [name for name, value in vars(self).items() if value is not None]
        if given:
            advice = f"Leave --{given[0]} out."
            raise WrongUsage(f"{given[0]} is for a .tflite file; a bundle states it", advice, where=where)


NO_OPTIONS = FileOptions()


@dataclass(frozen=True)
class Reading:
    """How a single file is used. ``notes``, one sentence each, say what was not stated by the file."""

    name: str
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    notes: tuple[str, ...]


def read(path: Path, described: Metadata | None, graph: Graph, options: FileOptions) -> Reading:
    """Labels and normalization of a model that ``verify`` has accepted.

    Labels are those of the options, of the metadata, or of a file beside the model. Raise MissingInput if there are
    none, and the errors of ``labels.read``.
    """
    classes = math.prod(graph.tensor(graph.outputs[0]).shape)
    found = _labels(path, described, options, classes=classes)
    used = _normalization(described, graph, options)
    notes = (*found.notes, *([used.reason] if used.reason else []))
    name = (described.name if described else "") or path.stem
    return Reading(name, found.labels, used.mean, used.std, notes)


def labels_beside(path: Path) -> Path | None:
    """The labels file in the folder of a model, if there is one."""
    places = (path.with_name(name.format(stem=path.stem)) for name in BESIDE)
    return next((place for place in places if place.is_file()), None)


def _labels(path: Path, described: Metadata | None, options: FileOptions, *, classes: int) -> FileLabels:
    in_file = described.labels if described else ()
    if options.labels is not None:
        found = labels.read(options.labels, classes=classes)
        instead = (f"the labels are those of {options.labels}, not those in the model",) if in_file else ()
        return FileLabels(found.labels, instead + found.notes)
    if in_file:
        return labels.fitted(in_file, classes=classes, where=f"{path}: labels in its metadata")
    beside = labels_beside(path)
    if beside is None:
        raise _no_labels(path, described)
    found = labels.read(beside, classes=classes)
    return FileLabels(found.labels, (f"the labels are those of {beside}", *found.notes))


def _no_labels(path: Path, described: Metadata | None) -> MissingInput:
    what = "its metadata does not name the labels" if described else "it does not name its labels (no TFLite Metadata)"
    others = sorted(path.parent.glob("[!.]*label*.txt"))
    example = str(others[0]) if len(others) == 1 else "FILE"
    advice = f"Name them with --labels {example}, or put a labels.txt beside the model, with one label per line."
    return MissingInput(f"{what}, and there is no labels.txt beside it", advice, where=path)


def _normalization(described: Metadata | None, graph: Graph, options: FileOptions) -> Normalization:
    """With the note as its ``reason``, empty if the user or the model states it."""
    if (options.mean is None) != (options.std is None):
        one, other = ("std", "mean") if options.mean is None else ("mean", "std")
        raise WrongUsage(f"needs {other}, too", "--mean 0 --std 1 leaves pixels as they are.", where=one)
    if options.mean is not None and options.std is not None:
        mean, std = options.mean, options.std
        length = max(len(mean), len(std))
        given = Normalization(_repeated(mean, length), _repeated(std, length), "")
        if described and described.states_normalization:
            stated = Normalization(described.mean, described.std, "")
            return Normalization(given.mean, given.std, f"the input is {given}, not {stated} as in its metadata")
        return given
    if described and described.states_normalization:
        return Normalization(described.mean, described.std, "")
    assumed = normalization.implied(graph)
    note = f"the input is assumed to be {assumed}, because {assumed.reason}; --mean and --std change it"
    return Normalization(assumed.mean, assumed.std, note)


def _repeated(values: tuple[float, ...], length: int) -> tuple[float, ...]:
    return values if len(values) == length else values * length


def _numbers(values: float | Iterable[float] | None) -> tuple[float, ...] | None:
    if values is None:
        return None
    return tuple(map(float, values)) if isinstance(values, Iterable) else (float(values),)
