"""Unpacks the images and the lists of a zip or tar archive, and what says of an image that it is unsorted, into the
cache: once for each content of an archive."""

import contextlib
import errno
import hashlib
import itertools
import json
import os
import shutil
import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tlpipe.data import allowance, listed
from tlpipe.data.allowance import Allowance, short
from tlpipe.data.members import Kind, Member, members, name_of
from tlpipe.data.places import IMAGE_SUFFIXES
from tlpipe.storage import atomic, cache, locks
from tlpipe_edge.console import progress
from tlpipe_edge.contract import kinds, review
from tlpipe_edge.contract.files import parse_json, sha256_of
from tlpipe_edge.errors import BadData, Busy, MissingInput, Unavailable
from tlpipe_edge.images import formats, walker
from tlpipe_edge.machine.cache import ADVICE_IF_FULL, VARIABLE

VERSION = 2
"""Incremented when more or other members are unpacked, so that what an earlier version unpacked is not used."""
_FILES, _MARKER = "files", "unpacked.json"
"""What is in the folder of an archive: its files, and what is known of them, which is written last."""


@dataclass(frozen=True)
class Unpacked:
    """An archive and the ``folder`` in the cache that has its images. ``sha256`` is that of the archive.

    ``notes`` say what was left out.
    """

    archive: Path
    sha256: str
    folder: Path
    notes: tuple[str, ...] = ()

    @property
    def tree(self) -> str:
        """The name of its tree in the cache."""
        return f"{cache.ARCHIVES}/{self.folder.parent.name}"


def is_archive(path: Path) -> bool:
    """Whether a file is a zip or tar archive. Raise BadData if it is an archive of another kind."""
    return path.is_file() and name_of(path) is not None


def unpacked(path: Path, *, sha256: str | None = None) -> Unpacked:
    """The images of an archive, unpacked into the cache unless they are there. They stay there while this process runs.

    ``sha256`` is that of the archive, if it is known: then the archive is not read if its images are in the cache, nor
    are these compared with what was unpacked, for whoever knows it knows the sha256 of each image, too.
    Raise MissingInput if they are not and the archive is gone, BadData if it is damaged, encrypted, hostile, without
    images, or not the archive of this ``sha256``; Unavailable if the disk is full. If another process unpacks the same
    archive, wait for it.
    """
    archive = sha256
    if archive is None:
        with progress.waiting(f"reading {path.name}", seconds=path.stat().st_size / 1e9):
            archive = sha256_of(path)
    name = f"{cache.ARCHIVES}/{archive[:16]}-{VERSION}"
    found = _in_cache(path, name, archive)
    damaged = found is not None and sha256 is None and not _is_intact(found)
    if found is None or damaged:
        if not path.is_file():
            raise gone(path)
        _check_cache()
        waiting = f"another tlpipe process unpacks {path.name}: waiting for it"
        with locks.locked(cache.folder() / f"{name}.unpacking", waiting=waiting):
            found = None if damaged else _in_cache(path, name, archive)
            if found is None:
                _unpack(path, name, archive)
                found = _in_cache(path, name, archive)
        cache.shrink()
    if found is None:
        raise Busy("another tlpipe process removed the unpacked images", "Try again.", where=cache.folder() / name)
    return found


def _in_cache(path: Path, name: str, sha256: str) -> Unpacked | None:
    folder = cache.hold(name)
    if folder is None:
        return None
    try:
        document = parse_json((folder / _MARKER).read_bytes())
        if document["archive"] != sha256 or document["bytes"] != _bytes(folder / _FILES):
            return None  # someone has tidied up
        notes = tuple(str(note) for note in document["notes"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return Unpacked(path, sha256, folder / _FILES, notes)


def _is_intact(unpacked: Unpacked) -> bool:
    """Whether the files are those that were unpacked: the disk may have damaged one since. Not known of an earlier
    version's."""
    size = _bytes(unpacked.folder)
    with progress.waiting(f"checking what is unpacked of {unpacked.archive.name}", seconds=size / 1e9):
        try:
            stored = parse_json((unpacked.folder.parent / _MARKER).read_bytes()).get("sha256")
            return bool(stored == _sha256(unpacked.folder))
        except (OSError, ValueError):
            return False


def _sha256(folder: Path) -> str:
    """The sha256 of the names and contents of the unpacked files."""
    found = hashlib.sha256()
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        found.update(os.fsencode(file.relative_to(folder)) + b"\0" + sha256_of(file).encode())
    return found.hexdigest()


def _unpack(path: Path, name: str, sha256: str) -> None:
    allowed = Allowance(path, allowance.max_bytes(path))
    with atomic.directory(cache.folder() / name, overwrite=True, marker=_MARKER) as folder:
        unpacking = _Unpacking(path, folder / _FILES, allowed, room=shutil.disk_usage(folder).free - cache.KEPT_FREE)
        with contextlib.closing(members(path, max_bytes=allowed.limit)) as found:
            for member in progress.track(found, description=f"unpacking {path.name}"):
                unpacking.add(member)
        if not unpacking.images:
            raise unpacking.no_images()
        if sha256_of(path) != sha256:
            raise BadData("not the archive that the images are from", "Move the right one there.", where=path)
        document = {"schema": 1, "archive": sha256, "bytes": _bytes(folder / _FILES), "notes": unpacking.notes()}
        document["sha256"] = _sha256(folder / _FILES)
        (folder / _MARKER).write_text(json.dumps(document), "utf-8")


def _bytes(folder: Path) -> int:
    """The bytes of the unpacked files."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def gone(path: Path) -> MissingInput:
    """The error for an archive that is not there any more, nor are its images in the cache."""
    return MissingInput("the archive with the images of the run is not there", "Move it back.", where=path)


def _check_cache() -> None:
    """Raise Unavailable if the cache cannot be written."""
    advice = f"Unpack the archive, and name the folder; or name a folder with room for the cache: ${VARIABLE}."
    folder = cache.folder() / cache.ARCHIVES
    try:
        folder.mkdir(parents=True, exist_ok=True)
        atomic.check_writable(folder)
    except OSError as error:
        raise Unavailable(f"cannot be made ({error.strerror})", advice, where=folder) from error
    except Unavailable as error:
        raise Unavailable(error.reason, advice, where=folder) from error


@dataclass
class _Unpacking:
    """Writes members into ``folder``, as far as they are ``allowed``, with ``room`` for so many bytes on the disk."""

    archive: Path
    folder: Path
    allowed: Allowance
    room: int
    images: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    repeated: list[str] = field(default_factory=list)
    alike: list[tuple[str, str]] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    """The archives in the archive, which are not unpacked."""
    guessed: dict[str, str] = field(default_factory=dict)
    """The names whose encoding is a guess, and that encoding."""
    _names: dict[str, str] = field(default_factory=dict)
    """The paths that were written, by how a file system without upper and lower case would compare them."""

    def add(self, member: Member) -> None:
        """Write a member if it could be an image or a list, or is about a kept image. Raise BadData if its path leaves
        the folder."""
        self.allowed.count_member()
        parts = self.allowed.parts(member.name)
        if not parts or not all(map(walker.is_walked, parts)):
            return
        if member.kind is Kind.HARD_LINK:
            self._repeat(self.allowed.parts(member.target), parts)
        elif member.kind is Kind.FILE:
            with contextlib.closing(member.chunks()) as chunks:
                self._file(member, parts, chunks)
        else:
            self.left_out["link" if member.kind is Kind.LINK else "special file"] += 1

    def notes(self) -> list[str]:
        """What is not as in the archive."""
        notes = [f"not used: {self.not_used()}"] if self.left_out else []
        if self.repeated:
            notes.append(f"names that are in it twice: {len(self.repeated)} ({self.repeated[0]}); the last one is used")
        if self.alike:
            one, other = self.alike[0]
            notes.append(f"names that differ in case or Unicode form only: {len(self.alike)} ({one}, {other})")
        if self.guessed:
            name, encoding = next(iter(self.guessed.items()))
            notes.append(f"names that are not in UTF-8, and so read as {encoding}: {len(self.guessed)} ({name})")
        return notes

    def no_images(self) -> BadData:
        """The error for an archive without images."""
        others = self.not_used()
        inner = f"Unpack it, and name {short(self.archives[0])}." if self.archives else "Name another archive."
        return BadData(f"no images in it{others and f', but {others}'}", inner, where=self.archive)

    def not_used(self) -> str:
        """What was left out, as in "1 link, 2 other files"; empty if nothing was."""
        return ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in sorted(self.left_out.items()))

    def _file(self, member: Member, parts: tuple[str, ...], chunks: Iterator[bytes]) -> None:
        first = next(chunks, b"")
        suffix = Path(parts[-1]).suffix.lower()
        is_text = suffix in listed.SUFFIXES or parts[-1].endswith(review.SUFFIX)
        # What is only named as an image is unpacked, too, as ``walker`` tells of it.
        is_image = formats.recognize(first[: formats.HEAD_BYTES]) is not None
        if not is_text and not is_image and suffix not in IMAGE_SUFFIXES:
            if suffix in kinds.ARCHIVES:
                self.archives.append(member.name)
            self.left_out["archive" if suffix in kinds.ARCHIVES else "other file"] += 1
            return
        self.allowed.check_size(member)
        if member.encoding:
            self.guessed["/".join(parts)] = member.encoding
        file = self._place(parts)
        with _writing(self.archive, member.name), file.open("wb") as stream:
            for chunk in itertools.chain([first], chunks):
                self._count(len(chunk))
                stream.write(chunk)
        self.images += not is_text

    def _repeat(self, target: tuple[str, ...], parts: tuple[str, ...]) -> None:
        """A hard link to a member that was written is a copy of it."""
        source = self.folder.joinpath(*target)
        if not target or not source.is_file():
            self.left_out["link"] += 1
            return
        self._count(source.stat().st_size)
        content = source.read_bytes()
        file = self._place(parts)
        with _writing(self.archive, "/".join(parts)):
            file.write_bytes(content)
        self.images += 1

    def _count(self, size: int) -> None:
        """Raise BadData if these bytes are more than images come to, Unavailable if there is no room for them."""
        self.allowed.count_bytes(size)
        if self.allowed.bytes > self.room:
            raise _full(self.archive)

    def _place(self, parts: tuple[str, ...]) -> Path:
        """The file to write, in a folder that exists."""
        name = "/".join(parts)
        other = self._names.setdefault(unicodedata.normalize("NFC", name).casefold(), name)
        file = self.folder.joinpath(*parts)
        if other != name:
            self.alike.append((other, name))
        elif file.exists():
            self.repeated.append(name)
        with _writing(self.archive, name):
            file.parent.mkdir(parents=True, exist_ok=True)
            if other != name and file.exists():
                raise self.allowed.refused(f"{short(other)} and {short(name)}: one name on this file system")
        return file


@contextlib.contextmanager
def _writing(archive: Path, name: str) -> Iterator[None]:
    """Raise BadData for a name that the file system does not take; another OSError is of the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            reason = f"not unpacked: {short(name)}: {error.strerror}"
            raise BadData(reason, "Unpack it yourself, and name the folder.", where=archive) from error
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _full(archive) from error
        raise


def _full(archive: Path) -> Unavailable:
    kept = f"{cache.KEPT_FREE // 10**6} MB are left free"
    reason = f"no room to unpack {archive.name} ({kept})"
    return Unavailable(reason, ADVICE_IF_FULL, where=cache.folder() / cache.ARCHIVES)
