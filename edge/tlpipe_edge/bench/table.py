"""The document of ``bench`` as lines for a person."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tlpipe_edge.console.text import printable, table

TIMES = ("", "threads", "p50", "p90", "p99", "whole p50", "images/s", "cold start", "memory")
QUALITY = ("", "size", "top-1", "95 % interval", "agree")

ENOUGH = 100
"""Labelled images for a top-1 without a word of doubt: each is a point or less."""
TOO_FEW = ": too few to tell how accurate it is; name more with --data"

Rows = Iterator[tuple[str, ...]]


def render(*documents: dict[str, Any]) -> str:
    """Two tables, what is quick and what is good, with conditions and what is not to be trusted.

    The documents are of one model; of several devices each row begins with the device.
    """
    original = next((document for document in documents if document["keras"]), None)
    compared = original is not None
    images = documents[0]["images"]
    return "\n".join(
        [
            *map(_title, documents),
            _table(TIMES + ("faster",) * compared, documents, _times),
            "p50, p90, p99: the network alone; whole: from a file's bytes to its label;",
            "images/s: by as many at once as the cores have room for; cold start: a new process up to its first answer"
            + "; faster: than Keras, compiled" * compared,
            "",
            f"{images['count']} images ({printable(images['name'])})" + TOO_FEW * (0 < images["labelled"] < ENOUGH),
            _table(QUALITY + ("smaller", "top-1 lost") * compared, documents, functools.partial(_quality, original)),
            "agree: the same answer as the Keras original" + "; smaller, lost: against it" * compared,
            *(line for document in documents for line in ("", *_remarks(document, named=len(documents) > 1))),
        ]
    )


def _title(document: dict[str, Any]) -> str:
    device = document["device"]
    where = ", ".join(dict.fromkeys(device[key] for key in ("address", "board", "cpu") if device[key]))
    return f"{printable(document['model']['name'])} on {printable(where)}, {device['cores']} cores"


def _place(document: dict[str, Any]) -> str:
    return document["device"]["address"] or "this machine"


def _table(
    header: tuple[str, ...], documents: Sequence[dict[str, Any]], rows_of: Callable[[dict[str, Any]], Rows]
) -> str:
    """The rows of all documents; cells that one has and another has not are empty."""
    several = len(documents) > 1
    rows = [
        (_place(document),) * several + row + ("",) * (len(header) - len(row))
        for document in documents
        for row in rows_of(document)
    ]
    return table(("",) * several + header, rows, names=1 + several)


def _remarks(document: dict[str, Any], *, named: bool) -> Iterator[str]:
    conditions = document["conditions"]
    yield f"{_place(document)}: " * named + _said(conditions)
    if conditions["emulated"]:
        yield "emulated: latency, memory and throughput are not reported"
    yield from (f"left out: {each['recipe']}: {printable(each['reason'])}" for each in document["skipped"])
    yield from (
        f"counted as wrong: {printable(each['file'])}: {printable(each['reason'])}"
        for each in document["images"]["failed"]
    )
    yield from (f"INVALID: {printable(reason)}" for reason in document["invalid_reasons"])


def _times(document: dict[str, Any]) -> Rows:
    if keras := document["keras"]:
        for name, words in (("predict", "Keras predict"), ("compiled", "Keras compiled")):
            yield _marked(words, keras), "all", *_percentiles(keras[f"{name}_ms"] or {})
    for result in document["results"]:
        whole, cold = (result[name] or {} for name in ("end_to_end_ms", "cold_start_ms"))
        row = (
            _marked(result["recipe"], result),
            str(result["threads"]),
            *_percentiles(result["invoke_ms"] or {}),
            _with(whole.get("p50"), "{:.2f} ms"),
            _with(result["throughput_per_s"], "{:.0f}"),
            _with(cold.get("total"), "{:.0f} ms"),
            _with(result["peak_memory_mb"], "{:.0f} MB"),
        )
        yield (*row, _marked(_with(result["speedup"]["compiled"], "{:.1f}x"), keras)) if keras else row


def _quality(original: dict[str, Any] | None, document: dict[str, Any]) -> Rows:
    """A row for a recipe: accuracy does not depend on the threads.

    Against the Keras original of whichever document has it: its size is the same everywhere, and so is what it answers.
    """
    if keras := document["keras"]:
        yield "Keras", _megabytes(keras), *_rate(keras)
    for result in {each["recipe"]: each for each in document["results"]}.values():
        row: tuple[str, ...] = result["recipe"], _megabytes(result), *_rate(result), _percent(result["agreement"])
        if original:
            row += (
                _with(original["keras"]["bytes"] / result["bytes"], "{:.1f}x"),
                _percent(_lost(original, document, result)),
            )
        yield row


def _lost(original: dict[str, Any], document: dict[str, Any], result: dict[str, Any]) -> float | None:
    """Top-1 of Keras minus that of a result on the same images."""
    before, after = original["keras"]["top1"], result["top1"]
    same = original["images"]["sha256"] == document["images"]["sha256"]
    return before - after if same and None not in (before, after) else None


def _marked(name: str, result: dict[str, Any]) -> str:
    return name + ("" if result["valid"] else " (invalid)")


def _megabytes(result: dict[str, Any]) -> str:
    return f"{result['bytes'] / 1e6:.2f} MB"


def _rate(result: dict[str, Any]) -> tuple[str, str]:
    interval = result["top1_interval"]
    return _percent(result["top1"]), "-" if interval is None else "{:.1f}-{:.1f}".format(*(100 * x for x in interval))


def _percentiles(figures: dict[str, Any]) -> tuple[str, ...]:
    return tuple(_with(figures.get(name), "{:.2f} ms") for name in ("p50", "p90", "p99"))


def _percent(share: float | None) -> str:
    return _with(None if share is None else 100 * share, "{:.1f} %")


def _with(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _said(conditions: dict[str, Any]) -> str:
    frequency, temperature = conditions["frequency_mhz"]["after"], conditions["temperature_c"]["after"]
    load = conditions["load_average"]["before"]
    parts = [conditions["date"], f"Python {conditions['python']}"]
    parts += [f"{name} {version}" for name, version in conditions["versions"].items() if "tf" in name or "lite" in name]
    parts += [f"governor {conditions['governor']}"] if conditions["governor"] else []
    parts += [f"{frequency:.0f} MHz"] if frequency else []
    parts += [f"{temperature:.0f} °C"] if temperature else []
    parts += [f"load {load[0]:.2f} before"] if load else []
    return ", ".join(printable(part) for part in parts)
