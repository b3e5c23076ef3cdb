"""The commands that write, each with the smallest settings, for the folder of workspace.py."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command that writes ``target``, a path below the working folder; ``forget`` is deleted from the cache before.

    ``target`` is "" if only the cache is written. ``further`` are results that it writes after the target, which it
    makes in several steps.
    """

    name: str
    arguments: tuple[str, ...]
    target: str
    forget: tuple[str, ...] = ()
    program: str = "tlpipe"
    further: tuple[str, ...] = ()


TRAINING = (
    *("--weights", "../data/tiny.npz", "--image-size", "64", "--views", "1"),
    *("--epochs", "1", "--batch-size", "8", "--deterministic"),
)
"""So short, and repeatable: a command that continues must make what an undisturbed one makes."""


def _train(name: str, data: str, target: str, *more: str, forget: tuple[str, ...] = ()) -> Command:
    return Command(name, ("train", data, "--out", target, *TRAINING, *more), target, forget)


COMMANDS = (
    _train("train", "../data/photos", "runs/new", forget=("features",)),
    _train("train --overwrite", "../data/photos", "runs/drawn", "--overwrite", "--seed", "1"),
    _train("train ARCHIVE", "../data/photos.zip", "runs/zipped", forget=("features", "prefixes")),
    Command("finetune", ("finetune", "runs/frozen", "--top-layers", "3", "--epochs", "1"), "runs/frozen"),
    Command(
        "finetune --overwrite",
        ("finetune", "runs/drawn", "--top-layers", "2", "--epochs", "1", "--overwrite"),
        "runs/drawn",
    ),
    Command(
        "adopt",
        (
            *("adopt", "../data/model.keras", "--labels", "../data/labels.txt", "--data", "../data/photos"),
            *("--out", "runs/adopted"),
        ),
        "runs/adopted",
    ),
    Command("export", ("export", "runs/drawn", "--quantize", "int8", "--out", "exported/new"), "exported/new"),
    Command(
        "export --overwrite",
        ("export", "runs/drawn", "--quantize", "float16", "--out", "exported/drawn", "--overwrite"),
        "exported/drawn",
    ),
    Command("evaluate", ("evaluate", "exported/drawn", "--data", "../data/others"), "exported/drawn"),
    Command("explain", ("explain", "exported/both"), "exported/both"),
    Command(
        "score",
        ("score", "exported/drawn", "../data/photos", "../data/photos.zip", "--out", "scores.csv"),
        "scores.csv",
    ),
    Command("bench --out", ("bench", "exported/drawn", "--out", "bench-new.json"), "bench-new.json"),
    Command(
        "bench --overwrite",
        ("bench", "exported/drawn", "--out", "bench.json", "--overwrite"),
        "bench.json",
        ("proven",),
    ),
    Command("report", ("report", "exported/drawn", "bench.json", "--out", "reports/new"), "reports/new"),
    Command(
        "report --overwrite", ("report", "exported/drawn", "--out", "reports/drawn", "--overwrite"), "reports/drawn"
    ),
    Command(
        "report --against",
        (*("report", "exported/drawn", "--against", "reports/drawn", "--out", "reports/compared", "--overwrite"),),
        "reports/compared",
    ),
    Command("classify", ("classify", "exported/drawn", "../data/photos/bars/00.jpg"), "", ("proven",), "tlpipe_edge"),
    Command("store a folder", ("folder", "new"), "stored/folder", program="stored"),
    Command("store together", ("together", "new"), "stored/together", program="stored"),
    Command("demo's images", (), "demo-images", program="demo-images"),
    Command(
        "run",
        ("run", "../data/photos", "--out", "runs/whole", *TRAINING, "--no-bench", "--config", "../data/run.toml"),
        "runs/whole",
        further=("exported/whole", "reports/whole"),
    ),
)
