"""The report on a bundle and on what was measured of it: JSON, and from that a page, Markdown, and a table as CSV."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tlpipe.report import inputs
from tlpipe.report.derive import compose
from tlpipe.report.document import Report
from tlpipe.report.inputs import Sources
from tlpipe.report.render import markdown, page, sheet
from tlpipe.storage import atomic
from tlpipe_edge.contract.bundle import Bundle

REPORT = "report.json"
PAGE = "report.html"


def of_paths(paths: Sequence[Path], out: Path, *, overwrite: bool = False) -> Report:
    """Report on bundles (folders) and documents of ``bench`` (files), as ``tlpipe report`` does.

    Raises what ``inputs.read`` raises, and WrongUsage where ``out`` exists and is not to be overwritten.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=REPORT)
    return _write(inputs.read(paths), out, overwrite=overwrite)


def of_run(bundle: Bundle, benches: Sequence[dict[str, Any]], out: Path, *, overwrite: bool = False) -> Report:
    """The same of a bundle and of documents of ``bench`` that are from no file: they go by their commands."""
    documents = [(document["conditions"]["command"], json.loads(json.dumps(document))) for document in benches]
    return _write(inputs.gather(bundle, documents), out, overwrite=overwrite)


def _write(found: Sources, out: Path, *, overwrite: bool) -> Report:
    report = compose.report(found)
    with atomic.directory(out, overwrite=overwrite, marker=REPORT) as partial:
        (partial / "report.md").write_text(markdown.render(report), "utf-8")
        (partial / PAGE).write_text(page.render(report), "utf-8")
        (partial / "report.csv").write_text(sheet.render(report), "utf-8", newline="")
        (partial / REPORT).write_text(report.to_json(), "utf-8")
    return report
