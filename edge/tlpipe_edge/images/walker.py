"""Finds the images below a folder, by the suffix of their names."""

from pathlib import Path

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp"})
"""The suffixes of ``decode.FORMATS``, in lower case."""


def images_below(folder: Path) -> list[Path]:
    """The image files below ``folder``, at any depth, in sorted order."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
