"""Scores images of any number by a file of a bundle: one row for each, in the order of the sources."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tlpipe.data import location
from tlpipe.data.location import Location, Remote
from tlpipe.engine.choice import engine, using
from tlpipe.scoring import formats, opening
from tlpipe.scoring.packed import LeftOut
from tlpipe.scoring.saved_rows import SavedRows
from tlpipe.scoring.work import ScoreImages
from tlpipe.storage import atomic, checkpoint, disk_errors, leftovers, locks
from tlpipe.storage.checkpoint import Checkpoint
from tlpipe.storage.resume import RESUME, Resume
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import notebook, progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.errors import BadData, TlpipeError, WrongUsage
from tlpipe_edge.machine.versions import versions

TOP_K = 3
"""As ``tlpipe-edge classify`` has it."""
_PACKAGES = ("tlpipe", ("ai-edge-litert", "tflite-runtime"), "numpy", "opencv-python-headless", "pillow")
"""The packages on whose versions a score depends."""


@dataclass(frozen=True)
class Options:
    """``recipe`` is the fastest of the bundle if None, ``workers`` one per core; ``top_k`` labels are in a row."""

    recipe: str | None = None
    top_k: int = TOP_K
    workers: int | None = None

    def __post_init__(self) -> None:
        """Raise WrongUsage if a number is not at least 1."""
        for name, value in (("top_k", self.top_k), ("workers", self.workers)):
            if value is not None and value < 1:
                raise WrongUsage(f"{name}={value}: less than 1", "Pass a number of at least 1.")


DEFAULTS = Options()


@dataclass(frozen=True)
class Scored:
    """The result: ``images`` rows in ``file``, ``failed`` of which are of images that cannot be read.

    ``continued`` of them are from a command that was stopped; ``seconds`` were taken by the others.
    """

    file: Path
    recipe: str
    images: int
    failed: int
    continued: int
    seconds: float

    @property
    def images_per_second(self) -> float:
        """Of the images of this command; 0 without any."""
        return (self.images - self.continued) / self.seconds if self.seconds else 0.0

    def _repr_html_(self) -> str:
        """Its numbers as a table, for a notebook."""
        rows = [("images", f"{self.images:,}"), ("cannot be read", f"{self.failed:,}")]
        speed = ("images per second", f"{self.images_per_second:.1f}")
        return notebook.table("", ("file", str(self.file)), [*rows, speed])


@kept("The result was not written.")
def score(
    bundle: Bundle,
    places: Sequence[Location],
    out: Path,
    options: Options = DEFAULTS,
    *,
    overwrite: bool = False,
    resume: Resume = RESUME,
) -> Scored:
    """Score the images of all sources by a file of the bundle, and write a row for each to ``out``.

    The same command that was stopped is continued, unless ``resume`` says otherwise. Raise WrongUsage if ``out`` exists
    and ``overwrite`` is not set, MissingInput if a source is not there, BadData if one has no images, or is damaged
    somewhere, or if no image at all can be read (then, all rows are written); Unavailable if the disk is full, or an
    object store cannot be read.
    """
    if not places:
        raise WrongUsage("no source", "Name a folder of images, or a list, an archive, a Parquet file or an image.")
    _refuse_url(out)
    form = formats.of(out)
    _refuse_out(out, places, overwrite=overwrite)
    left_out = LeftOut()
    sources = [opening.opened(place, left_out) for place in places]
    with _engine(options.workers):
        engine().check(place for place in places if isinstance(place, Remote) or place.is_dir())
    artifact = bundle.artifact(options.recipe)
    Classifier.open(bundle.path, recipe=artifact.recipe)  # checks that the model is sound
    labels = bundle.manifest.labels
    work = ScoreImages(bundle.read(artifact), labels, bundle.manifest.image, min(options.top_k, len(labels)))
    out.absolute().parent.mkdir(parents=True, exist_ok=True)
    with disk_errors.naming(out), locks.locked(out):
        atomic.refuse_existing_file(out, overwrite=overwrite)
        saved = Checkpoint(out, _key(bundle, artifact.recipe, places, options))
        continued = saved.open(_versions() | {"the model": artifact.sha256}, restart=resume.restart)
        scoring = SavedRows(sources, work, form, saved)
        with kept(saved.outlook), _told(saved, continued=continued), _engine(options.workers), closing(scoring):
            start = time.monotonic()
            result = scoring.run()
            seconds = time.monotonic() - start
            atomic.refuse_existing_file(out, overwrite=overwrite)  # what came meanwhile has no lock, as by cp
        saved.finish(result)
        result.replace(out)
    saved.delete()
    left_out.tell()
    done = scoring.done
    if done.failed == done.images:
        reason = f"none of the {done.images:,} images can be read; the first: {done.first_failed}"
        raise BadData(reason, "Name other images.", where=out)
    if done.failed:
        count = f"{done.failed:,} of {done.images:,} images cannot be read"
        progress.warn(f"{out}: {count}, and have an error in their row; the first: {done.first_failed}")
    return Scored(out, artifact.recipe, done.images, done.failed, scoring.continued, seconds)


def _refuse_url(out: Path) -> None:
    if location.lost_a_slash(out):
        raise WrongUsage("a URL, but the result is written to this machine", "Name a local file.", where="--out")


def _refuse_out(out: Path, places: Sequence[Location], *, overwrite: bool) -> None:
    leftovers.sweep(out.absolute().parent)
    if any(out.exists() and isinstance(each, Path) and each.exists() and out.samefile(each) for each in places):
        raise WrongUsage("is a source, which would be lost", "Name another file for --out.", where=out)
    atomic.refuse_existing_file(out, overwrite=overwrite)
    locks.check_free(out)


def _key(bundle: Bundle, recipe: str, places: Sequence[Location], options: Options) -> str:
    arguments = {
        "bundle": bundle.path.resolve(),
        "recipe": recipe,
        # rows have the paths as they are written
        "sources": [[place, place.resolve() if isinstance(place, Path) else place] for place in places],
        "top_k": options.top_k,
    }
    return checkpoint.key("score", arguments)


def _versions() -> dict[str, str]:
    return {f"the version of {name}": version for name, version in versions(_PACKAGES).items()}


@contextmanager
def _engine(workers: int | None) -> Iterator[None]:
    with nullcontext() if workers is None else using(engine().limited(workers)):
        yield


@contextmanager
def _told(saved: Checkpoint, *, continued: bool) -> Iterator[None]:
    """If the block fails, say before the error that what was scored is kept; leave nothing if that is nothing."""
    try:
        yield
    except BaseException as error:
        outlook = saved.outlook()
        if not outlook and not continued:
            saved.delete()
        elif outlook and isinstance(error, TlpipeError | OSError):
            progress.say(f"what was scored is kept. {outlook}")
        raise
