"""Runs and bundles as versions without checksums wrote them, which a test can edit."""

import json
from pathlib import Path

from tlpipe_edge.contract import checksums


def without_checksums(folder: Path) -> Path:
    """Remove the checksums from a run or bundle, or from all of them below ``folder``; gives ``folder``."""
    for name in ("manifest.json", "evaluation.json", "config.json", "run.json"):
        for file in folder.rglob(name):
            document = json.loads(file.read_text("utf-8"))
            file.write_text(json.dumps({key: document[key] for key in document if key not in (checksums.KEY, "files")}))
    return folder
