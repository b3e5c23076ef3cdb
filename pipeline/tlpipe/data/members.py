"""The members of a zip or tar archive, told by its content. Nothing is written here, and no name is trusted."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import IO, BinaryIO, TypeVar, cast

from tlpipe.data import content
from tlpipe.data.location import Location
from tlpipe_edge.errors import BadData, TlpipeError

CHUNK = 1 << 20
"""Maximum number of bytes that are read at once. A header of a tar may claim any length."""

_COMPRESSIONS: dict[bytes, Callable[[BinaryIO], gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile]] = {
    b"\x1f\x8b": lambda stream: gzip.GzipFile(fileobj=stream),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\0": lzma.LZMAFile,
}
_ZIP = (b"PK\3\4", b"PK\5\6")
_NOT_READ = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "RAR",
    b"\x28\xb5\x2f\xfd": "Zstandard",
    b"PK\7\x08": "multi-part zip",
}
_MARK_BYTES = 8
_ENCRYPTED, _UTF_8 = 0x1, 0x800
"""Flags of a member of a zip."""

T = TypeVar("T")
Chunks = Generator[bytes, None, None]


class Kind(Enum):
    """What a member is. Folders are left out."""

    FILE = auto()
    LINK = auto()
    HARD_LINK = auto()
    SPECIAL = auto()


@dataclass(frozen=True)
class Member:
    """A member of an archive: its name as it is written, and its ``size`` in bytes as the archive states it.

    ``chunks`` reads its content; of the last member that was given only. ``target`` is the name of the member that a
    hard link repeats. ``encoding`` is that of the name if it is a guess.
    """

    name: str
    kind: Kind
    size: int
    chunks: Callable[[], Chunks]
    target: str = ""
    encoding: str = ""


def name_of(path: Location) -> str | None:
    """The kind of an archive, "zip" or "tar", by its content; None if it is neither.

    Raise BadData if it is an archive of another kind.
    """
    head = content.head(path, _MARK_BYTES)
    other = next((name for mark, name in _NOT_READ.items() if head.startswith(mark)), None)
    if other is not None:
        raise BadData(f"a {other} archive, which is not read here", "Unpack it, and name the folder.", where=path)
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(tuple(_COMPRESSIONS)):
        return "tar"  # a compressed file that is no tar is refused when it is read
    try:
        with content.opened(path) as stream:
            return "tar" if head and tarfile.is_tarfile(stream) else None
    except TlpipeError:
        raise
    except Exception:  # as in _guarded
        return None


def members(path: Location, *, max_bytes: int) -> Generator[Member, None, None]:
    """The members of an archive, in its order. A tar may not unpack to more than ``max_bytes``.

    Raise BadData if it is damaged or encrypted.
    """
    return _guarded(_zip(path) if name_of(path) == "zip" else _tar(path, max_bytes), path)


def _guarded(items: Iterator[T], path: Location) -> Generator[T, None, None]:
    """The items, with BadData in the place of what the libraries raise. What the caller raises is not touched."""
    try:
        yield from items
    except TlpipeError:
        raise
    except MemoryError as error:
        raise BadData("needs more memory than there is", "Unpack it, and name the folder.", where=path) from error
    except NotImplementedError as error:  # such as Deflate64, which Windows uses for large files
        reason = f"compressed by a method that is not read here ({error})"
        raise BadData(reason, "Unpack it, and name the folder.", where=path) from error
    except Exception as error:  # for damaged bytes zipfile, tarfile and the decompressors raise at least twelve classes
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadData(f"a damaged archive ({reason})", "Copy or download it again.", where=path) from error


def _zip(path: Location) -> Generator[Member, None, None]:
    with content.opened(path) as stream, zipfile.ZipFile(stream) as archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if any(info.flag_bits & _ENCRYPTED for info in files):
            raise BadData("encrypted with a password", "Unpack it, and name the folder.", where=path)
        for info in files:
            name, encoding = _zip_name(info)
            chunks = _zip_chunks(archive, info, path)
            yield Member(name, _zip_kind(info), info.file_size, chunks, encoding=encoding)


def _zip_chunks(archive: zipfile.ZipFile, info: zipfile.ZipInfo, path: Location) -> Callable[[], Chunks]:
    return lambda: _guarded(_chunks(lambda: archive.open(info)), path)


def _zip_name(info: zipfile.ZipInfo) -> tuple[str, str]:
    """The name with slashes, and its encoding if that is a guess.

    Without the flag of UTF-8, zipfile takes it for cp437; macOS writes UTF-8 without it, and Windows the encoding of
    its language.
    """
    name, encoding = info.filename, ""
    if not info.flag_bits & _UTF_8:
        encoding = "" if name.isascii() else "cp437"
        with suppress(UnicodeError):
            name, encoding = name.encode("cp437").decode(), ""
    return name.replace("\\", "/"), encoding


def _zip_kind(info: zipfile.ZipInfo) -> Kind:
    mode = stat.S_IFMT(info.external_attr >> 16)
    if mode == stat.S_IFLNK:
        return Kind.LINK
    return Kind.FILE if mode in (0, stat.S_IFREG) else Kind.SPECIAL


def _tar(path: Location, max_bytes: int) -> Generator[Member, None, None]:
    with ExitStack() as opened:
        raw = _decompressed(path, opened)
        bounded = _Bounded(raw, path, max_bytes)
        try:
            archive = opened.enter_context(tarfile.open(fileobj=cast("IO[bytes]", bounded), mode="r:"))
        except tarfile.TarError as error:
            raise BadData(f"no tar in it ({error})", "Unpack it, and name what is in it.", where=path) from error
        for info in _headers(archive):
            if not info.isdir():
                yield Member(info.name, _tar_kind(info), info.size, _tar_chunks(archive, info, path), info.linkname)
        bounded.seek(archive.offset)
        end = bounded.read(tarfile.BLOCKSIZE)
        if not end or end.strip(b"\0"):  # a damaged header ends the list for tarfile, as zeros do
            raise tarfile.ReadError("it ends early")


def _headers(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    while (info := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # kept for extraction by name
        yield info


def _tar_chunks(archive: tarfile.TarFile, info: tarfile.TarInfo, path: Location) -> Callable[[], Chunks]:
    return lambda: _guarded(_chunks(lambda: cast("IO[bytes]", archive.extractfile(info))), path)


def _tar_kind(info: tarfile.TarInfo) -> Kind:
    if info.isreg():
        return Kind.FILE
    return Kind.HARD_LINK if info.islnk() else Kind.LINK if info.issym() else Kind.SPECIAL


def _decompressed(path: Location, opened: ExitStack) -> IO[bytes]:
    stream = opened.enter_context(content.opened(path))
    head = stream.read(_MARK_BYTES)
    stream.seek(0)
    opener = next((opener for mark, opener in _COMPRESSIONS.items() if head.startswith(mark)), None)
    return stream if opener is None else cast("IO[bytes]", opened.enter_context(opener(stream)))


def _chunks(opener: Callable[[], IO[bytes]]) -> Chunks:
    with opener() as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


class _Bounded:
    """A stream for tarfile that refuses to give much at once, and to go far: tarfile believes the sizes in headers."""

    def __init__(self, stream: IO[bytes], path: Location, max_bytes: int) -> None:
        self._stream, self._path, self._max_bytes = stream, path, max_bytes

    def read(self, size: int) -> bytes:
        if size > CHUNK:
            raise BadData("a damaged archive (a header that is too long)", "Download it again.", where=self._path)
        return self._stream.read(size)

    def seek(self, place: int) -> int:
        if place > self._max_bytes:
            raise too_much(self._path, self._max_bytes)
        return self._stream.seek(place)

    def tell(self) -> int:
        return self._stream.tell()


def too_much(path: Location, max_bytes: int) -> BadData:
    """The error for an archive that would take more than ``max_bytes``."""
    reason = f"unpacks to more than {max_bytes / 1e9:.1f} GB, which is more than images come to"
    return BadData(reason, "Check where it is from. If it is right, unpack it, and name the folder.", where=path)
