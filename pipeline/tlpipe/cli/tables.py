"""The tables that commands print: accuracy, and at the end of ``run`` and ``demo`` also size and latency."""

import os
import shutil
import sys
from pathlib import Path

from tlpipe.runs.run_folder import Run
from tlpipe_edge.console.text import printable, table
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.evaluation import Evaluation, Scores
from tlpipe_edge.contract.latency import LatencyFigures


def render(evaluation: Evaluation, bench: Bench) -> str:
    """The results of ``evaluate`` and ``bench`` in one table, with the conditions of the latencies."""
    timed = {each.recipe: each for each in bench.results}
    rows = []
    if keras := bench.keras:
        rows.append(_row("Keras", keras.bytes, evaluation.keras.top1, None, keras.compiled_ms, valid=keras.valid))
    for each in evaluation.artifacts:
        result = timed[each.recipe]
        rows.append(_row(each.recipe, each.bytes, each.top1, each.agreement, result.invoke_ms, valid=result.valid))
    header = ("", "size", "top-1", "agreement with Keras", "p50 latency")
    lines = [
        _image_line(evaluation),
        table(header, rows),
        "p50: the network alone, one image at a time, on this machine; files: one thread; Keras: compiled, all cores",
    ]
    return "\n".join(lines + [f"INVALID: {printable(reason)}" for reason in bench.invalid_reasons])


def accuracy_table(evaluation: Evaluation) -> str:
    """The results of ``evaluate`` as a table."""
    header = ("", "top-1", "95 % interval", "top-5", "agreement", "largest difference", "McNemar p", "ties")
    rows = [("Keras", *_rates(evaluation.keras), "", "", "", str(evaluation.keras.ties))]
    for each in evaluation.artifacts:
        rows.append(
            (
                each.recipe,
                *_rates(each),
                _percent(each.agreement),
                f"{each.max_probability_difference:.4f}",
                f"{each.mcnemar_p:.3f}",
                str(each.ties),
            )
        )
    lines = [_image_line(evaluation), table(header, rows)]
    lines += [f"counted as wrong: {printable(f.file)}: {printable(f.reason)}" for f in evaluation.failed_images]
    return "\n".join(lines)


def next_steps(run: Run, bundle: Bundle) -> str:
    """The files to look at, and the commands to run next."""
    here = os.path.relpath(bundle.path)
    golden = os.path.relpath(bundle.golden().files[0])
    command = "tlpipe-edge"
    if shutil.which(command) is None:  # its environment is not activated
        command = os.path.relpath(Path(sys.executable).with_name(command))
    return "\n".join(
        [
            "",
            f"plots        {os.path.relpath(run.best_stage)}/learning-curve.png, predictions.png, confusion-matrix.png",
            f"model card   {here}/MODEL_CARD.md",
            f"latencies    {os.path.relpath(run.path)}/bench.json",
            f"classify     {command} classify {here} {golden}",
            f"on a device  pip install ./edge, and copy {here} there",
        ]
    )


def _image_line(evaluation: Evaluation) -> str:
    seen = f"; {evaluation.trained_on} of them are training images" if evaluation.trained_on else ""
    return f"{evaluation.images} images ({printable(evaluation.split)}{seen})"


def _rates(scores: Scores) -> tuple[str, str, str]:
    low, high = scores.top1_interval
    return _percent(scores.top1), f"{100 * low:.1f}-{100 * high:.1f}", _percent(scores.top5)


def _row(
    name: str, size: int | None, top1: float, agreement: float | None, latency: LatencyFigures | None, *, valid: bool
) -> tuple[str, ...]:
    megabytes = "-" if size is None else f"{size / 1e6:.2f} MB"
    timed = f"{latency.p50:.2f} ms" if latency else "-"
    return name, megabytes, _percent(top1), _percent(agreement), timed + ("" if valid else " (invalid)")


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f} %"
