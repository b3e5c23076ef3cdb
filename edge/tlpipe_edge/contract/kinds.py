"""What is at a path: a bundle, a run, an image, ... For errors about a path that is not what a command needs."""

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.errors import BadData, MissingInput

MAX_NAMES = 3
"""Maximum number of names that an error lists."""
MIN_SIMILARITY = 0.7
"""Of a name that is suggested, as ``difflib`` measures it (0..1): "photos" and "reports" have 0.62."""
_HEAD = 4096
"""Bytes of a marker that are read: all that tlpipe writes states its schema at the beginning."""


@dataclass(frozen=True)
class Kind:
    """A kind of folder that a command ``made_by`` writes, by default below ``parent``: it holds the file ``marker``."""

    name: str
    marker: str
    parent: Path
    made_by: str

    def is_at(self, path: Path) -> bool:
        """Whether ``path`` is such a folder. The marker states a schema: others call their files manifest.json, too."""
        marker = path / self.marker
        if not marker.is_file():  # opening a pipe would wait for its writer
            return False
        try:
            with marker.open("rb") as stream:
                return b'"schema"' in stream.read(_HEAD)
        except OSError:
            return False


BUNDLE = Kind("bundle", "manifest.json", Path("exported"), "tlpipe export")
RUN = Kind("run", "run.json", Path("runs"), "tlpipe train")
REPORT = Kind("report", "report.json", Path("reports"), "tlpipe report")

MODEL_FILE = "a .tflite file"
JSON_FILE = "a JSON file"
_IMAGES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".bmp", ".dib", ".gif", ".webp", ".avif", ".avifs"),
    *(".heic", ".heif", ".hif", ".heics", ".heifs", ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".orf"),
    *(".rw2", ".raf", ".pef", ".srw", ".tif", ".tiff", ".jp2", ".j2k", ".jpf", ".jpx", ".j2c", ".jxl", ".psd", ".psb"),
)
"""The suffixes of ``images.formats``, a room above this one."""
ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".xz", ".bz2", ".7z", ".rar")
"""The suffixes of archives."""
_FILES = {
    **dict.fromkeys(_IMAGES, "an image"),
    **dict.fromkeys(ARCHIVES, "an archive"),
    ".tflite": MODEL_FILE,
    ".csv": "a CSV file",
    ".tsv": "a TSV file",
    ".jsonl": "a JSON Lines file",
    ".ndjson": "a JSON Lines file",
    ".json": JSON_FILE,
    ".keras": "a Keras model",
    ".h5": "a file of Keras weights",
    ".mp4": "a video",
    ".avi": "a video",
}


def found(path: Path) -> str | None:
    """What is at ``path``, with its article: of a folder by its marker, of a file by its suffix; None if unknown."""
    if path.is_dir():
        kind = next((kind for kind in (BUNDLE, RUN, REPORT) if kind.is_at(path)), None)
        return f"a {kind.name}" if kind else None
    return named(path.name) if path.is_file() else None


def named(name: str) -> str | None:
    """What a file is by the suffix of its name, with its article; None if that is unknown."""
    return _FILES.get(Path(name).suffix.lower())


def no_model(path: Path) -> MissingInput:
    """The error for a path at which there is neither a bundle nor a .tflite file."""
    advice = f"Name a folder that {BUNDLE.made_by} wrote, or a .tflite file."
    return missing(path, "bundle or model", _is_model, among=(BUNDLE.parent,), advice=advice)


def refuse_other_file(path: Path) -> None:
    """Raise BadData for a file that by its name is no .tflite file but another known one."""
    what = found(path)
    if what not in (None, MODEL_FILE):
        raise BadData(f"this is {what}, not a bundle or a .tflite file", advice_for(BUNDLE, path), where=path)


def _is_model(path: Path) -> bool:
    return path.suffix.lower() == ".tflite" or BUNDLE.is_at(path)


def missing(
    path: Path, wanted: str, accepts: Callable[[Path], bool], *, among: Iterable[Path] = (), advice: str
) -> MissingInput:
    """The error for a path at which nothing is: it names what ``accepts`` takes beside it or in the folders ``among``.

    Those with the nearest names come first; in the place of the ``advice``, if there are any.
    """
    near = _nearest(path, [each for parent in dict.fromkeys((path.parent, *among)) for each in _in(parent, accepts)])
    return MissingInput(f"no such {wanted}", f"Did you mean {_either(near)}?" if near else advice, where=path)


def no_folder(kind: Kind, path: Path) -> MissingInput:
    """The error for a path that is no folder of the ``kind``: what is there instead, or the nearest names."""
    advice = f"Name a folder that {kind.made_by} wrote."
    if not path.exists():
        there = list(_in(kind.parent, kind.is_at))[:MAX_NAMES]
        known = f"{advice} There is {_either(there)}." if there else advice
        return missing(path, kind.name, kind.is_at, among=(kind.parent,), advice=known)
    what = found(path)
    if what is None:
        reason = f"no {kind.name} here ({kind.marker} is missing)"
        inside = list(_in(path, kind.is_at))
        advice = f"Name {_either(inside[:MAX_NAMES])}." if inside else advice_for(kind, path)
        return MissingInput(reason, advice, where=path)
    return MissingInput(f"this is {what}, not a {kind.name}", advice_for(kind, path), where=path)


def advice_for(kind: Kind, path: Path) -> str:
    """What to do for who named ``path``, which exists, where a folder of the ``kind`` is needed."""
    if kind.is_at(path.parent):
        return f"Name the folder that it is in, {path.parent}."
    if kind is BUNDLE and RUN.is_at(path):
        return f"Export it first: {kind.made_by} {path}"
    if kind is RUN and path.suffix.lower() in (".keras", ".h5"):
        return f"Make a run of it: tlpipe adopt {path} --labels FILE --data DATA"
    if kind is RUN and BUNDLE.is_at(path):
        return "Name the run that it was exported from. Bundles are for tlpipe evaluate, bench and report."
    return f"Name a folder that {kind.made_by} wrote."


def _in(parent: Path, accepts: Callable[[Path], bool]) -> Iterable[Path]:
    try:
        children = sorted(parent.iterdir())
    except OSError:
        return []
    return (child for child in children if not child.name.startswith(".") and accepts(child))


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The names that are similar to ``name``, the most similar ones first; their case does not matter."""
    known = sorted(set(names))
    near = difflib.get_close_matches(name.lower(), {each.lower() for each in known}, MAX_NAMES, MIN_SIMILARITY)
    return sorted((each for each in known if each.lower() in near), key=lambda each: near.index(each.lower()))


def _nearest(path: Path, candidates: list[Path]) -> list[Path]:
    near = nearest(path.name, (each.name for each in candidates))
    return sorted((each for each in candidates if each.name in near), key=lambda each: near.index(each.name))


def _either(paths: Iterable[Path]) -> str:
    return " or ".join(map(str, paths))
