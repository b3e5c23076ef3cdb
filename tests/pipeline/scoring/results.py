"""What a result says."""

import csv
import json
from pathlib import Path
from typing import Any


def rows(file: Path) -> list[dict[str, Any]]:
    """The rows of a result that is text."""
    if file.suffix == ".csv":
        with file.open(newline="", encoding="utf-8") as stream:
            return list(csv.DictReader(stream))
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]
