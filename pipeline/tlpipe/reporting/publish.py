"""Writes the report on a bundle and its measurements, or a comparison of two: JSON, and from that other formats."""

from collections.abc import Sequence
from pathlib import Path

from tlpipe.reporting import inputs
from tlpipe.reporting.about import NOTHING_SAID, About
from tlpipe.reporting.comparison import Comparison
from tlpipe.reporting.derive import changes, compose, sides
from tlpipe.reporting.derive.sides import REPORT
from tlpipe.reporting.document import Report
from tlpipe.reporting.inputs import Sources
from tlpipe.reporting.render import markdown, page, sheet
from tlpipe.reporting.side import Side
from tlpipe.storage import atomic
from tlpipe.storage.resume import RESUME, Resume
from tlpipe_edge.console import progress
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of

PAGE = "report.html"
COMPARISON = "comparison.json"
COMPARISON_PAGE = "comparison.html"


def of_paths(paths: Sequence[Path], out: Path, *, about: About = NOTHING_SAID, overwrite: bool = False) -> Report:
    """Report on a bundle (a folder) and documents of ``bench`` (files), as ``tlpipe report`` does.

    ``about`` is its head. Raise the errors of ``inputs.read``, and WrongUsage if ``out`` exists and ``overwrite`` is
    not set.
    """
    atomic.refuse_existing(out, overwrite=overwrite, marker=REPORT)
    return _write(inputs.read(paths), about, out, overwrite=overwrite)


def of_run(
    bundle: Bundle,
    benches: Sequence[Bench],
    out: Path,
    *,
    about: About = NOTHING_SAID,
    overwrite: bool = False,
    resume: Resume = RESUME,
) -> Report:
    """Report on a bundle and benchmarks without files: their source is the command that made them, as a step of which
    this may ``resume``.
    """
    found = inputs.gather(bundle, inputs.without_file(benches))
    return _write(found, about, out, overwrite=overwrite, resume=resume)


def comparison_of_paths(new: Sequence[Path], old: Sequence[Path], out: Path, *, overwrite: bool = False) -> Comparison:
    """Compare two models, each given as a bundle and documents of ``bench``, or as a report (file or folder).

    Raise the errors of ``sides.of_paths``, BadData if their classes differ, and WrongUsage if ``out`` exists and
    ``overwrite`` is not set.
    """
    for path in new:
        if path.resolve() in [each.resolve() for each in old]:
            progress.warn(f"{path}: named as NEW and as OLD")
    atomic.refuse_existing(out, overwrite=overwrite, marker=COMPARISON)
    return comparison(sides.of_paths(new), sides.of_paths(old), out, overwrite=overwrite)


def comparison(new: Side, old: Side, out: Path, *, overwrite: bool = False) -> Comparison:
    """Compare two sides."""
    found = changes.comparison(new, old)
    with atomic.directory(out, overwrite=overwrite, marker=COMPARISON) as partial:
        (partial / "comparison.md").write_text(markdown.compared(found), "utf-8")
        (partial / COMPARISON_PAGE).write_text(page.compared(found), "utf-8")
        (partial / COMPARISON).write_text(found.to_json(), "utf-8")
    return found


def _write(found: Sources, about: About, out: Path, *, overwrite: bool, resume: Resume = RESUME) -> Report:
    report = compose.report(found, about)
    with atomic.directory(out, overwrite=overwrite, marker=REPORT) as partial:
        (partial / "report.md").write_text(markdown.render(report), "utf-8")
        (partial / PAGE).write_text(page.render(report), "utf-8")
        (partial / "report.csv").write_text(sheet.render(report), "utf-8", newline="")
        (partial / REPORT).write_text(report.to_json(), "utf-8")
        resume.made(sha256_of(partial / REPORT))
    return report
