"""Before features are extracted: whether there is room for them on the disk of the cache."""

import shutil
from collections.abc import Sequence

from tlpipe.features.extractor import Extractor, Pass
from tlpipe.storage import cache
from tlpipe_edge.console.text import size
from tlpipe_edge.errors import Unavailable


def check(extractor: Extractor, passes: Sequence[Pass]) -> None:
    """Hold what the cache has of these passes, so that nothing of it is deleted to make room for the rest.

    Raise Unavailable if the disk has no room for the rest and, besides, for results.
    """
    missing = sum(extractor.missing(each) for each in passes)
    if not missing:
        return
    needed = missing * extractor.row_bytes()
    kept = min(needed, cache.KEPT_FREE)
    if needed + kept > _free():
        cache.shrink(keep_since=extractor.started)
    if needed + kept <= _free():
        return
    views = f" in {len({each.view for each in passes})} views" if len(passes) > 1 else ""
    usable = size(max(_free() - kept, 0))
    raise Unavailable(
        f"no room for the features of the images{views}: they need {size(needed)}, and {usable} can be used",
        f"Use fewer views (tlpipe train --views), clear the cache, which has {size(cache.size())} (tlpipe cache "
        "--clear), or name a folder on another disk with --cache DIR.",
        where=cache.folder(),
    )


def _free() -> int:
    return shutil.disk_usage(cache.folder()).free
