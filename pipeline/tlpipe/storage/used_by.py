"""Which trees of the cache a run uses, so that a person can find them again by the run. Kept in the cache."""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tlpipe.storage import cache
from tlpipe_edge.console import progress
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import TlpipeError, Unavailable


@dataclass(frozen=True)
class Use:
    """The ``trees`` that the ``run`` uses, by their names in the cache."""

    run: str
    trees: tuple[str, ...]


def record(run: Path, trees: Iterable[str], *, anew: bool) -> None:
    """The run uses these trees: alone if it is made ``anew``, or else besides those that it used before. They are
    there from now on, and held.

    If that cannot be stored, there is a warning: the run does not need it.
    """
    trees = list(trees)
    for tree in trees:
        cache.hold(tree, make=True)
    name = _name(run)
    before = None if anew else _read(cache.folder() / name)
    known = () if before is None else before.trees
    use = Use(str(run.absolute()), tuple(dict.fromkeys([*known, *trees])))
    if use != before:
        try:
            cache.put(name, json.dumps(codec.as_json(use)).encode("utf-8", "surrogateescape"))
        except Unavailable as error:
            progress.warn(f"tlpipe cache will not know what is of {run}: {error.what}")


def forget(run: str) -> None:
    """Nothing in the cache is of this run any more."""
    (cache.folder() / _name(Path(run))).unlink(missing_ok=True)


def _name(run: Path) -> str:
    return f"{cache.RECORDS}/{hashlib.sha256(os.fsencode(run.absolute())).hexdigest()[:24]}.json"


def uses() -> list[Use]:
    """All that are recorded, by the path of the run. A damaged record is passed over."""
    found = (_read(cache.folder() / name) for name in cache.names(cache.RECORDS))
    return sorted((use for use in found if use is not None), key=lambda use: use.run)


def _read(file: Path) -> Use | None:
    with contextlib.suppress(TlpipeError):
        use: Use = codec.read(Use, load_json(file), str(file))
        return use
    return None
