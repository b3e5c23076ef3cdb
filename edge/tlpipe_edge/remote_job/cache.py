"""The cache on a device: the received files, by their sha256, and the folders made of them.

It is below a folder whose lock the bootstrap holds (tlpipe/remote/agent.py):

    files/SHA256    received files, complete and checked
    trees/KEY       a bundle with its images: links to files
    venvs/KEY       virtual environments, which the bootstrap makes
    wheels          for a virtual environment that the bootstrap has not made yet

Everything is made in a temporary folder and then moved, so a job can be killed at any time.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import BinaryIO

from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.errors import BadData
from tlpipe_edge.remote_job.messages import File

KEPT_TREES, KEPT_VENVS = 3, 2
_CHUNK = 1 << 18


class Cache:
    """The files and folders below ``root``. ``temporary`` is an empty folder on the same file system."""

    def __init__(self, root: Path, temporary: Path) -> None:
        self._root, self._temporary = root, temporary
        self._files, self._trees, self._venvs = root / "files", root / "trees", root / "venvs"
        for folder in (self._files, self._trees):
            folder.mkdir(exist_ok=True)

    @property
    def free(self) -> int:
        """Free bytes on its disk."""
        return shutil.disk_usage(self._root).free

    def holds(self, sha256: str) -> bool:
        """Whether there is a file with this sha256; a damaged one is removed."""
        file = self._files / sha256
        if not file.exists():
            return False
        intact = sha256_of(file) == sha256
        if not intact:
            file.unlink()
        return intact

    def receive(self, stream: BinaryIO, size: int, sha256: str) -> None:
        """Receive a file of ``size`` bytes. Raise BadData if its sha256 differs, EOFError if it ends early."""
        part = self._temporary / "part"
        with part.open("wb") as written:
            while size:
                content = stream.read(min(size, _CHUNK))
                if not content:
                    raise EOFError
                written.write(content)
                size -= len(content)
        if sha256_of(part) != sha256:
            raise BadData("a file changed while it was sent", "Run it again.")
        part.replace(self._files / sha256)

    def tree(self, files: Sequence[File]) -> Path:
        """A new folder with these files, which replaces an older one when it is complete."""
        listing = json.dumps(sorted((file.path, file.sha256) for file in files))
        path = self._trees / hashlib.sha256(listing.encode()).hexdigest()[:16]
        new = self._temporary / "tree"
        (new / "content").mkdir(parents=True)
        for file in files:
            self._link(file.sha256, new / "content" / file.path)
        (new / "listing.json").write_text(listing, "utf-8")
        if path.exists():
            path.replace(self._temporary / "old")
        new.replace(path)
        os.utime(path)
        return path / "content"

    def prune(self, *, keep: Collection[str] = ()) -> None:
        """Keep the newest trees and virtual environments, and the files of these trees and of ``keep``."""
        shutil.rmtree(self._root / "wheels", ignore_errors=True)
        for old in [*_newest(self._trees)[KEPT_TREES:], *_newest(self._venvs)[KEPT_VENVS:]]:
            if old == Path(sys.prefix):  # in use by this process: it may look old if the clock was set back
                continue
            shutil.rmtree(old, ignore_errors=True)
        needed = set(keep)
        for path in self._trees.iterdir():
            # If it is damaged, it is made again when it is needed.
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                needed |= {sha256 for _, sha256 in json.loads((path / "listing.json").read_text("utf-8"))}
        for file in self._files.iterdir():
            if file.name not in needed:
                file.unlink()

    def _link(self, sha256: str, file: Path) -> None:
        """Link ``file`` to the content; copy it if the file system has no links."""
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(self._files / sha256, file)
        except FileExistsError:  # a copy would be written into the linked file of the cache
            raise
        except OSError:
            shutil.copyfile(self._files / sha256, file)


def _newest(folder: Path) -> list[Path]:
    """The entries of a folder, the newest first."""
    return sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
