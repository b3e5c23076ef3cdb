"""What is at the path of a source."""

from pathlib import Path

from tlpipe.data.archive import is_archive
from tlpipe.data.listed import SUFFIXES as LISTS
from tlpipe.scoring import parquet
from tlpipe.scoring.folder import Folder, SingleImage
from tlpipe.scoring.packed import LeftOut, Packed
from tlpipe.scoring.path_list import PathList
from tlpipe.scoring.sources import ADVICE, Source
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import formats

_SPREADSHEETS = (".xlsx", ".xls", ".ods")
"""Two of them are zip archives."""


def opened(path: Path, left_out: LeftOut) -> Source:
    """The source at a path, told by its content; an archive notes in ``left_out`` what is not scored.

    Raise MissingInput, BadData, or Unavailable without pyarrow.
    """
    if not path.exists():
        raise kinds.missing(path, "folder, list, archive or image", lambda _: True, advice="Check the path.")
    if path.is_dir():
        return _folder(path)
    if not path.is_file():
        raise BadData("neither a file nor a folder", ADVICE, where=path)
    head = _head(path)
    if head.startswith(parquet.MARK):
        parquet.check_installed()
        return parquet.Table(path)
    if formats.recognize(head) is not None:
        return SingleImage(path)
    if path.suffix.lower() in _SPREADSHEETS:
        raise BadData("a spreadsheet, not a list of images", "Save it as CSV.", where=path)
    if is_archive(path):
        return Packed(path, left_out)
    _refuse_others(path)
    return PathList(path)


def _folder(path: Path) -> Source:
    if what := kinds.found(path):
        raise BadData(f"this is {what}, not a folder of images", ADVICE, where=path)
    return Folder(path)


def _refuse_others(path: Path) -> None:
    """Raise BadData for a file that is no list, by its name."""
    suffix, what = path.suffix.lower(), kinds.found(path)
    if suffix in kinds.ARCHIVES:
        raise BadData("named as an archive, but no zip or tar", ADVICE, where=path)
    if suffix == parquet.SUFFIX:
        raise BadData("named as a Parquet file, but none", ADVICE, where=path)
    if what is not None and suffix not in LISTS:
        raise BadData(f"this is {what}, not a list of images", ADVICE, where=path)


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(formats.HEAD_BYTES)
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=path) from error
