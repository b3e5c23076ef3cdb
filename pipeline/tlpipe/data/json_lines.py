"""Reads JSON Lines: an object on each line, with a path, a label and perhaps a split."""

import codecs
import re
from pathlib import Path

from tlpipe.data import columns
from tlpipe.data.columns import Columns
from tlpipe.data.rows import LabelList, Row, check_label, incomplete, named, read_text
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.errors import BadData

ADVICE = 'JSON Lines have an object on each line: {"path": "1.jpg", "label": "cat"}.'
_HEAD = 4096
"""Bytes that tell what a file is."""
_FROM_ARRAY = "jq -c '.[]' writes an array so."


def read(file: Path) -> LabelList:
    """Read JSON Lines. The names of the keys are those of the first object.

    Raise BadData if a line is not a JSON object, or has no path or label.
    """
    text, encoding = read_text(file)
    refuse_array(text, file)
    found: Columns | None = None
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines: a string may hold U+2028
        if line.strip():
            where = f"{file}, line {number}"
            row = parsed(line, where)
            found = found or columns.find(tuple(row), where=where)
            rows.append(_row(row, found, number, where))
    return LabelList(file, named(f"JSON Lines, {found or 'empty'}", encoding), tuple(rows))


def names(file: Path) -> tuple[str, ...]:
    """The keys of the first object; empty if the file is. Raise BadData if it is no JSON Lines."""
    text, _ = read_text(file)
    first = next((line for line in text.split("\n") if line.strip()), "{}")
    return tuple(parsed(first, f"{file}, line 1"))


def advice_for(file: Path) -> str:
    """What to do with a .json file, which may be an array, JSON Lines by another name, or something else."""
    try:
        with file.open("rb") as stream:
            head = stream.read(_HEAD).removeprefix(codecs.BOM_UTF8)
    except OSError:
        return ADVICE
    if re.match(rb"\s*\[", head):
        return f"{ADVICE} {_FROM_ARRAY}"
    is_lines = re.match(rb"\s*\{[^\n]*\}\s*(\n|$)", head)
    return f"{ADVICE} Name such a file .jsonl." if is_lines else ADVICE


def refuse_array(text: str, file: Path) -> None:
    """Raise BadData for an array of objects, as most programs write JSON."""
    if re.match(r"\s*\[\s*\{", text):
        raise BadData("a JSON array, not JSON Lines", f"{ADVICE} {_FROM_ARRAY}", where=file)


def parsed(line: str, where: str) -> dict[str, object]:
    """The object on a line. Raise BadData if it is none."""
    try:
        found = parse_json(line)
    except (ValueError, RecursionError) as error:
        raise BadData(f"not JSON ({error})", ADVICE, where=where) from error
    if not isinstance(found, dict):
        raise BadData("not a JSON object", ADVICE, where=where)
    return found


def _row(row: dict[str, object], found: Columns, number: int, where: str) -> Row:
    keys = [found.names[place] if place is not None else "" for place in (found.path, found.label, found.split)]
    by_name = {key.strip(): value for key, value in row.items()}
    path, label, split = (text_of(by_name.get(key), key, where) for key in keys)
    if not path or not label:
        raise incomplete(keys[1] if path else keys[0], where=where)
    check_label(label, where=where)
    return Row(number, path, label, split)


def text_of(value: object, key: str, where: str) -> str:
    """A JSON value as a text, as a CSV would have it. Raise BadData for a list or an object."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value).strip()
    what = "a list" if isinstance(value, list) else "an object"
    raise BadData(f"{key} is {what}", "Each image needs one path and one label, a text or a number.", where=where)
