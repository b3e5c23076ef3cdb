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
    """Parse strict JSON: every number fits a float.

    Raise ValueError, with the path of a number that does not fit, or RecursionError if it is nested too deep.
    """
    infinite: list[str] = []

    def number(digits: str) -> float:
        if not math.isfinite(found := float(digits)):
            infinite.append(digits)
        return found

    def integer(digits: str) -> float:
        return int(digits) if math.isfinite(found := number(digits)) else found

    document = json.loads(text, parse_constant=number, parse_float=number, parse_int=integer)
    if infinite:
        raise ValueError(f"{_path_of_infinite(document)}: {infinite[0][:20]} is not a finite number".removeprefix(": "))
    return document


def _path_of_infinite(document: Any) -> str:
    """The path of the first number that is not finite, such as ``results[0].bytes``; empty if the document is one."""
    waiting = [("", document)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, float) and not math.isfinite(value):
            return path.removeprefix(".")
        if isinstance(value, dict):
            waiting += reversed([(f"{path}.{key[:40]}", each) for key, each in value.items()])
        elif isinstance(value, list):
            waiting += reversed([(f"{path}[{place}]", each) for place, each in enumerate(value)])
    return ""
