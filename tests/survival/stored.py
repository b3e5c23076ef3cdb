"""Commands that store results as `train` and `evaluate` do, without their work: so quick that each call can be hit."""

from pathlib import Path

from tlpipe.storage import atomic, checkpoint
from tlpipe.storage.checkpoint import Checkpoint

MARKER = "whole.json"
RESULTS = Path("stored")


def main(how: str, text: str) -> None:
    """Store a result, as a folder or as files and a folder together, in which all files have this ``text``."""
    RESULTS.mkdir(exist_ok=True)
    {"folder": _folder, "together": _together}[how](text)


def _folder(text: str) -> None:
    out = RESULTS / "folder"
    saved = Checkpoint(out, checkpoint.key("folder", {"text": text}))
    with atomic.directory(out, marker=MARKER, overwrite=True) as made:
        _compute(saved, text)
        _write(made / "part", text)
        (made / MARKER).write_text(f'"{text}"', "utf-8")
        saved.finish(made, MARKER)
    saved.delete()


def _together(text: str) -> None:
    (RESULTS / "together").mkdir(exist_ok=True)
    out = RESULTS / "together" / MARKER
    saved = Checkpoint(out, checkpoint.key("together", {"text": text}))
    with atomic.together(out) as made:
        _compute(saved, text)
        _write(made / "part", text)
        (made / MARKER).write_text(f'"{text}"', "utf-8")
        saved.finish(made / MARKER)
    saved.delete()


def _compute(saved: Checkpoint, text: str) -> None:
    saved.open({"images": text})
    for name in ("first", "second"):
        part = saved.load(name)
        assert part is None or part.record == {"text": text}
        if part is None:
            saved.save(name, {"text": text}, reached=f"after the {name}")


def _write(folder: Path, text: str) -> None:
    folder.mkdir()
    (folder / "some.txt").write_text(text, "utf-8")
