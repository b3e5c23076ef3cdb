"""What is inside an unpacked archive: its outer folder, and the list of images at its top."""

from pathlib import Path

from tlpipe.data import columns, huggingface, listed
from tlpipe.data.listed import SUFFIXES
from tlpipe.data.reading import Format
from tlpipe.data.splits import SPLITS
from tlpipe_edge.errors import BadData


def top(folder: Path) -> Path:
    """The folder with the classes, the splits or the list: without outer folders that hold nothing but one folder."""
    while True:
        children = _visible(folder)
        if len(children) != 1 or not children[0].is_dir() or children[0].name.lower() in SPLITS:
            return folder
        if not any(child.is_dir() or child.suffix.lower() in SUFFIXES for child in _visible(children[0])):
            return folder  # the only child is a class
        folder = children[0]


def lists(folder: Path, form: Format | None) -> tuple[Path, ...]:
    """The list at the top of an archive; none if it has none, or another ``form`` is wanted.

    Lists without a path and a label column do not count, if the form is not said. Raise BadData if there are several.
    """
    if form in (Format.FOLDERS, Format.HUGGINGFACE):
        return ()
    there = [child for child in _visible(folder) if child.is_file() and child.suffix.lower() in SUFFIXES]
    if form is None:
        there = [each for each in there if each.name.lower() not in huggingface.NAMES and _is_labelled(each)]
    else:
        there = [each for each in there if listed.kind(each) is form]
        if not there:
            raise BadData(f"no {form} file at its top", "Leave out --format.", where=folder)
    if len(there) > 1:
        names = ", ".join(each.name for each in there)
        raise BadData(f"several lists of images ({names})", "Unpack it, and name the list.", where=folder)
    return tuple(there)


def _is_labelled(file: Path) -> bool:
    try:
        columns.find(listed.names(file), where=file)
    except BadData:
        return False
    return True


def _visible(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if not child.name.startswith("."))
