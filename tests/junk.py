"""A folder of images as systems and programs leave it: what is no image in it, and how it is told."""

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

APPLE_DOUBLE = b"\x00\x05\x16\x07" + bytes(78)
PASSED_OVER = (
    "7 hidden files",
    "3 hidden folders",
    "7 system files",
    "4 system folders",
    "4 sidecar files",
    "3 text files",
    "1 document",
    "1 archive",
    "2 videos",
    "2 other files",
    "1 device, pipe or socket",
    "1 link to a folder that it is in",
    "1 empty file",
    "2 files that are named as images but are none",
    "1 link to nothing",
    "1 raw photograph",
    "1 JPEG 2000 image",
)
"""What ``strew`` leaves, as the line on what is passed over counts it."""
NAMES = ("photo.jfif", "8f14e45fceea167a", "Photo.JPE", "IMG_1.HEIC", os.fsdecode(b"caf\xe9.txt"))
"""Of images in ``rename``."""


def strew(folder: Path, label: str) -> None:
    """Leave one or several of each kind in ``folder``, most of them in its class folder ``label``."""
    inner = folder / label
    picture = cv2.imencode(".jpg", np.zeros((48, 48, 3), np.uint8))[1].tobytes()
    for name in ("._1.jpg", "._2.jpg", ".DS_Store", ".picasa.ini", ".1.jpg.swp", ".nomedia"):
        (inner / name).write_bytes(APPLE_DOUBLE if name.startswith("._") else b"hidden")
    (folder / ".gitignore").write_text("*")
    for hidden in (folder / ".Trash-1000", inner / ".ipynb_checkpoints", inner / ".thumbnails"):
        _filled(hidden, picture)
    for name in ("Thumbs.db", "ehthumbs.db", "desktop.ini", "Icon\r"):
        (inner / name).write_bytes(b"system")
    (folder / "THUMBS.DB").write_bytes(b"system")
    (inner / "without-dots.jpg").write_bytes(APPLE_DOUBLE)
    (inner / "AFP_AfpInfo").write_bytes(APPLE_DOUBLE)
    for system in (folder / "__MACOSX", folder / "$RECYCLE.BIN", folder / "lost+found", inner / "@eaDir"):
        _filled(system, picture)
    for name in ("1.xmp", "1.aae", "_annotations.json"):
        (inner / name).write_text("a sidecar")
    (inner / "clip.THM").write_bytes(picture)
    for name in ("classes.txt", "labels.csv"):
        (inner / name).write_text("a text")
    (folder / "README.md").write_text("a text")
    (inner / "paper.pdf").write_bytes(b"%PDF-1.7")
    (folder / "photos.zip").write_bytes(b"PK\x03\x04")
    for name in ("live.MOV", "clip.mp4"):
        (inner / name).write_bytes(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ")
    for name in ("LICENSE", "weights.bin"):
        (inner / name).write_bytes(b"something")
    os.mkfifo(inner / "pipe.jpg")
    (inner / "loop").symlink_to("..")
    (inner / "empty.jpg").touch()
    (inner / "page.jpg").write_text("<!DOCTYPE html><title>404</title>")
    (inner / "zeros.png").write_bytes(bytes(100))
    (inner / "gone").symlink_to("nowhere")
    (inner / "raw.CR2").write_bytes(b"II*\0\x10\0\0\0CR\x02\0" + bytes(100))
    (inner / "scan.jpg").write_bytes(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(100))


def rename(folder: Path, label: str, files: Sequence[Path]) -> None:
    """Copies of ``files`` by names that do not tell that they are images, one of them behind a link to a folder."""
    for name, file in zip(NAMES, files, strict=True):
        shutil.copy(file, folder / label / name)
    elsewhere = folder.parent / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(files[0], elsewhere / "linked.jpg")
    (folder / label / "session 2").symlink_to(elsewhere)
    (folder / label / "session 3").symlink_to(elsewhere)


def counted(line: str) -> set[str]:
    """The kinds in such a line, without the names of the first ones."""
    return {re.sub(r" \(.*\)", "", part) for part in re.split(r", (?=\d)", line)}


def _filled(folder: Path, picture: bytes) -> None:
    folder.mkdir()
    (folder / "1.jpg").write_bytes(picture)
