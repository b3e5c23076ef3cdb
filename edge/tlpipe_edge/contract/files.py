"""Reads files that travel between workstation and device: with a size limit, as strict JSON, and by their sha256."""

import hashlib
import json
import math
from io import BufferedReader
from pathlib import Path
from typing import Any

from tlpipe_edge.errors import BadData, MissingInput

MAX_BYTES = 256_000_000
"""Limit for one file of a bundle; MobileNetV2 1.4 in float32 has 25 million bytes."""


def read(file: Path) -> bytes:
    """The bytes of a model or manifest. Raise BadData if there are more than ``MAX_BYTES``."""
    with file.open("rb") as stream:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise BadData(f"more than {MAX_BYTES // 10**6} MB", "Name a model or bundle that tlpipe exported.", where=file)
    return content


def sha256_of(file: Path | BufferedReader) -> str:
    """The sha256 of a file, in hexadecimal; of an open file, that of the rest. Raise OSError."""
    if isinstance(file, Path):
        with file.open("rb") as stream:
            return sha256_of(stream)
    return hashlib.file_digest(file, "sha256").hexdigest()


def load_json(file: Path) -> Any:
    """The JSON of a file. Raise MissingInput if there is no file, BadData if it is not JSON or cannot be read."""
    if not file.is_file():
        raise MissingInput("no such file or bundle", "Check the path.", where=file)
    try:
        return parse_json(read(file))
    except (ValueError, RecursionError) as error:
        raise BadData(f"not valid JSON ({error})", "Create it again.", where=file) from error
    except OSError as error:
        raise BadData(f"cannot be read ({error.strerror})", "Check the file.", where=file) from error


def parse_json(text: str | bytes) -> Any:
    """Parse strict JSON: every number fits a float. Raise ValueError, or RecursionError if it is nested too deep."""

    def finite(digits: str) -> float:
        if not math.isfinite(number := float(digits)):
            raise ValueError(f"{digits[:20]} is not a finite number")
        return number

    def integer(digits: str) -> int:
        finite(digits)
        return int(digits)

    return json.loads(text, parse_constant=finite, parse_float=finite, parse_int=integer)
