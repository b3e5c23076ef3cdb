"""The tables that commands print: accuracy, and at the end of ``run`` and ``demo`` also size and latency."""

from tlpipe.evaluation.worth import worth
from tlpipe.reporting.derive.cautions import few
from tlpipe.reporting.derive.choice import MIN_AGREEMENT
from tlpipe.reporting.derive.verdict import useless
from tlpipe.reporting.sentences import text
from tlpipe_edge.console import shell
from tlpipe_edge.console.text import most_points, percent, printable, table, wrapped
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation, Scores
from tlpipe_edge.contract.latency import LatencyFigures


def render(
    evaluation: Evaluation, bench: Bench | None, *, keras_bytes: int | None = None, width: int | None = None
) -> str:
    """The results of ``evaluate`` and ``bench`` in one table, with the conditions of the latencies.

    ``keras_bytes`` is the size of the Keras model, if there is no benchmark of it. What is wider than ``width`` is
    folded or wrapped.
    """
    timed = {each.recipe: each for each in (bench.results if bench else ())}
    keras = bench.keras if bench else None
    size, latency, valid = (keras.bytes, keras.compiled_ms, keras.valid) if keras else (keras_bytes, None, True)
    rows = [_row("Keras", size, evaluation.keras.top1, None, latency, valid=valid)]
    for each in evaluation.artifacts:
        result = timed.get(each.recipe)
        latency, valid = (result.invoke_ms, result.valid) if result else (None, True)
        rows.append(_row(each.recipe, each.bytes, each.top1, each.agreement, latency, valid=valid))
    header = ("", "size", "top-1", "agreement with Keras", "p50 latency")
    below = []
    if bench:
        conditions = "one image at a time, on this machine; files: one thread; Keras: compiled, all cores"
        below.append(f"p50: the network alone, {conditions}")
        kinds = dict.fromkeys(reason.kind for reason in bench.why())
        below += [f"(invalid): for orientation only, {printable('; '.join(kinds))}"] if kinds else []
    first, *last = (wrapped(line, width) for line in (_image_line(evaluation), *below))
    return "\n".join([first, table(header, rows, width=width), *last])


def accuracy_table(evaluation: Evaluation, *, adopted: bool = False, width: int | None = None) -> str:
    """The results of ``evaluate`` as a table. What is wider than ``width`` is folded or wrapped."""
    header = ("", "top-1", "95 % interval", "balanced", "top-5", "agreement", "worse by at most")
    rows = [("Keras", *_rates(evaluation.keras), "", "")]
    for each in evaluation.artifacts:
        bound = "" if each.drop_bound is None else f"{most_points(each.drop_bound):.1f} points"
        rows.append((each.recipe, *_rates(each), percent(each.agreement), bound))
    below = ["worse by at most: than Keras, 95 % bound"]
    found = worth(evaluation.keras.per_class)
    below += [printable(text(useless(found, adopted=adopted)))] if found and found.hardly_better else []
    below += [printable(text(few(found)))] if found and found.few else []
    first, *last = (wrapped(line, width) for line in (_image_line(evaluation), *below))
    failed = [f"counts as wrong: {printable(f.file)}: {printable(f.reason)}" for f in evaluation.failed_images]
    return "\n".join([first, table(header, rows, width=width), *last, *failed])


def next_steps(bundle: Bundle, recipe: str, *, timed_all: bool) -> str:
    """Three commands to run next, as they work from the working folder; ``recipe`` is the recommended file."""
    here, golden = shell.word(bundle.path), shell.word(bundle.golden().files[0])
    edge, tlpipe = shell.program("tlpipe-edge"), shell.program("tlpipe")
    limit, bench = f"evaluate {here} --min-agreement {MIN_AGREEMENT:g}", f"bench {here} --out bench.json"
    third = f"{tlpipe} {limit if timed_all else bench}"
    return "\n".join(
        [
            "Next:",
            f"  classify an image   {edge} classify {here} {golden} --recipe {recipe}",
            f"  watch a camera      {edge} camera {here} --recipe {recipe}",
            f"  {'set a limit for CI' if timed_all else 'time other formats':<18}  {third}",
        ]
    )


def _image_line(evaluation: Evaluation) -> str:
    seen = f"; {evaluation.trained_on} of them are training images" if evaluation.trained_on else ""
    found = worth(evaluation.keras.per_class)
    share = f"; {percent(found.largest_share)} are of the largest class, '{printable(found.largest)}'" if found else ""
    count = f"{evaluation.images} image{'s' * (evaluation.images != 1)}"
    return f"{count} ({printable(evaluation.split)}{seen}){share}"


def _rates(scores: Scores) -> tuple[str, str, str, str]:
    low, high = scores.top1_interval
    interval = f"{100 * low:.1f}-{100 * high:.1f}"
    return percent(scores.top1), interval, percent(scores.balanced_accuracy), percent(scores.top5)


def _row(
    name: str, size: int | None, top1: float, agreement: float | None, latency: LatencyFigures | None, *, valid: bool
) -> tuple[str, ...]:
    megabytes = "-" if size is None else f"{size / 1e6:.2f} MB"
    timed = f"{latency.p50:.2f} ms" if latency else "-"
    return name, megabytes, percent(top1), percent(agreement), timed + ("" if valid else " (invalid)")
