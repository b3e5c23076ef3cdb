"""The steps of a run, and about how long each takes, before the first one starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tlpipe.runs.config import Training

IMPORT = 15.0
"""Seconds until TensorFlow is loaded and the network is built."""
READ, FORWARD, TRAIN = 0.004, 0.008, 0.026
"""Core seconds of an image: to read it; to compute its features; to train the top 50 layers on them, per epoch. The
latter two are those of a width of 1.0 at 224 pixels. Measured on two cores of a server at 2.5 GHz, photographs of about
400 x 530 pixels, which ``benchmarks/README.md`` describes."""
CONVERT = 6.0
"""Seconds of a conversion at 224 pixels and a width of 1.0."""
TIMED, COMPILED = 17.0, 8.0
"""Seconds of the timing of a file, and of compiled Keras, by the full rules. With its ``predict``, Keras takes about as
long as a file."""


@dataclass(frozen=True)
class Step:
    """A step of a run: its ``title``, as its heading has it, and about how many ``seconds`` it takes."""

    title: str
    seconds: float


def steps(
    training: Training, images: Mapping[str, int], *, formats: Sequence[str], timed: int, cores: int
) -> list[Step]:
    """The steps from training to the report.

    ``images`` are the numbers of images by split, ``timed`` is the number of files that are timed.
    """
    size = max(training.alpha, 0.2) * (training.image_size / 224) ** 2
    held_out = sum(images.values()) - images["train"]
    seen = training.views * images["train"] + held_out
    features = seen * (READ + size * FORWARD) / cores
    epoch = images["train"] * size * TRAIN / cores
    scored = images.get("test") or images["validation"]
    of_head, top = training.head, training.finetuning
    if training.from_scratch:
        head = Step("Train the whole network from random weights", IMPORT + of_head.epochs * 3 * epoch)
    else:
        head = Step("Train a new head on the frozen backbone", IMPORT + features + of_head.epochs * epoch / 50)
    tuning = Step(f"Fine-tune the top {top.top_layers} layers", IMPORT + features + top.epochs * epoch)
    steps = [
        head,
        tuning,
        Step(f"Export {', '.join(formats)}", IMPORT + len(formats) * CONVERT * max(size, 0.3)),
        Step(f"Evaluate on {scored:,} images", 5 + scored * (READ + (1 + len(formats)) * size * FORWARD) / cores),
    ]
    if timed:
        named = "the recommended file" if timed == 1 else f"{timed} files"
        keras = COMPILED if timed == 1 else TIMED
        steps.append(Step(f"Benchmark {named} and Keras", 5 + TIMED * timed + keras))
    return [*steps, Step("Write the report", 3)]


def about(seconds: float) -> str:
    """The duration in words, as coarse as it is known: "40 s" in steps of ten, or "6 min"."""
    return f"{max(10, round(seconds, -1)):.0f} s" if seconds < 95 else f"{seconds / 60:.0f} min"
