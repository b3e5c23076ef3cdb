"""The columns of a list of images: which of them has the path, the label and the split, by their names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tlpipe_edge.camera import address
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData

_PATH = (
    ("path", "filepath", "file_path", "paths", "filepaths"),
    ("filename", "file_name", "file", "image_path", "img_path", "image_file", "image_name", "filenames"),
    ("image", "img"),
    ("image_id", "img_id"),
    ("id",),
)
_LABEL = (
    ("label",),
    ("class", "class_name", "classname", "label_name", "labels", "category", "choice", "target", "species", "y"),
)
_SPLIT = (("split",), ("set", "subset", "partition", "data_set"))
"""Names as ``_plain`` gives them. Those in an earlier tuple win; two of one tuple are ambiguous."""

NEEDED = (
    "The first line names the columns, such as path,label or path,label,split. "
    "Other names are read, too, such as filename and class."
)
"""The advice for a list whose columns are not known."""


@dataclass(frozen=True)
class Columns:
    """The places of the columns in a row, or the keys in a JSON object. ``names`` are all columns, as they are written;
    empty if the list has no header."""

    path: int
    label: int
    split: int | None
    names: tuple[str, ...]

    def __str__(self) -> str:
        if not self.names:
            return "no header"
        places = [self.path, self.label, *(() if self.split is None else (self.split,))]
        *first, last = (self.names[place] for place in places)
        return f"columns {', '.join(first)} and {last}"


def find(names: Sequence[str], *, where: object) -> Columns:
    """The columns of these names. Raise BadData if the path or the label has none, or one of them several."""
    names = tuple(name.strip() for name in names)
    path, label, split = (_place(kind, names, where) for kind in (_PATH, _LABEL, _SPLIT))
    if path is None:
        raise no_path(names, NEEDED, where=where)
    if label is None:
        raise BadData(
            f"no column has the label, so these images have none ({_there(names)})",
            "Name a list with labels. A label column is called label, class, category, target or species.",
            where=where,
        )
    return Columns(path, label, split, names)


def path_alone(names: Sequence[str], *, where: object) -> int | None:
    """The place of the path in a list whose labels do not matter. Raise BadData if several columns could have it."""
    return _place(_PATH, tuple(name.strip() for name in names), where)


def no_path(names: Sequence[str], advice: str, *, where: object) -> BadData:
    """The error for a list that has no column for the path."""
    return BadData(f"no column has the path of an image ({_there(names)})", advice, where=where)


def one_hot(names: Sequence[str], *, where: object) -> tuple[Columns, tuple[int, ...]] | None:
    """Columns whose label is in a column behind these names, and the columns of 0 and 1, one for each class, that it is
    to be made of. None if a column has the label, none has the path, or there is one class only.
    """
    names = tuple(name.strip() for name in names)
    path, label, split = (_place(kind, names, where) for kind in (_PATH, _LABEL, _SPLIT))
    classes = tuple(place for place, name in enumerate(names) if name and place not in (path, split))
    if path is None or label is not None or len(classes) < 2:
        return None
    return Columns(path, len(names), split, (*names, f"{len(classes)} one-hot classes")), classes


def known(names: Sequence[str]) -> int:
    """How many of path, label and split have a column of these names: 0 to 3."""
    plain = {_plain(name) for name in names}
    return sum(any(plain & {*names} for names in kind) for kind in (_PATH, _LABEL, _SPLIT))


def _place(kind: tuple[tuple[str, ...], ...], names: Sequence[str], where: object) -> int | None:
    for synonyms in kind:
        places = [place for place, name in enumerate(names) if _plain(name) in synonyms]
        if len(places) > 1:
            both = " and ".join(names[place] for place in places)
            raise BadData(f"the columns {both} could both be the {kind[0][0]}", "Rename one of them.", where=where)
        if places:
            return places[0]
    return None


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _there(names: Sequence[str]) -> str:
    return f"there is {_shown(names)}" if any(names) else "it is empty"


def _shown(names: Sequence[str]) -> str:
    most = 4 * kinds.MAX_NAMES
    shown = (" ".join(address.without_secrets(name)[:40].split()) for name in names[:most])
    return ", ".join(shown) + ", ..." * (len(names) > most)
