"""Writes the report on a bundle and its measurements: JSON, and from that HTML, Markdown and CSV."""

from collections.abc import Sequence
from pathlib import Path

from tlpipe.reporting import inputs
from tlpipe.reporting.derive import compose
from tlpipe.reporting.document import Report
from tlpipe.reporting.inputs import BenchSource, Sources
from tlpipe.reporting.render import markdown, page, sheet
from tlpipe.storage import atomic
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle

REPORT = "report.json"
PAGE = "report.html"


def of_paths(paths: Sequence[Path], out: Path, *, overwrite: bool = False) -> Report:
    """Report on a bundle (a folder) and documents of ``bench`` (files), as ``tlpipe report`` does.

    Raise the errors of ``inputs.read``, and WrongUsage if ``out`` exists and ``overwrite`` is not set.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=REPORT)
    return _write(inputs.read(paths), out, overwrite=overwrite)


def of_run(bundle: Bundle, benches: Sequence[Bench], out: Path, *, overwrite: bool = False) -> Report:
    """Report on a bundle and benchmarks without files: their source is the command that made them."""
    sources = [BenchSource(bench.conditions.command or "tlpipe bench", bench) for bench in benches]
    return _write(inputs.gather(bundle, sources), out, overwrite=overwrite)


def _write(found: Sources, out: Path, *, overwrite: bool) -> Report:
    report = compose.report(found)
    with atomic.directory(out, overwrite=overwrite, marker=REPORT) as partial:
        (partial / "report.md").write_text(markdown.render(report), "utf-8")
        (partial / PAGE).write_text(page.render(report), "utf-8")
        (partial / "report.csv").write_text(sheet.render(report), "utf-8", newline="")
        (partial / REPORT).write_text(report.to_json(), "utf-8")
    return report
