"""The only walk over a folder: which files are images, by their first bytes, and what is passed over, by kind."""

import errno
import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tlpipe_edge.contract import review
from tlpipe_edge.images import formats


@dataclass(frozen=True)
class Kind:
    """A kind of what is passed over: its name for one and for ``many``.

    ``shown`` is whether messages name the first one, ``advice`` how to make an image of it.
    """

    one: str
    many: str
    shown: bool = False
    advice: str = ""

    def counted(self, count: int) -> str:
        """So many of them, as in "2 videos"."""
        return f"{count} {self.one if count == 1 else self.many}"


@dataclass(frozen=True)
class PassedOver:
    """``count`` files or folders of a kind, and the ``first`` of them."""

    kind: Kind
    count: int
    first: Path

    @property
    def one_more(self) -> "PassedOver":
        """The same, with one more file."""
        return PassedOver(self.kind, self.count + 1, self.first)


@dataclass(frozen=True)
class Found:
    """The image files below ``folder``, and what was passed over there, in the order of ``walk``.

    A file that is named as an image but cannot be opened is an image: it counts, and reading it fails.
    """

    folder: Path
    images: tuple[Path, ...] = ()
    passed_over: tuple[PassedOver, ...] = ()

    @property
    def left_out(self) -> str:
        """What was passed over, as in "8 hidden files, 1 video"; empty if nothing was."""
        return _listed(self.passed_over, self.folder)


HIDDEN_FILE = Kind("hidden file", "hidden files")
HIDDEN_FOLDER = Kind("hidden folder", "hidden folders")
SYSTEM_FILE = Kind("system file", "system files")
SYSTEM_FOLDER = Kind("system folder", "system folders")
SIDECAR = Kind("sidecar file", "sidecar files")
REVIEW = Kind("file about an image that a camera kept", "files about images that a camera kept")
TEXT = Kind("text file", "text files")
DOCUMENT = Kind("document", "documents")
ARCHIVE = Kind("archive", "archives")
VIDEO = Kind("video", "videos")
OTHER = Kind("other file", "other files")
SPECIAL = Kind("device, pipe or socket", "devices, pipes or sockets")
LOOP = Kind("link to a folder that it is in", "links to folders that they are in", shown=True)
AGAIN = Kind("folder that is walked by another name", "folders that are walked by another name")
DANGLING = Kind("link to nothing", "links to nothing", shown=True)
EMPTY = Kind("empty file", "empty files", shown=True)
MISNAMED = Kind("file that is named as an image but is none", "files that are named as images but are none", shown=True)
UNREADABLE = Kind("file that cannot be read", "files that cannot be read", shown=True)
CLOSED = Kind("folder that cannot be listed", "folders that cannot be listed", shown=True)

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
"""The errors for a link that points to nothing, or to itself."""
SYSTEM_FILES = frozenset(
    ("thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r", "picasa.ini", "zbthumbnail.info")
)
"""What systems leave in a folder, in lower case, besides hidden files."""
_SYSTEM_FOLDERS = frozenset(
    (
        "@eadir",  # Synology: a folder for each image, with thumbnails of it
        "#recycle",
        "#snapshot",
        "~snapshot",
        "@recycle",
        "@recently-snapshot",
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "recycler",
        "system volume information",
        "lost+found",
        "network trash folder",
        "temporary items",
    )
)
"""Names in lower case."""
_APPLE_DOUBLE = (b"\x00\x05\x16\x07", b"\x00\x05\x16\x00")
"""What macOS writes beside each file on a disk of another system (RFC 1740), and its variant of one file."""
_THUMBNAIL_OF_VIDEO = ".thm"
"""A JPEG that a camera writes beside a video."""
_IMAGE_SUFFIXES = frozenset(suffix for form in formats.FORMATS for suffix in form.suffixes)
_KINDS = {
    **dict.fromkeys((".xmp", ".aae", ".json", _THUMBNAIL_OF_VIDEO, ".pp3", ".dop"), SIDECAR),
    **dict.fromkeys((".txt", ".csv", ".tsv", ".jsonl", ".ndjson", ".md", ".rst", ".log", ".htm", ".html"), TEXT),
    **dict.fromkeys((".xml", ".yaml", ".yml", ".ini", ".cfg", ".toml", ".nfo", ".url", ".py"), TEXT),
    **dict.fromkeys((".pdf", ".doc", ".docx", ".odt", ".rtf", ".xls", ".xlsx", ".ods", ".ppt", ".pptx"), DOCUMENT),
    **dict.fromkeys((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar"), ARCHIVE),
    **dict.fromkeys((".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".3gp", ".wmv"), VIDEO),
}


@dataclass
class Passing:
    """What is passed over below ``folder`` so far, while its images are given one by one."""

    folder: Path
    _kinds: dict[Kind, PassedOver] = field(default_factory=dict)

    def add(self, path: Path, kind: Kind) -> None:
        """Count one."""
        before = self._kinds.get(kind)
        self._kinds[kind] = PassedOver(kind, 1, path) if before is None else before.one_more

    def found(self, images: Iterable[Path] = ()) -> Found:
        """All of it, with these images."""
        return Found(self.folder, tuple(images), tuple(self._kinds.values()))


@dataclass(frozen=True)
class _Place:
    """A folder by its path without links, and those ``seen`` below the outermost link to it, or None without one.

    So two links may lead to one folder, but no number of links among folders multiplies them.
    """

    real: Path
    seen: set[Path] | None = None


def walk(folder: Path, *, deep: bool = True) -> Found:
    """The images below ``folder``, sorted by their parts in Unicode NFC; directly in it if not ``deep``.

    What is an image is told by its first bytes, whatever its name. Hidden files and folders, and those that systems and
    programs leave, are passed over. Links to folders are followed, but not to a folder that the link is in, or that is
    walked anyway. Pipes and devices are never opened.
    """
    passing = Passing(folder)
    return passing.found(images(passing, deep=deep))


def images(passing: Passing, *, deep: bool = True, unreadable: bool = False) -> Iterator[Path]:
    """The images of ``walk`` below the folder of ``passing``, one by one; what is passed over is added to that.

    With ``unreadable``, also what is named as an image and is none, or of a format that is not read here. In memory are
    only the names in the folders that the current image is in.
    """
    root = Path(os.path.realpath(passing.folder))
    waiting = [(entry, _Place(root)) for entry in _entries(passing.folder, passing)]
    while waiting:
        entry, place = waiting.pop()
        path = Path(entry.path)
        kind, is_folder = _look(entry, path)
        if is_folder and kind is None and deep:
            inner, kind = _enter(entry, place, root)
            waiting += [(each, inner) for each in _entries(path, passing)] if kind is None else []
        if (kind is None and not is_folder) or (unreadable and _is_lost(path, kind)):
            yield path
        elif kind is not None:
            passing.add(path, kind)


def _is_lost(path: Path, kind: Kind | None) -> bool:
    """Whether a file that is passed over is an image to who sees its name."""
    named = kind in (MISNAMED, EMPTY, DANGLING) and path.suffix.lower() in _IMAGE_SUFFIXES
    return kind is not None and (named or bool(kind.advice))


def _enter(entry: os.DirEntry[str], place: "_Place", root: Path) -> tuple["_Place", Kind | None]:
    """The folder ``entry`` in ``place``, and its kind if it is passed over, being walked without it."""
    seen, real = place.seen, place.real / entry.name
    kind = None
    if entry.is_symlink():
        real, seen = Path(os.path.realpath(entry.path)), set() if seen is None else seen
        if place.real.is_relative_to(real) or root.is_relative_to(real):
            kind = LOOP
        elif real.is_relative_to(root) and all(map(is_walked, real.relative_to(root).parts)):
            kind = AGAIN
    if seen is not None:
        kind = AGAIN if kind is None and real in seen else kind
        seen.add(real)
    return _Place(real, seen), kind


def sort_out(files: Iterable[Path], where: Path) -> Found:
    """Which of these files, which a list in ``where`` names, are images, by the rules of ``walk`` except for names.

    A file that cannot be opened is an image.
    """
    passing, images = Passing(where), []
    for file in files:
        try:
            kind = _kind_of(file) if file.is_file() else None
        except OSError:  # the name is too long, or a folder above it is closed
            kind = None
        if kind is None or kind is UNREADABLE:
            images.append(file)
        else:
            passing.add(file, kind)
    return passing.found(images)


def folders(folder: Path) -> list[Path]:
    """The folders directly in ``folder`` that ``walk`` looks into, sorted; none if it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return [folder / each.name for each in sorted(entries, key=_order) if _look_at_folder(each) == (None, True)]
    except OSError:
        return []


def is_walked(name: str) -> bool:
    """Whether ``walk`` looks at a file and into a folder of this name."""
    plain = name.lower() not in SYSTEM_FILES | _SYSTEM_FOLDERS and not name.startswith(".")
    return plain and Path(name).suffix.lower() != _THUMBNAIL_OF_VIDEO


def kind_by_name(parts: Sequence[str]) -> Kind | None:
    """The kind of a file that is not opened, by its name and those of the folders that it is in: the ``parts`` of its
    path. None if it is named as an image."""
    name, suffix = parts[-1], Path(parts[-1]).suffix.lower()
    if any(part.startswith(".") for part in parts):
        return HIDDEN_FILE
    if name.lower() in SYSTEM_FILES or any(part.lower() in _SYSTEM_FOLDERS for part in parts[:-1]):
        return SYSTEM_FILE
    return None if suffix in _IMAGE_SUFFIXES else _kind_of_name(name)


def tell(*found: Found, where: Path | None = None) -> None:
    """Print what was passed over in all of them, in one line, unless nothing was but files about kept images.

    It is a warning if an image may be among it. ``where`` is named in the place of the folder of a single one.
    """
    sums: dict[Kind, PassedOver] = {}
    for each in (each for one in found for each in one.passed_over if each.kind is not REVIEW):
        before = sums.get(each.kind)
        sums[each.kind] = each if before is None else PassedOver(each.kind, before.count + each.count, before.first)
    if not sums:
        return
    from tlpipe_edge.console import progress  # here, because it takes long to import

    one_folder = found[0].folder if len(found) == 1 else None
    lost_first = sorted(sums.values(), key=lambda each: not (each.kind.shown or each.kind.advice))
    line = f"passed over {_listed(lost_first, one_folder)}"
    line = line if one_folder is None else f"{where or one_folder}: {line}"
    advice = "".join(f". {kind.many}: {kind.advice.rstrip('.')}" for kind in sums if kind.advice)
    show = progress.warn if any(kind.shown or kind.advice for kind in sums) else progress.say
    show(line + advice)


def _listed(passed_over: Iterable[PassedOver], folder: Path | None) -> str:
    return ", ".join(_counted(each, folder) for each in passed_over)


def _counted(each: PassedOver, folder: Path | None) -> str:
    counted = each.kind.counted(each.count)
    if not each.kind.shown:
        return counted
    first = each.first if folder is None or not each.first.is_relative_to(folder) else each.first.relative_to(folder)
    return f"{counted} ({first})" if each.count == 1 else f"{counted} (the first: {first})"


def _order(entry: os.DirEntry[str]) -> tuple[str, str]:
    """File systems differ in the order, and some in the Unicode form, in which they give names."""
    return unicodedata.normalize("NFC", entry.name), entry.name


def _entries(path: Path, passing: Passing) -> list[os.DirEntry[str]]:
    """What is in a folder, the last one first; nothing if it cannot be listed, which is added."""
    try:
        with os.scandir(path) as entries:
            return sorted(entries, key=_order, reverse=True)
    except OSError:
        passing.add(path, CLOSED)
        return []


def _look(entry: os.DirEntry[str], path: Path) -> tuple[Kind | None, bool]:
    """The kind of an entry (None for an image, and for a folder to look into), and whether it is a folder."""
    kind, is_folder = _look_at_folder(entry)
    if is_folder:
        return kind, True
    if entry.name.startswith("."):
        return HIDDEN_FILE, False
    if entry.name.lower() in SYSTEM_FILES:
        return SYSTEM_FILE, False
    if entry.name.endswith(review.SUFFIX):  # whatever is in it: the image beside it is unsorted
        return REVIEW, False
    try:
        if entry.is_file():
            return _kind_of(path), False
        path.stat()
    except OSError as error:  # it is in a closed folder, or a link into one, or was deleted just now
        nothing = entry.is_symlink() and error.errno in _NOTHING_THERE
        return (DANGLING if nothing else _unopened(path)), False
    return SPECIAL, False


def _look_at_folder(entry: os.DirEntry[str]) -> tuple[Kind | None, bool]:
    try:
        is_folder = entry.is_dir()
    except OSError:
        is_folder = False
    if is_folder and entry.name.startswith("."):
        return HIDDEN_FOLDER, True
    return (SYSTEM_FOLDER if is_folder and entry.name.lower() in _SYSTEM_FOLDERS else None), is_folder


def _kind_of(path: Path) -> Kind | None:
    """The kind of a regular file, by its first bytes and then by its name; None for an image."""
    suffix = path.suffix.lower()
    try:
        with path.open("rb", buffering=0) as stream:
            head = stream.read(formats.HEAD_BYTES)
    except OSError:
        return _unopened(path)
    if not head:
        return EMPTY
    if head.startswith(_APPLE_DOUBLE):
        return SYSTEM_FILE
    if suffix == _THUMBNAIL_OF_VIDEO:
        return SIDECAR
    form = formats.recognize(head)
    if form is not None:
        return None if form.readable else _of_format(form)
    return MISNAMED if suffix in _IMAGE_SUFFIXES else _kind_of_name(path.name)


def _kind_of_name(name: str) -> Kind:
    """The kind of a file that is no image."""
    return REVIEW if name.endswith(review.SUFFIX) else _KINDS.get(Path(name).suffix.lower(), OTHER)


def _of_format(form: formats.Format) -> Kind:
    """The kind of images of a format that is not read here."""
    noun = form.name if form.name[0].islower() else f"{form.name} image"  # "raw photograph" is a noun
    return Kind(noun, f"{noun}s", advice=form.advice)


def _unopened(path: Path) -> Kind | None:
    """The kind of a file that cannot be opened: an image, if it is named as one."""
    return None if path.suffix.lower() in _IMAGE_SUFFIXES else UNREADABLE
