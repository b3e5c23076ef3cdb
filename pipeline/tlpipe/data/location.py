"""Where a thing lies: at a path of this machine, or in a bucket of an object store."""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from tlpipe_edge.camera import address
from tlpipe_edge.errors import WrongUsage

SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_ONE_SLASH = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/(?!/)")
"""What pathlib makes of a URL."""
_ADVICE = f"Name a path of this machine, or {SCHEME}BUCKET/PREFIX."


@dataclass(frozen=True)
class Remote:
    """An object, or all objects below a prefix or in a bucket, by its ``url``: s3://bucket/key."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def bucket(self) -> str:
        """The name of the bucket."""
        return self.url[len(SCHEME) :].partition("/")[0]

    @property
    def key(self) -> str:
        """What is behind the bucket and a slash; "" is the bucket itself."""
        return self.url[len(SCHEME) :].partition("/")[2]

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rstrip("/").rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The suffix of the name, as of a path."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> "Remote":
        """What the name is in."""
        return self.beside(self.key.rstrip("/").rpartition("/")[0])

    def beside(self, key: str) -> "Remote":
        """Another key of the same bucket."""
        return Remote(f"{SCHEME}{self.bucket}/{key}")

    def joined(self, relative: str) -> "Remote | None":
        """What a relative path, as one of a list, leads to from here; None if that is outside of the bucket."""
        parts: list[str] = []
        for part in f"{self.key}/{relative}".split("/"):
            if part == ".." and not parts:
                return None
            if part == "..":
                parts.pop()
            elif part not in ("", "."):
                parts.append(part)
        return self.beside("/".join(parts))


Location = Path | Remote


def is_remote(written: str) -> bool:
    """Whether a text names something in an object store."""
    return written.startswith(SCHEME)


def remote(written: str) -> Remote:
    """What a URL of the scheme s3 names. Raise WrongUsage if it has no bucket."""
    found = Remote(written)
    if not _BUCKET.fullmatch(found.bucket):
        reason = "not the name of a bucket" if found.bucket else "no bucket"
        shown = "" if "@" in written else f"{SCHEME}{found.bucket}"  # which is no password
        raise WrongUsage(reason, f"Write {SCHEME}BUCKET/PREFIX.", where=shown)
    return found


def located(written: Path | str) -> Location:
    """What the user has named. Raise WrongUsage if it is a URL of another scheme, or none that is whole."""
    text = str(written)
    if is_remote(text):
        return remote(text)
    if address.has_scheme(text):
        if text.strip().lower().startswith("file:"):
            raise WrongUsage("a URL, not a path", "Write the path without file://.")
        shown = address.shown(text)
        reason = f"a URL that is not read here{f': {shown}' if address.is_url(shown) else ''}"
        raise WrongUsage(reason, f"{_ADVICE} Download what is elsewhere.")
    if lost_a_slash(Path(written)):
        advice = f"Write {SCHEME}BUCKET/PREFIX, in Python as text: a Path drops a slash."
        raise WrongUsage("neither a path nor a URL", advice, where=text if text.startswith("s3:") else "")
    return Path(written)


def lost_a_slash(path: Path) -> bool:
    """Whether a path is what pathlib makes of a URL."""
    return _ONE_SLASH.match(str(path)) is not None and not Path(path.parts[0]).exists()


def with_slashes(written: str) -> str:
    """A path of a list, with the separators of keys in the place of those of Windows."""
    return PureWindowsPath(written).as_posix() if "\\" in written else written
