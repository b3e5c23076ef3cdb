"""The tables that commands print: accuracy, and at the end of ``run`` and ``demo`` size and latency beside it."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from tlpipe import model
from tlpipe.evaluate import original
from tlpipe.runs import Run
from tlpipe.silence import tf
from tlpipe_edge.bundle import Bundle
from tlpipe_edge.classifier import Classifier
from tlpipe_edge.latency import measure
from tlpipe_edge.terminal import printable, table


def render(bundle: Bundle, evaluation: dict[str, Any]) -> str:
    """The table as text, with the conditions of its latencies."""
    file = original(bundle)
    keras_ms = _keras_p50(file, bundle)
    rows = [_row("Keras", file.stat().st_size, evaluation["keras"]["top1"], None, keras_ms)]
    for each in evaluation["artifacts"]:
        rows.append(_row(each["recipe"], each["bytes"], each["top1"], each["agreement"], _p50(bundle, each["recipe"])))
    header = ("", "size", "top-1", "agreement with Keras", "p50 latency")
    conditions = "p50: the network alone, one image at a time, on this machine: one thread; Keras compiled, all cores"
    return f"{evaluation['images']} images ({evaluation['split']})\n{table(header, rows)}\n{conditions}"


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
            f"classify     {command} classify {here} {golden}",
            f"on a device  pip install ./edge, and copy {here} there",
        ]
    )


def _rates(result: dict[str, Any]) -> tuple[str, str, str]:
    low, high = result["top1_interval"]
    return f"{100 * result['top1']:.1f} %", f"{100 * low:.1f}-{100 * high:.1f}", f"{100 * result['top5']:.1f} %"


def _row(name: str, size: int, top1: float, agreement: float | None, milliseconds: float) -> tuple[str, ...]:
    agreed = "" if agreement is None else f"{100 * agreement:.1f} %"
    return name, f"{size / 1e6:.2f} MB", f"{100 * top1:.1f} %", agreed, f"{milliseconds:.2f} ms"


def _p50(bundle: Bundle, recipe: str) -> float:
    classifier = Classifier.open(bundle.path, recipe=recipe)
    picture = bundle.golden().pixels[0]
    return measure(lambda: classifier.scores(picture)).p50


def _keras_p50(file: Path, bundle: Bundle) -> float:
    """Of the Keras model compiled as a tf.function, which is several times as fast as its ``predict``."""
    whole = model.load(file)
    compiled = tf.function(lambda image: whole(image, training=False))
    picture = tf.constant(bundle.golden().pixels[:1].astype(np.float32))
    return measure(lambda: compiled(picture).numpy()).p50
