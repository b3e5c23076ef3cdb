"""Reads the two sides of a comparison: a bundle and benchmarks, or a report that was written before."""

from collections.abc import Sequence
from pathlib import Path

from tlpipe.evaluation import per_image
from tlpipe.reporting import inputs, side
from tlpipe.reporting.derive import compose
from tlpipe.reporting.inputs import Sources
from tlpipe.reporting.side import Side
from tlpipe.storage import leftovers
from tlpipe_edge.contract import codec
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.files import load_json
from tlpipe_edge.errors import MissingInput, WrongUsage

REPORT = "report.json"


def of_paths(paths: Sequence[Path], benches: Sequence[Bench] = ()) -> Side:
    """A bundle (a folder), documents of ``bench`` (files) and ``benches``; or a report: report.json, or its folder.

    Raise the errors of ``inputs.read``, WrongUsage if a report is not alone, and BadData if it is damaged.
    """
    leftovers.repair(*(path.parent for path in paths))
    files = [path / REPORT if (path / REPORT).is_file() else path for path in paths]
    for file in files:
        document = load_json(file) if file.is_file() else None
        if side.is_report(document):
            if len(files) + len(benches) > 1:
                raise WrongUsage(
                    "a report is compared alone", "Name it alone, or name its bundle and benchmarks.", where=file
                )
            none = "is a report, which has no per-image predictions: name its bundle"
            return Side(side.summary(document, str(file)), (str(file),), None, none)
    return _of_sources(inputs.read(paths, benches))


def _of_sources(sources: Sources) -> Side:
    summary = side.summary(codec.as_json(compose.report(sources)), "report")
    names = (*([str(sources.bundle.path)] if sources.bundle else []), *(each.name for each in sources.benches))
    if sources.bundle is None:
        return Side(summary, names, None, "has no bundle with per-image predictions: name it as well")
    try:
        return Side(summary, names, per_image.read(sources.bundle))
    except MissingInput as missing:
        return Side(summary, names, None, f"has {missing.reason}: run tlpipe evaluate again")
