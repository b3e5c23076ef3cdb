"""Examples that cannot be read: found, warned of, and marked."""

from collections.abc import Sequence

from tlpipe.data.dataset import Dataset, Unreadable
from tlpipe.features.extractor import Extractor
from tlpipe_edge.console import progress
from tlpipe_edge.errors import BadData


def checked(extractor: Extractor, photographs: Dataset, *, strict: bool) -> Dataset:
    """The data with what cannot be read marked as such, after a warning for each of these."""
    unreadable = [
        each
        for split in photographs.splits
        for each in extractor.unreadable(photographs.readable(split), what=f"reading {split} images")
    ]
    warn_of_unreadable(unreadable, strict=strict)
    return photographs.marked(unreadable)


def warn_of_unreadable(unreadable: Sequence[Unreadable], *, strict: bool) -> None:
    """Warn of photographs that cannot be read; raises BadData with ``strict``."""
    for each in unreadable:
        progress.warn(f"{each.file}: {each.reason}; left out")
    if unreadable and strict:
        first = unreadable[0]
        raise BadData(f"{first.file}: {first.reason} ({len(unreadable)} unreadable in all)", "Mend or remove them.")
