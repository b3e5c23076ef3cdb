"""What is at the place of a source."""

from pathlib import Path

from tlpipe.data import content, object_store
from tlpipe.data.listed import SUFFIXES as LISTS
from tlpipe.data.location import Location
from tlpipe.data.members import name_of
from tlpipe.scoring import parquet
from tlpipe.scoring.folder import Folder, SingleImage
from tlpipe.scoring.packed import LeftOut, Packed
from tlpipe.scoring.path_list import PathList
from tlpipe.scoring.prefix import Prefix
from tlpipe.scoring.sources import ADVICE, Source
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import formats

_SPREADSHEETS = (".xlsx", ".xls", ".ods")
"""Two of them are zip archives."""


def opened(place: Location, left_out: LeftOut) -> Source:
    """The source at a place, told by its content; an archive notes in ``left_out`` what is not scored.

    Raise MissingInput, BadData, or Unavailable without pyarrow or s3fs, or if a store cannot be read.
    """
    if isinstance(place, Path):
        return _at_path(place, left_out)
    object_store.check_installed()
    return Prefix(place) if object_store.look(place) is None else _in_file(place, left_out)


def _at_path(path: Path, left_out: LeftOut) -> Source:
    if not path.exists():
        raise kinds.missing(path, "folder, list, archive or image", lambda _: True, advice="Check the path.")
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise BadData("neither a file nor a folder", ADVICE, where=path)
    return _in_file(path, left_out)


def _in_file(path: Location, left_out: LeftOut) -> Source:
    head = content.head(path, formats.HEAD_BYTES)
    if head.startswith(parquet.MARK):
        parquet.check_installed()
        return parquet.Table(path)
    if formats.recognize(head) is not None:
        return SingleImage(path)
    if path.suffix.lower() in _SPREADSHEETS:
        raise BadData("a spreadsheet, not a list of images", "Save it as CSV.", where=path)
    if name_of(path) is not None:
        return Packed(path, left_out)
    _refuse_others(path)
    return PathList(path)


def _folder(path: Path) -> Source:
    if what := kinds.found(path):
        raise BadData(f"this is {what}, not a folder of images", ADVICE, where=path)
    return Folder(path)


def _refuse_others(path: Location) -> None:
    """Raise BadData for a file that is no list, by its name."""
    suffix, what = path.suffix.lower(), kinds.named(path.name)
    if suffix in kinds.ARCHIVES:
        raise BadData("named as an archive, but no zip or tar", ADVICE, where=path)
    if suffix == parquet.SUFFIX:
        raise BadData("named as a Parquet file, but none", ADVICE, where=path)
    if what is not None and suffix not in LISTS:
        raise BadData(f"this is {what}, not a list of images", ADVICE, where=path)
