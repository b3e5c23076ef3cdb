"""The table of the report as CSV, for a spreadsheet: numbers have six significant digits, and no cell is a formula.

``report.json`` has the numbers unrounded.
"""

import csv
import io

from tlpipe.reporting.document import AccuracyFigures, Group, KerasRow, Report, Row
from tlpipe.reporting.invalid_reasons import Timed
from tlpipe.storage import spreadsheet
from tlpipe_edge.contract.latency import LatencyFigures

HEADER = (
    *("device", "file", "recipe", "threads", "bytes", "size_ratio", "latency_valid", "latency_invalid_reasons"),
    *("invoke_p50_ms", "invoke_p90_ms", "invoke_p99_ms", "end_to_end_p50_ms"),
    *("speedup", "speedup_predict", "speedup_valid", "throughput_per_s"),
    *(
        "peak_memory_mb",
        "images",
        "top1",
        "top1_low",
        "top1_high",
        "balanced",
        "top5",
        "difference",
        "drop_bound",
        "p",
        "agreement",
        "sha256",
        "cold_start_valid",
        "throughput_valid",
        "frames_per_s",
    ),
)
DIGITS = 6
Cell = str | int | float | bool | None


def render(report: Report) -> str:
    """A line for each file on each device, and for Keras, in the format of RFC 4180."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    for group in report.groups:
        for row in group.rows:
            writer.writerow(map(_written, _row(group, row)))
        if group.keras:
            writer.writerow(map(_written, _keras(group, group.keras)))
    return text.getvalue()


def _written(cell: Cell) -> Cell:
    if isinstance(cell, float):
        return float(f"{cell:.{DIGITS}g}")
    if not isinstance(cell, str):
        return cell
    return spreadsheet.cell(cell)


def _row(group: Group, row: Row) -> tuple[Cell, ...]:
    end_to_end = row.end_to_end_ms
    return (
        *(group.name, row.file, row.recipe, row.threads, row.bytes, row.size_ratio),
        *(*_latency(row.invoke_ms, row), end_to_end.p50 if end_to_end else None),
        *(row.speedup, row.speedup_predict, _speedup_valid(row, group.keras), row.throughput_per_s, row.peak_memory_mb),
        *(group.images.scored if group.images else None, *_scores(row.accuracy), row.sha256),
        row.valid and not row.cold_start_reasons if row.cold_start_ms else None,
        row.valid and not row.full_load_reasons if row.throughput_per_s is not None else None,
        row.frames_per_s,
    )


def _keras(group: Group, keras: KerasRow) -> tuple[Cell, ...]:
    """The row of Keras, with the latency of the compiled function."""
    return (
        *(group.name, "", "keras", None, keras.bytes, None),
        *(*_latency(keras.compiled_ms, keras), *(None,) * 6),
        *(group.images.scored if group.images else None, *_scores(keras.accuracy), "", *(None,) * 3),
    )


def _latency(latency: LatencyFigures | None, timed: Timed) -> tuple[Cell, ...]:
    if latency is None:
        return (None,) * 5
    return (timed.valid, "; ".join(timed.invalid_reasons), latency.p50, latency.p90, latency.p99)


def _speedup_valid(row: Row, keras: KerasRow | None) -> bool | None:
    """Whether both latencies of a speed-up are valid; None without a speed-up."""
    if row.speedup is None and row.speedup_predict is None:
        return None
    return row.valid and keras is not None and keras.valid


def _scores(accuracy: AccuracyFigures | None) -> tuple[Cell, ...]:
    if accuracy is None:
        return (None,) * 9
    difference = (accuracy.difference, accuracy.drop_bound, accuracy.p, accuracy.agreement)
    return (accuracy.top1, *accuracy.top1_interval, accuracy.balanced, accuracy.top5, *difference)
