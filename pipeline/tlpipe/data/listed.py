"""A list of images becomes files by split: each path is found, and what is missing, repeated or no image is said."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import content, json_lines, table
from tlpipe.data.location import Location
from tlpipe.data.places import Places
from tlpipe.data.reading import Format
from tlpipe.data.rows import LabelList, Row
from tlpipe.data.splits import SPLITS, Listing
from tlpipe_edge.camera import address
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData, MissingInput
from tlpipe_edge.images import walker
from tlpipe_edge.images.classes import composed

SUFFIXES = {".csv": Format.CSV, ".tsv": Format.CSV, ".jsonl": Format.JSONL, ".ndjson": Format.JSONL}
"""The suffixes of lists, in lower case."""

_HEAD = 4096
_NO_LABEL = frozenset(("NA", "N/A", "#N/A", "<NA>", "nan", "NaN", "NULL", "null"))
"""What R, pandas, spreadsheets and databases write for a cell without a value."""


@dataclass(frozen=True)
class Listed:
    """The files of a list with their labels by split. ``description`` says how it was read."""

    description: str
    files: Listing


class NoneFound(MissingInput):
    """None of the images of a list is there."""


def kind(file: Location) -> Format:
    """Whether a list is JSON Lines or a CSV, by its suffix, or else by its first character."""
    known = SUFFIXES.get(file.suffix.lower())
    if known is not None:
        return known
    head = content.head(file, _HEAD)
    return Format.JSONL if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") else Format.CSV


def names(file: Path) -> tuple[str, ...]:
    """The names of the columns. Raise BadData if the file is no list."""
    return json_lines.names(file) if kind(file) is Format.JSONL else table.names(file)


def read(file: Path, places: Places, *, form: Format | None = None, splits_in_paths: bool = False) -> Listed:
    """Read a list and find its images; ``form`` is told from the file if None.

    With ``splits_in_paths``, the split of a row without one is the first folder of its path, if that is a split. Raise
    BadData if the list cannot be used, MissingInput if images are missing.
    """
    if (form or kind(file)) is Format.JSONL:
        found = json_lines.read(file)
    else:
        found = table.read(file, exists=places.has, is_split=lambda name: name.lower() in SPLITS)
    if not found.rows:
        raise BadData("no images", "Add a line for each image.", where=file)
    files = _files(found, places)
    say_moved(file, places)
    _warn_of_no_label(found)
    once = _without_repeated(found, files)
    sorted_out = walker.sort_out((files[row.line] for row in once), file)
    walker.tell(sorted_out)
    images = set(sorted_out.images)
    by_split: dict[str, list[tuple[Path, str]]] = defaultdict(list)
    for row in once:
        if files[row.line] in images:
            by_split[_split(row, file, in_path=splits_in_paths)].append((files[row.line], row.label))
    if not by_split:
        raise BadData(f"no images, but {sorted_out.left_out}", "Name images in it.", where=file)
    return Listed(found.description, dict(by_split))


def _files(found: LabelList, places: Places) -> dict[int, Path]:
    """The file of each row, by its line. Raise MissingInput if some are missing: their number, and the first ones."""
    files, missing = {}, []
    for row in found.rows:
        try:
            file = places.find(row.path)
        except BadData as error:
            raise error.at(f"{found.file}, line {row.line}") from error
        if file is None:
            missing.append(row)
        else:
            files[row.line] = file
    if missing:
        raise _missing(found, missing, places)
    return files


def _missing(found: LabelList, missing: list[Row], places: Places) -> MissingInput:
    first = ", ".join(f"{address.without_secrets(row.path)} (line {row.line})" for row in missing[: kinds.MAX_NAMES])
    more = ", ..." * (len(missing) > kinds.MAX_NAMES)
    reason = f"{len(missing)} of {len(found.rows)} images are not there: {first}{more}"
    kind_of_error = NoneFound if len(missing) == len(found.rows) else MissingInput
    if any(address.is_url(row.path) for row in missing):
        return kind_of_error(reason, "Download the images, and write their paths in the list.", where=found.file)
    near = places.near(missing[0].path)
    if near is not None:
        advice = f"There is {near}. Write the paths as the files are named."
        return kind_of_error(reason, advice, where=found.file)
    if places.searched or places.fixed:
        return kind_of_error(reason, f"They are not below {places.base}.", where=found.file)
    advice = f"Paths are relative to {places.base}. If the images are elsewhere, name their folder with --images DIR."
    return kind_of_error(reason, advice, where=found.file)


def say_moved(file: Location, places: Places) -> None:
    """Say what the absolute paths of a list are taken for, if they are of another machine."""
    if places.moved is not None:
        there = str(Path(*places.moved)) if places.moved[0] == "/" else "\\".join(p.rstrip("\\") for p in places.moved)
        progress.say(f"{file.name}: {places.base} is taken for {there}, which is not on this machine")


def _warn_of_no_label(found: LabelList) -> None:
    rows = [row for row in found.rows if row.label in _NO_LABEL]
    if rows:
        count = f"{len(rows)} of {len(found.rows)} rows, the first in line {rows[0].line}"
        progress.warn(f"{found.file}: the label {rows[0].label!r} may stand for no label ({count})")


def _without_repeated(found: LabelList, files: dict[int, Path]) -> list[Row]:
    """The rows without those that repeat another one. Raise BadData if an image has two labels."""
    first: dict[tuple[str, str], Row] = {}
    labels: dict[str, Row] = {}
    for row in found.rows:
        path = os.path.normpath(files[row.line])
        other = labels.setdefault(path, row)
        if composed(other.label) != composed(row.label):
            raise BadData(
                f"{row.path} is {row.label!r}, and {other.label!r} in line {other.line}",
                "Each image needs exactly one label.",
                where=f"{found.file}, line {row.line}",
            )
        first.setdefault((path, row.split), row)
    repeated = len(found.rows) - len(first)
    if repeated:
        rows = "repeated row is" if repeated == 1 else "repeated rows are"
        progress.say(f"{found.file.name}: {repeated} {rows} counted once")
    return list(first.values())


def _split(row: Row, file: Path, *, in_path: bool) -> str:
    folder, _, rest = row.path.replace("\\", "/").removeprefix("./").partition("/")
    if not row.split and in_path and rest:
        return SPLITS.get(folder.lower(), "train")
    split = SPLITS.get((row.split or "train").lower())
    if split is None:
        raise BadData(f"no split {row.split!r}", "Use train, validation or test.", where=f"{file}, line {row.line}")
    return split
