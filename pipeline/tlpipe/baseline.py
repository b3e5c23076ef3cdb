"""A benchmark against a stored one of the same device and model: what got worse."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlpipe import progress
from tlpipe_edge.bench import SCHEMA
from tlpipe_edge.errors import BadData, GateNotMet, MissingInput, Unavailable

_ADVICE = "Store one with tlpipe bench --out FILE."


@dataclass(frozen=True)
class Limits:
    """How many times as slow, and by how much less accurate (a share) a result may be than the stored one."""

    max_slowdown: float = 1.10
    max_drop: float = 0.01


def read(file: Path) -> tuple[dict[str, Any], ...]:
    """The benchmarks in a file: one, or those of several devices. Raises MissingInput or BadData."""
    if not file.is_file():
        raise MissingInput(f"{file}: no such baseline", _ADVICE)
    try:
        document = json.loads(file.read_text())
        schema = document["schema"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise BadData(f"{file}: not a report of tlpipe bench", _ADVICE) from None
    if schema != SCHEMA:
        raise BadData(f"{file}: schema {schema}, this program reads {SCHEMA}", _ADVICE)
    stored = document.get("benches", [document])
    try:
        for each in stored:
            _key(each)
            for result in each["results"]:
                _same(result)
    except (TypeError, KeyError):
        raise BadData(f"{file}: not a report of tlpipe bench", _ADVICE) from None
    return tuple(stored)


def check(documents: Sequence[dict[str, Any]], file: Path, limits: Limits) -> None:
    """Compare each of ``documents`` with the one of its device and model in ``file``.

    Raises GateNotMet with what got worse; BadData where there is nothing to compare with, or where it was not valid;
    Unavailable where a new measurement is not valid, and so proves nothing.
    """
    stored = read(file)
    worse: list[str] = []
    unsure: list[str] = []
    compared = 0
    for document in documents:
        before = next((each for each in stored if _key(each) == _key(document)), None)
        if before is None:
            there = "; ".join(" on ".join((each[1], each[0][0])) for each in map(_key, stored))
            raise BadData(
                f"{file}: no report of {_key(document)[1]} on {_key(document)[0][0]} (it has {there})",
                "Compare with a report of the same device and model name.",
            )
        pairs = list(_pairs(before, document, file))
        compared += len(pairs)
        for old, new in pairs:
            worse += _worse(old, new, limits, same_images=_images(before) == _images(document))
            unsure += [f"{_named(new)}: {why}" for why in new["invalid_reasons"]]
            unsure += [f"{_named(new)}: no latency under emulation"] * (new["invoke_ms"] is None)
    if worse:
        raise GateNotMet(f"worse than {file}: {'; '.join(worse)}")
    if unsure:
        raise Unavailable(
            f"not comparable with {file}: this measurement is invalid ({'; '.join(unsure)})",
            "Run it again when the machine is calm.",
        )
    progress.say(f"no worse than {file}, in {compared} measurements")


def _key(document: dict[str, Any]) -> tuple[tuple[str, str], str]:
    """What has to be the same: the device, by board and CPU, and the model's name."""
    device = document["device"]
    return (device["board"], device["cpu"]), document["model"]["name"]


def _images(document: dict[str, Any]) -> Any:
    return document["images"]["sha256"]


def _same(result: dict[str, Any]) -> tuple[str, str, int]:
    return result["recipe"], result["runtime"], result["threads"]


def _named(result: dict[str, Any]) -> str:
    return f"{result['recipe']}, {result['threads']} thread{'s' * (result['threads'] > 1)}"


def _pairs(
    before: dict[str, Any], after: dict[str, Any], file: Path
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The stored and the new result of the same recipe, runtime and threads. Raises BadData where there are none."""
    stored = {_same(result): result for result in before["results"]}
    found = [(stored[_same(result)], result) for result in after["results"] if _same(result) in stored]
    if not found:
        raise BadData(f"{file}: none of the same recipe, runtime and threads", "Measure what the baseline has.")
    for old, _ in found:
        if not old["valid"] or old["invoke_ms"] is None:
            why = "; ".join(old["invalid_reasons"]) or "it has no latency"
            raise BadData(f"{file}: {_named(old)} is no baseline: {why}", _ADVICE)
    if _images(before) != _images(after):
        progress.warn(f"{file} is of other photographs: the network's time is compared, and nothing else")
    if left := len(after["results"]) - len(found):
        progress.warn(f"{left} of {len(after['results'])} results have none to be compared with in {file}")
    yield from found


def _worse(old: dict[str, Any], new: dict[str, Any], limits: Limits, *, same_images: bool) -> Iterator[str]:
    timed = {"invoke_ms": "the network alone", "end_to_end_ms": "from file to label"} if new["valid"] else {}
    for key, words in timed.items():
        if new[key] is None or (key == "end_to_end_ms" and not same_images):
            continue
        before, after = old[key]["p50"], new[key]["p50"]
        if after > limits.max_slowdown * before:
            yield f"{_named(new)}: {words} {after:.2f} ms, was {before:.2f} ms ({after / before:.2f} times)"
    known = same_images and old["top1"] is not None and new["top1"] is not None
    # The rates are quotients of whole numbers: only rounding is let through.
    if known and old["top1"] - new["top1"] > limits.max_drop + 1e-12:
        yield f"{_named(new)}: top-1 {new['top1']:.4f}, was {old['top1']:.4f}"
