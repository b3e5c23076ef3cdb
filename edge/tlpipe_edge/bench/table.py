"""The document of ``bench`` as tables for a terminal."""

import functools
from collections.abc import Callable, Iterator, Sequence

from rich.cells import cell_len

from tlpipe_edge.console.text import percent, printable, table, wrapped
from tlpipe_edge.contract.benchmark import Bench, BenchResult, ImageSet, KerasResult, variant
from tlpipe_edge.contract.conditions import UNKNOWN, Conditions
from tlpipe_edge.contract.latency import LatencyFigures
from tlpipe_edge.contract.validity import Cause, causes

TIMES = ("", "threads", "p50", "p90", "p99", "end to end p50", "frames/s", "images/s", "cold start", "memory")
QUALITY = ("", "size", "top-1", "95 % interval", "agree")

MIN_IMAGES = 100
"""Labelled images for a top-1 without a remark: each one counts for a point or less."""
TOO_FEW = ": too few to measure accuracy; name more with --data"

Rows = Iterator[tuple[str, ...]]


def render(*benches: Bench, width: int | None = None) -> str:
    """A table of latency and a table of accuracy, with the conditions and the invalid measurements.

    All ``benches`` are of one model. If there are several, each row begins with the device. What is wider than
    ``width`` is folded or wrapped; None if it is not for a terminal.
    """
    original = next((bench for bench in benches if bench.keras), None)
    compared = original is not None
    tables = functools.partial(_table, benches, width=width)
    times = [
        "p50, p90, p99: the network alone; end to end: from a file's bytes to its label",
        "frames/s: one image after another, the inverse of end to end p50",
        "images/s: many at once, on as many classifiers as fit the cores" + "; faster: than compiled Keras" * compared,
        "cold start: a new process up to its first prediction",
        "",
        *map(_image_line, filter(None, (benches[0].images,))),
    ]
    quality = [
        "agree: share of images with the same prediction as the Keras model",
        *["smaller, lost: compared with the Keras model"] * compared,
    ]
    return "\n".join(
        [
            *(wrapped(_title(bench), width) for bench in benches),
            tables(TIMES + ("faster",) * compared, _times, keys=2),
            *(wrapped(line, width) for line in times),
            tables(QUALITY + ("smaller", "top-1 lost") * compared, functools.partial(_quality, original), keys=1),
            *(wrapped(line, width) for line in quality),
            *(line for bench in benches for line in ("", *_remarks(bench, named=len(benches) > 1, width=width))),
        ]
    )


def _title(bench: Bench) -> str:
    device = bench.device
    known = (each for each in (device.address, device.title, device.cpu) if each not in (None, "", UNKNOWN))
    where = ", ".join(dict.fromkeys(known))
    return f"{printable(bench.model.name)} on {printable(where)}, {device.cores} cores"


def _image_line(images: ImageSet) -> str:
    seen = f"; {images.trained_on} of them are training images: accuracy is too high" if images.trained_on else ""
    return f"{images.count} images ({printable(images.name)}){seen}" + TOO_FEW * (0 < images.scored < MIN_IMAGES)


def _place(bench: Bench) -> str:
    return printable(bench.device.address or "this machine")


def _table(
    benches: Sequence[Bench], header: tuple[str, ...], rows_of: Callable[[Bench], Rows], *, keys: int, width: int | None
) -> str:
    """The rows of all benches; a cell that a bench does not have is empty.

    The rows of several benches begin with the device, which is a line of its own if there is no room for it.
    """
    places = [_place(bench) for bench in benches]
    rows = [[row + ("",) * (len(header) - len(row)) for row in rows_of(bench)] for bench in benches]
    if len(benches) == 1:
        return table(header, rows[0], keys=keys, width=width)
    with_places = [(place, *row) for place, own in zip(places, rows, strict=True) for row in own]
    together = table(("", *header), with_places, names=2)
    if width is None or all(cell_len(line) <= width for line in together.split("\n")):
        return together
    apart = [table(header, own, keys=keys, width=width) for own in rows]
    return "\n\n".join(f"{place}\n{own}" for place, own in zip(places, apart, strict=True))


def _remarks(bench: Bench, *, named: bool, width: int | None) -> Iterator[str]:
    yield wrapped(f"{_place(bench)}: " * named + _conditions_line(bench.conditions), width)
    if bench.conditions.emulated:
        yield "emulated: latency, memory and throughput are not reported"
    yield from (f"skipped: {printable(each.recipe)}: {printable(each.reason)}" for each in bench.skipped)
    failed = bench.images.failed if bench.images else ()
    yield from (f"counts as wrong: {printable(each.file)}: {printable(each.reason)}" for each in failed)
    why = [wrapped(f"INVALID: {printable(str(cause))}", width) for cause in _causes(bench)]
    yield from why
    yield from ["INVALID, and a question mark, mean: for orientation only"] if why else []


def _causes(bench: Bench) -> Iterator[Cause]:
    """Why latencies are invalid, then why figures of a cold start and of full load are."""
    named = [(variant(each.recipe, each.threads), each) for each in bench.results]
    keras = [("Keras", bench.keras)] if bench.keras else []
    yield from causes((name, (*bench.why_all(), *each.why())) for name, each in (*named, *keras))
    yield from causes((name, (*each.cold_start_reasons, *each.full_load_reasons)) for name, each in named)


def _times(bench: Bench) -> Rows:
    keras = bench.keras
    if keras:
        if keras.predict_ms:
            yield _marked("Keras predict", keras), "all", *_percentiles(keras.predict_ms)
        yield _marked("Keras compiled", keras), "all", *_percentiles(keras.compiled_ms)
    for result in bench.results:
        end_to_end = result.end_to_end_ms.p50 if result.end_to_end_ms else None
        row = (
            _marked(printable(result.recipe), result),
            str(result.threads),
            *_percentiles(result.invoke_ms),
            _with(end_to_end, "{:.2f} ms"),
            _with(end_to_end and 1000 / end_to_end, "{:.1f}"),
            _with(result.throughput_per_s, "{:.0f}" + "?" * bool(result.full_load_reasons)),
            _with((result.cold_start_ms or {}).get("total"), "{:.0f} ms" + "?" * bool(result.cold_start_reasons)),
            _with(result.peak_memory_mb, "{:.0f} MB"),
        )
        speedup = result.speedup.compiled if result.speedup else None
        yield (*row, _marked(_with(speedup, "{:.1f}x"), keras)) if keras else row


def _quality(original: Bench | None, bench: Bench) -> Rows:
    """A row for each recipe: accuracy does not depend on the number of threads.

    The comparison is with the Keras model of any bench that has one: its size and predictions are the same
    everywhere.
    """
    if keras := bench.keras:
        yield "Keras", _megabytes(keras.bytes), *_rate(keras)
    for result in {each.recipe: each for each in bench.results}.values():
        row: tuple[str, ...] = (
            printable(result.recipe),
            _megabytes(result.bytes),
            *_rate(result),
            percent(result.agreement),
        )
        if original and original.keras:
            size = original.keras.bytes
            row += (
                _with(None if size is None else size / result.bytes, "{:.1f}x"),
                percent(_lost(original, bench, result)),
            )
        yield row


def _lost(original: Bench, bench: Bench, result: BenchResult) -> float | None:
    """Top-1 of Keras minus top-1 of the result, on the same images."""
    if not (original.keras and original.images and bench.images) or original.images.sha256 != bench.images.sha256:
        return None
    before, after = original.keras.top1, result.top1
    return None if before is None or after is None else before - after


def _marked(name: str, measured: BenchResult | KerasResult) -> str:
    return name + ("" if measured.valid else " (invalid)")


def _megabytes(size: int | None) -> str:
    return _with(None if size is None else size / 1e6, "{:.2f} MB")


def _rate(measured: BenchResult | KerasResult) -> tuple[str, str]:
    interval = measured.top1_interval
    ends = "-" if interval is None else "{:.1f}-{:.1f}".format(*(100 * end for end in interval))
    return percent(measured.top1), ends


def _percentiles(latency: LatencyFigures | None) -> tuple[str, str, str]:
    if latency is None:
        return "-", "-", "-"
    return f"{latency.p50:.2f} ms", f"{latency.p90:.2f} ms", f"{latency.p99:.2f} ms"


def _with(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def _conditions_line(conditions: Conditions) -> str:
    frequency = conditions.frequency_mhz and conditions.frequency_mhz.after
    temperature = conditions.temperature_c and conditions.temperature_c.after
    load = conditions.load_average and conditions.load_average.before
    runtimes = (pair for pair in (conditions.versions or {}).items() if "tf" in pair[0] or "lite" in pair[0])
    parts = [conditions.date]
    parts += [f"Python {conditions.python}"] if conditions.python else []
    parts += [f"{name} {version}" for name, version in runtimes]
    parts += [f"governor {conditions.governor}"] if conditions.governor else []
    parts += [f"{frequency:.0f} MHz"] if frequency else []
    parts += [f"{temperature:.0f} °C"] if temperature else []
    parts += [f"load {load[0]:.2f} before"] if load else []
    return ", ".join(printable(part) for part in parts)
