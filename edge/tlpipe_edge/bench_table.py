"""The document of ``bench`` as lines for a person."""

from typing import Any

from tlpipe_edge.terminal import printable, table

HEADER = ("", "threads", "size", "p50", "p90", "p99", "whole p50", "images/s", "cold start", "memory", "top-1", "agree")
TO_KERAS = ("faster", "smaller", "top-1 lost")
"""Columns where the Keras original was measured, too; faster than its compiled form."""


def render(document: dict[str, Any]) -> str:
    """A table of the results, its conditions, and what is not to be trusted."""
    device, conditions, images = document["device"], document["conditions"], document["images"]
    header = HEADER + (TO_KERAS if document["keras"] else ())
    where = "".join(f"{printable(part)}, " for part in (device["address"], device["board"]) if part)
    lines = [
        f"{printable(document['model']['name'])} on {where}{printable(device['cpu'])}, {device['cores']} cores; "
        f"{images['count']} images ({printable(images['name'])})",
        table(header, (row + ("",) * (len(header) - len(row)) for row in _rows(document))),
        "p50, p90, p99: the network alone; whole: from a file's bytes to its label; images/s: on all cores;",
        "cold start: a new process up to its first answer; agree: the same answer as the Keras original",
        _said(conditions),
    ]
    if conditions["emulated"]:
        lines.append("emulated: latency, memory and throughput are not reported")
    lines += [f"counted as wrong: {printable(each['file'])}: {printable(each['reason'])}" for each in images["failed"]]
    lines += [f"INVALID: {printable(reason)}" for reason in document["invalid_reasons"]]
    return "\n".join(lines)


def _rows(document: dict[str, Any]) -> list[tuple[str, ...]]:
    rows = []
    if keras := document["keras"]:
        for name, words in (("predict", "Keras predict"), ("compiled", "Keras compiled")):
            size, top1 = f"{keras['bytes'] / 1e6:.2f} MB", _percent(keras["top1"])
            mark = "" if keras["valid"] else " (invalid)"
            rows.append((words + mark, "all", size, *_percentiles(keras[f"{name}_ms"]), "", "", "", "", top1))
    return rows + [_row(result) for result in document["results"]]


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    whole, cold = (result[name] or {} for name in ("end_to_end_ms", "cold_start_ms"))
    row = (
        result["recipe"] + ("" if result["valid"] else " (invalid)"),
        str(result["threads"]),
        f"{result['bytes'] / 1e6:.2f} MB",
        *_percentiles(result["invoke_ms"] or {}),
        _with(whole.get("p50"), "{:.2f} ms"),
        _with(result["throughput_per_s"], "{:.0f}"),
        _with(cold.get("total"), "{:.0f} ms"),
        _with(result["peak_memory_mb"], "{:.0f} MB"),
        _percent(result["top1"]),
        _percent(result["agreement"]),
    )
    if "speedup" not in result:
        return row
    lost = result["top1_difference"]
    return (
        *row,
        _with(result["speedup"]["compiled"], "{:.1f}x"),
        _with(result["size_ratio"], "{:.1f}x"),
        _with(None if lost is None else 0.0 - 100 * lost, "{:.1f} %"),
    )


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
