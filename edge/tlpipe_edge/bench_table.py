"""The document of ``bench`` as lines for a person."""

from typing import Any

from tlpipe_edge.terminal import printable, table

HEADER = ("", "threads", "size", "p50", "p90", "p99", "whole p50", "images/s", "cold start", "memory", "top-1", "Keras")


def render(document: dict[str, Any]) -> str:
    """A table of the results, its conditions, and what is not to be trusted."""
    device, conditions, images = document["device"], document["conditions"], document["images"]
    rows = [_row(result) for result in document["results"]]
    lines = [
        f"{printable(document['model']['name'])} on {printable(device['board'])} ({printable(device['cpu'])}, "
        f"{device['cores']} cores), {images['count']} images ({printable(images['name'])})",
        table(HEADER, rows),
        "p50, p90, p99: the network alone; whole: from a file's bytes to its label; images/s: on all cores;",
        "cold start: a new process up to its first answer; Keras: the same answer as the original",
        _said(conditions),
    ]
    if conditions["emulated"]:
        lines.append("emulated: latency, memory and throughput are not reported")
    lines += [f"counted as wrong: {printable(each['file'])}: {printable(each['reason'])}" for each in images["failed"]]
    lines += [f"INVALID: {printable(reason)}" for reason in document["invalid_reasons"]]
    return "\n".join(lines)


def _row(result: dict[str, Any]) -> tuple[str, ...]:
    network, whole, cold = (result[name] or {} for name in ("invoke_ms", "end_to_end_ms", "cold_start_ms"))
    return (
        result["recipe"] + ("" if result["valid"] else " (invalid)"),
        str(result["threads"]),
        f"{result['bytes'] / 1e6:.2f} MB",
        *(_with(network.get(name), "{:.2f} ms") for name in ("p50", "p90", "p99")),
        _with(whole.get("p50"), "{:.2f} ms"),
        _with(result["throughput_per_s"], "{:.0f}"),
        _with(cold.get("total"), "{:.0f} ms"),
        _with(result["peak_memory_mb"], "{:.0f} MB"),
        *(_with(None if share is None else 100 * share, "{:.1f} %") for share in (result["top1"], result["agreement"])),
    )


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
