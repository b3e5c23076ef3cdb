"""The formats of the result: how a row is written, by the suffix of the file."""

import csv
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tlpipe.scoring import parquet
from tlpipe.scoring.work import Row
from tlpipe.storage import spreadsheet
from tlpipe_edge.errors import WrongUsage, listed


@dataclass(frozen=True)
class Format:
    """``head`` is before all rows, for so many labels in a row; ``line`` writes a row. With ``convert``, that writes
    the result from all lines at the end."""

    head: Callable[[int], bytes]
    line: Callable[[Row, int], bytes]
    convert: Callable[[io.BufferedReader, Path], None] | None = None


def of(file: Path) -> Format:
    """The format of a file. Raise WrongUsage if its suffix is unknown, Unavailable if its library is not installed."""
    known = FORMATS.get(file.suffix.lower())
    if known is None:
        raise WrongUsage("unknown format of the result", f"Name a file that ends in {listed(FORMATS)}.", where=file)
    if known.convert is not None:
        parquet.check_installed()
    return known


def _csv(cells: list[str | float]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(spreadsheet.cell(cell) if isinstance(cell, str) else cell for cell in cells)
    return text.getvalue().encode()


def _csv_head(top_k: int) -> bytes:
    further = [f"{name}_{rank}" for rank in range(2, top_k + 1) for name in ("label", "score")]
    return _csv(["source", "label", "score", *further, "error"])


def _csv_line(row: Row, top_k: int) -> bytes:
    best: list[str | float] = [cell for each in row.best for cell in (each.label, each.score)]
    return _csv([row.source, *best, *("" for _ in range(2 * top_k - len(best))), row.error])


def _json_line(row: Row, _: int) -> bytes:
    """As in the document of ``tlpipe-edge classify --json``."""
    best = [{"label": each.label, "score": each.score} for each in row.best]
    first = best[0] if best else {"label": None, "score": None}
    document = {"source": _unicode(row.source), **first, "top_k": best, "error": _unicode(row.error) or None}
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def _unicode(text: str) -> str:
    """A name that is not Unicode has surrogates for its bytes, which neither JSON nor Parquet can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


FORMATS = {
    ".csv": Format(_csv_head, _csv_line),
    ".jsonl": Format(lambda _: b"", _json_line),
    parquet.SUFFIX: Format(lambda _: b"", _json_line, parquet.write),
}
