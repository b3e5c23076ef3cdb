"""The files of a data set by split, and the names of splits."""

from pathlib import Path

Listing = dict[str, list[tuple[Path, str]]]
"""(file, label) of each image by split; without splits, all are in "train". Labels are in Unicode NFC."""

SPLITS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "test": "test",
    "testing": "test",
}
"""The name of a split in a folder or a list, in lower case -> its name here."""
