"""The document of ``bench`` as lines for a person."""

from collections.abc import Iterator
from typing import Any

from tlpipe_edge.terminal import printable, table

TIMES = ("", "threads", "p50", "p90", "p99", "whole p50", "images/s", "cold start", "memory")
QUALITY = ("", "size", "top-1", "95 % interval", "agree")


def render(document: dict[str, Any]) -> str:
    """Two tables, what is quick and what is good, with conditions and what is not to be trusted."""
    device, conditions, images = document["device"], document["conditions"], document["images"]
    where = ", ".join(dict.fromkeys(device[key] for key in ("address", "board", "cpu") if device[key]))
    compared = bool(document["keras"])
    lines = [
        f"{printable(document['model']['name'])} on {printable(where)}, {device['cores']} cores",
        table(TIMES + ("faster",) * compared, _times(document)),
        "p50, p90, p99: the network alone; whole: from a file's bytes to its label; images/s: on all cores;",
        "cold start: a new process up to its first answer" + "; faster: than Keras, compiled" * compared,
        "",
        f"{images['count']} images ({printable(images['name'])})",
        table(QUALITY + ("smaller", "top-1 lost") * compared, _quality(document)),
        "agree: the same answer as the Keras original" + "; smaller, lost: against it" * compared,
        "",
        _said(conditions),
    ]
    if conditions["emulated"]:
        lines.append("emulated: latency, memory and throughput are not reported")
    lines += [f"left out: {each['recipe']}: {printable(each['reason'])}" for each in document["skipped"]]
    lines += [f"counted as wrong: {printable(each['file'])}: {printable(each['reason'])}" for each in images["failed"]]
    lines += [f"INVALID: {printable(reason)}" for reason in document["invalid_reasons"]]
    return "\n".join(lines)


def _times(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    if keras := document["keras"]:
        for name, words in (("predict", "Keras predict"), ("compiled", "Keras compiled")):
            yield _marked(words, keras), "all", *_percentiles(keras[f"{name}_ms"]), "", "", "", "", ""
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
        yield (*row, _with(result["speedup"]["compiled"], "{:.1f}x")) if keras else row


def _quality(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row for a recipe: accuracy does not depend on the threads."""
    if keras := document["keras"]:
        yield "Keras", _megabytes(keras), *_rate(keras), "", "", ""
    for result in {each["recipe"]: each for each in document["results"]}.values():
        row: tuple[str, ...] = result["recipe"], _megabytes(result), *_rate(result), _percent(result["agreement"])
        if keras:
            lost = result["top1_difference"]
            row += _with(result["size_ratio"], "{:.1f}x"), _percent(None if lost is None else 0.0 - lost)
        yield row


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
