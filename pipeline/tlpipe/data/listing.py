"""Lists labelled images: class folders, folders of splits, a list, or Hugging Face's metadata -> files by split."""

from pathlib import Path

from tlpipe.data import archive, folders, huggingface, inside, json_lines, listed
from tlpipe.data.folders import LAYOUT
from tlpipe.data.listed import SUFFIXES as LISTS
from tlpipe.data.listed import Listed, NoneFound
from tlpipe.data.members import name_of
from tlpipe.data.places import Places
from tlpipe.data.reading import FROM_DATA, Format, Reading
from tlpipe.data.splits import Listing
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds
from tlpipe_edge.errors import BadData, TlpipeError, WrongUsage
from tlpipe_edge.images import walker
from tlpipe_edge.images.classes import composed

_OF_FILES = (Format.CSV, Format.JSONL)
_SPREADSHEETS = (".xlsx", ".xls", ".ods")
"""Two of them are zip archives."""


def read(data: Path, reading: Reading = FROM_DATA, *, every_class: bool = False) -> Listing:
    """List the images of a folder with one subfolder per class, of train/, validation/ and test/ folders like it, of a
    folder with Hugging Face's metadata, or of a list.

    What is an image is decided by ``walker.walk``, and what is passed over is said. With ``every_class``, a class
    folder without images is an error. Raise MissingInput, BadData or WrongUsage.
    """
    check(data, reading)
    if data.is_dir():
        metadata = _metadata(data, reading.format)
        _say_choice(data, metadata, reading.format)
        if not metadata:
            return _composed(_in_folders(data, every_class=every_class))
        found = huggingface.read(metadata, closed=False)
    else:
        places = Places(reading.images or data.parent, searched=reading.images is not None)
        found = listed.read(data, places, form=reading.format)
    progress.say(f"{data.name}: {found.description}: {counted(found.files)}")
    return _composed(found.files)


def _in_folders(data: Path, *, every_class: bool, where: Path | None = None) -> Listing:
    found = folders.read(data, where=where)
    if every_class:
        folders.refuse_empty(data, found)
    return found


def read_unpacked(unpacked: archive.Unpacked, reading: Reading = FROM_DATA, *, every_class: bool = False) -> Listing:
    """List the images of an archive, which are as in ``read``, perhaps in one outer folder.

    One list beside the class folders is read in their place. Raise MissingInput, BadData or WrongUsage.
    """
    folder, file = str(unpacked.folder), unpacked.archive
    try:
        found, warnings = _inside(inside.top(unpacked.folder), file, reading, every_class=every_class)
    except TlpipeError as error:
        where, reason, advice = (text.replace(folder, str(file)) for text in (error.where, error.reason, error.advice))
        raise type(error)(reason, advice, where=where) from error
    progress.say(f"{file.name}: {name_of(file)} of {found.description}: {counted(found.files)}")
    for note in unpacked.notes:
        progress.say(f"{file.name}: {note}")
    for warning in warnings:
        progress.warn(warning.replace(folder, str(file)))
    return _composed(found.files)


def _inside(folder: Path, packed: Path, reading: Reading, *, every_class: bool) -> tuple[Listed, list[str]]:
    """What the archive ``packed``, unpacked to ``folder``, has, and warnings as of ``notes``."""
    for file in inside.lists(folder, reading.format):
        try:
            found = listed.read(file, Places(folder, searched=True, closed=True), form=reading.format)
        except NoneFound:  # as a table of classes, such as id,label
            if reading.format is not None or not walker.folders(folder):
                raise
            progress.say(f"{file.name}: names no image of the archive, so the names of the folders are the labels")
        else:
            return Listed(f"{file.name}, {found.description}", found.files), []
    metadata = _metadata(folder, reading.format)
    _say_choice(folder, metadata, reading.format)
    if metadata:
        found = huggingface.read(metadata, closed=True)
        return found, huggingface.notes(metadata, found.files)
    found = Listed("class folders", _in_folders(folder, every_class=every_class, where=packed))
    return found, notes(folder, found.files, reading)


def check(data: Path, reading: Reading = FROM_DATA) -> None:
    """Raise MissingInput, BadData or WrongUsage if there is no folder, list or archive at this path, or if it does not
    fit what is said of it."""
    if not data.exists():
        raise kinds.missing(data, "folder, list or archive", _can_be_data, advice="Check the path.")
    is_container = data.is_dir() or archive.is_archive(data)
    if not data.is_dir() and not data.is_file():
        raise BadData("neither a file nor a folder", LAYOUT, where=data)
    if data.is_file() and data.suffix.lower() in _SPREADSHEETS:
        raise BadData("a spreadsheet, not a list of images", "Save it as CSV.", where=data)
    what = kinds.found(data)
    known = data.suffix.lower() in LISTS or (is_container and data.suffix.lower() in kinds.ARCHIVES)
    if data.is_file() and not is_container and data.suffix.lower() in kinds.ARCHIVES:
        raise BadData("named as an archive, but no zip or tar", LAYOUT, where=data)
    if what is not None and (data.is_dir() or not (known or reading.format in _OF_FILES)):
        advice = json_lines.advice_for(data) if what == kinds.JSON_FILE else LAYOUT
        raise BadData(f"this is {what}, not a folder of images, a list or an archive", advice, where=data)
    _check_fits(data, reading, is_container=is_container)


def _check_fits(data: Path, reading: Reading, *, is_container: bool) -> None:
    reading.check()
    if is_container and reading.images is not None:
        raise WrongUsage("--images is for a list of images, and this is none", "Leave it out.", where=data)
    form = reading.format
    if form is not None and data.is_dir() and form in _OF_FILES:
        raise WrongUsage(f"a folder, not {form}", "Name the file itself.", where=data)
    if form is not None and not is_container and form not in _OF_FILES:
        raise WrongUsage(f"a file, not {form}", "Name a folder or an archive.", where=data)


def _metadata(folder: Path, form: Format | None) -> tuple[huggingface.Metadata, ...]:
    """The metadata files to read, because they have labels or nothing else has. Raise BadData if one is wanted and
    there is none."""
    if form is Format.FOLDERS:
        return ()
    found = huggingface.find(folder)
    if form is Format.HUGGINGFACE and not found:
        raise BadData("no metadata.csv or metadata.jsonl", "Leave out --format huggingface.", where=folder)
    if form is Format.HUGGINGFACE or not walker.folders(folder):
        return found
    return tuple(each for each in found if each.has_labels)


def _say_choice(folder: Path, chosen: tuple[huggingface.Metadata, ...], form: Format | None) -> None:
    """Say which labels are read, if there are folders and metadata."""
    there = huggingface.find(folder) if form is None and walker.folders(folder) else ()
    if there and chosen:
        progress.say(f"{chosen[0].file}: has labels, so the names of folders are not read as labels")
        for each in there:
            if each not in chosen:
                progress.warn(f"{each.file}: has no labels, so its images are not used")
        for split in huggingface.splits_without(folder, there):
            progress.warn(f"{split}: has no {there[0].file.name}, so its images are not used")
    elif there:
        progress.say(f"{there[0].file}: has no labels, so the names of the folders are the labels")


def _composed(files: Listing) -> Listing:
    return {split: [(file, composed(label)) for file, label in each] for split, each in files.items()}


def counted(files: Listing) -> str:
    """How many images of how many classes, as in "120 images of 3 classes"."""
    classes = {label for found in files.values() for _, label in found}
    return f"{sum(map(len, files.values()))} images of {len(classes)} class{'es' * (len(classes) != 1)}"


def notes(data: Path, found: Listing, reading: Reading) -> list[str]:
    """Warnings of images that are not used: as of ``folders.notes``, or as of ``huggingface.notes`` if that is read;
    none for a list, which may well be of some images only. ``found`` is what ``read`` gave."""
    if not data.is_dir():
        return []
    metadata = _metadata(data, reading.format)
    return huggingface.notes(metadata, found) if metadata else folders.notes(data, found)


def _can_be_data(path: Path) -> bool:
    return path.is_dir() or path.suffix.lower() in (*LISTS, *kinds.ARCHIVES)
