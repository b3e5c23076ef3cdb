"""Images for lists and archives: two classes of files that begin as JPEGs do."""

from pathlib import Path

CLASSES = ("cat", "dog")
COUNT = 4


def image(text: str) -> bytes:
    """The bytes of a file that is recognized as an image, and differs by ``text``."""
    return b"\xff\xd8\xff\xe0" + text.encode()


def images(folder: Path) -> Path:
    """A folder per class, of ``COUNT`` images each."""
    for path in paths():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(image(path))
    return folder


def paths() -> list[str]:
    """The paths of the ``images``."""
    return [f"{label}/{number}.jpg" for label in CLASSES for number in range(COUNT)]


def label(path: str) -> str:
    """The class of a path."""
    return path.split("/")[-2]
