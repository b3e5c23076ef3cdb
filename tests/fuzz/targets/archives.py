"""Zip and tar archives of images and lists."""

import bz2
import gzip
import io
import lzma
import shutil
import tarfile
import zipfile
from pathlib import Path
from random import Random

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import photographs
from tlpipe.data import archive, loading
from tlpipe.storage import cache


def prepare(folder: Path) -> Fuzzed:
    files = {f"photos/{name}": content for name, content in photographs().items()}
    table = "path,label\n" + "".join(f"{name},{name[0]}\n" for name in photographs())
    listed = files | {"photos/list.csv": table.encode(), "photos/notes.txt": b"no image"}
    plain = [_tar(files, form) for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)]
    packed = [gzip.compress(plain[0]), bz2.compress(plain[0]), lzma.compress(plain[0])]
    here = folder / "here"
    here.mkdir()
    file = here / "archive"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        try:
            if archive.is_archive(file):
                unpacked = archive.unpacked(file)
                assert all(each.is_relative_to(unpacked.folder) for each in unpacked.folder.rglob("*"))
                loading.load(file)
        finally:
            for descriptor in cache._held.values():
                archive.os.close(descriptor)
            cache._held.clear()
            shutil.rmtree(cache.folder() / cache.ARCHIVES, ignore_errors=True)
            there = [path.name for each in (here, cache.folder()) for path in each.iterdir()]
            assert there == [file.name], f"written outside of the folder of an archive: {there}"

    return Fuzzed(read, [_zip(files), _zip(listed), *plain, *packed], mutate)


_zip_members = mutations.members(mutations.octets())
_octets = mutations.octets()


def mutate(content: bytes, random: Random) -> bytes:
    if content.startswith(b"PK"):
        return _zip_members(content, random)
    return (_octets if content.startswith((b"\x1f\x8b", b"BZh", b"\xfd7z")) else mutations.tar_headers)(content, random)


def _zip(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content)
    return out.getvalue()


def _tar(files: dict[str, bytes], form: int) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        info = tarfile.TarInfo("photos/cat/again.jpg")
        info.type, info.linkname = tarfile.LNKTYPE, "photos/cat/0.jpg"
        made.addfile(info)
    return out.getvalue()
