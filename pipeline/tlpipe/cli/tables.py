"""The tables that commands print: accuracy, and at the end of ``run`` and ``demo`` size and latency beside it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

from tlpipe.runs.run_folder import Run
from tlpipe_edge.console.text import printable, table
from tlpipe_edge.contract.bundle import Bundle


def render(evaluation: dict[str, Any], bench: dict[str, Any]) -> str:
    """The documents of ``evaluate`` and ``bench`` in one table, with the conditions of its latencies."""
    network = {each["recipe"]: each for each in bench["results"]}
    keras = bench["keras"]
    rows = [_row("Keras", keras["bytes"], evaluation["keras"]["top1"], None, keras["compiled_ms"], keras)]
    for each in evaluation["artifacts"]:
        timed = network[each["recipe"]]
        rows.append(_row(each["recipe"], each["bytes"], each["top1"], each["agreement"], timed["invoke_ms"], timed))
    header = ("", "size", "top-1", "agreement with Keras", "p50 latency")
    lines = [
        f"{evaluation['images']} images ({printable(evaluation['split'])})",
        table(header, rows),
        "p50: the network alone, one image at a time, on this machine: one thread; Keras compiled, all cores",
    ]
    return "\n".join(lines + [f"INVALID: {printable(reason)}" for reason in bench["invalid_reasons"]])


def accuracy_table(evaluation: dict[str, Any]) -> str:
    """The document of ``evaluate`` as text."""
    header = ("", "top-1", "95 % interval", "top-5", "agreement", "largest difference", "McNemar p", "ties")
    rows = [("Keras", *_rates(evaluation["keras"]), "", "", "", str(evaluation["keras"]["ties"]))]
    for each in evaluation["artifacts"]:
        rows.append(
            (
                each["recipe"],
                *_rates(each),
                f"{100 * each['agreement']:.1f} %",
                f"{each['max_probability_difference']:.4f}",
                f"{each['mcnemar_p']:.3f}",
                str(each["ties"]),
            )
        )
    lines = [f"{evaluation['images']} images ({printable(evaluation['split'])})", table(header, rows)]
    lines += [
        f"counted as wrong: {printable(f['file'])}: {printable(f['reason'])}" for f in evaluation["failed_images"]
    ]
    return "\n".join(lines)


def next_steps(run: Run, bundle: Bundle) -> str:
    """What there is to look at, and what to do next."""
    here = os.path.relpath(bundle.path)
    golden = os.path.relpath(bundle.golden().files[0])
    command = "tlpipe-edge"
    if shutil.which(command) is None:  # its environment is not activated
        command = os.path.relpath(Path(sys.executable).with_name(command))
    return "\n".join(
        [
            "",
            f"pictures     {os.path.relpath(run.best_stage)}/learning-curve.png, predictions.png, confusion-matrix.png",
            f"model card   {here}/MODEL_CARD.md",
            f"latencies    {os.path.relpath(run.path)}/bench.json",
            f"classify     {command} classify {here} {golden}",
            f"on a device  pip install ./edge, and copy {here} there",
        ]
    )


def _rates(result: dict[str, Any]) -> tuple[str, str, str]:
    low, high = result["top1_interval"]
    return f"{100 * result['top1']:.1f} %", f"{100 * low:.1f}-{100 * high:.1f}", f"{100 * result['top5']:.1f} %"


def _row(
    name: str, size: int, top1: float, agreement: float | None, times: dict[str, Any] | None, timed: dict[str, Any]
) -> tuple[str, ...]:
    agreed = "" if agreement is None else f"{100 * agreement:.1f} %"
    latency = f"{times['p50']:.2f} ms" if times else "-"
    latency += "" if timed["valid"] else " (invalid)"
    return name, f"{size / 1e6:.2f} MB", f"{100 * top1:.1f} %", agreed, latency
