"""Where the images of a list are: finds the file of each path that the list names."""

import os
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import unquote

from tlpipe_edge.errors import BadData
from tlpipe_edge.images import formats, walker

IMAGE_SUFFIXES = frozenset(suffix for form in formats.FORMATS for suffix in form.suffixes)
"""The suffixes of images, in lower case."""


@dataclass
class Places:
    """The files of a list whose relative paths begin at ``base``.

    With ``searched``, a name without a folder is also looked for below ``base``: the name of a file, or its stem, as in
    lists of ids. With ``closed``, a path that leaves ``base`` is an error. With ``fixed``, the user cannot name another
    folder.

    ``moved`` is the beginning of absolute paths of another machine, which ``base`` stands for; it is told from the
    first of them.
    """

    base: Path
    searched: bool = False
    closed: bool = False
    fixed: bool = False
    moved: tuple[str, ...] | None = None
    _below: dict[str, list[Path]] | None = field(default=None, repr=False)

    def find(self, written: str) -> Path | None:
        """The file of a path in the list. Raise BadData if there are several, or if the path leaves a closed folder."""
        for path in _readings(written):
            if self.closed and (path.is_absolute() or ".." in path.parts or path.drive):
                raise BadData(f"the path {written!r} leaves the archive", "Use paths inside it.")
            if is_file(file := self.base / path):
                return file
        return self._elsewhere(written)

    def has(self, written: str) -> bool:
        """Whether ``find`` finds a file."""
        try:
            return self.find(written) is not None
        except BadData:
            return False

    def near(self, written: str) -> Path | None:
        """A file below ``base`` whose path differs in upper and lower case, the suffix or URL escapes only, if any."""
        for path in _readings(unquote(written)):
            found: Path | None = None if path.anchor else self.base
            for number, part in enumerate(path.parts, 1):
                found = found and _alike(found, part, of_file=number == len(path.parts))
            if found is not None and is_file(found):
                return found
        return None

    def _elsewhere(self, written: str) -> Path | None:
        for path in _readings(written):
            if path.anchor and (file := self._moved(path)):
                return file
        if self.searched and len(PureWindowsPath(written).parts) == 1:
            return self._search(written)
        return None

    def _moved(self, path: PurePath) -> Path | None:
        """The file of an absolute path of another machine."""
        parts = path.parts
        if self.moved is not None:
            cut = len(self.moved)
            rest = self.base.joinpath(*parts[cut:])
            return rest if parts[:cut] == self.moved and len(parts) > cut and is_file(rest) else None
        for cut in range(1, len(parts)):
            if is_file(rest := self.base.joinpath(*parts[cut:])):
                self.moved = parts[:cut]
                return rest
        return None

    def _search(self, name: str) -> Path | None:
        if self._below is None:
            self._below = _index(self.base)
        files = self._below.get(unicodedata.normalize("NFC", name), [])
        if len(files) > 1:
            raise BadData(f"{name!r} could be {files[0]} or {files[1]}", "Write their paths in the list.")
        return files[0] if files else None


def is_file(path: Path) -> bool:
    """Whether there is a file; not for a name that no file can have."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, has a zero byte, or is not Unicode
        return False


def _alike(folder: Path, name: str, *, of_file: bool) -> Path | None:
    """The child of a folder that has this name but for case; of a file, but for its suffix, too."""
    try:
        children = [folder / ".."] if name == ".." else sorted(folder.iterdir())
    except OSError:
        return None

    def plain(path: PurePath) -> str:
        return (path.stem if of_file and path.suffix.lower() in IMAGE_SUFFIXES else path.name).casefold()

    return next((child for child in children if plain(child) == plain(PurePath(name))), None)


def _readings(written: str) -> Iterator[PurePath]:
    """The path as it is written, in the Unicode forms of other systems, and with the separators of Windows."""
    for text in dict.fromkeys((written, *(unicodedata.normalize(form, written) for form in ("NFC", "NFD")))):
        yield PurePosixPath(text)
        if "\\" in text:
            windows = PureWindowsPath(text)
            yield windows if windows.anchor else PurePosixPath(*windows.parts)


def _index(folder: Path) -> dict[str, list[Path]]:
    """The images below the folder by their names, and by their names without the suffix of an image."""
    found: dict[str, list[Path]] = defaultdict(list)
    for file in walker.walk(folder).images:
        name = unicodedata.normalize("NFC", file.name)
        stem, suffix = os.path.splitext(name)  # noqa: PTH122  (of a name)
        for key in {name, stem if suffix.lower() in IMAGE_SUFFIXES else name}:
            found[key].append(file)
    return dict(found)
