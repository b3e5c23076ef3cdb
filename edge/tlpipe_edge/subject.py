"""What a benchmark is about: a bundle or a single .tflite file, what is measured of it, and the photographs for it."""

from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge import photographs
from tlpipe_edge.bundle import Bundle, Reference
from tlpipe_edge.classifier import Classifier
from tlpipe_edge.errors import MissingInput, WrongUsage
from tlpipe_edge.latency import RULES, Rules
from tlpipe_edge.manifest import ImageSpec
from tlpipe_edge.photographs import Photographs


@dataclass(frozen=True)
class Options:
    """What is measured and how: ``recipes`` (empty for all in the bundle), numbers of ``threads``."""

    recipes: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    runtime: str = "auto"
    rules: Rules = RULES


@dataclass(frozen=True)
class Subject:
    """A model with what is known of it: ``recipes`` maps the name of each recipe that is measured to what opens it
    (None for a single file)."""

    path: Path
    recipes: dict[str, str | None]
    name: str
    labels: tuple[str, ...]
    spec: ImageSpec
    keras_sha256: str | None
    reference: Reference | None

    def open(self, recipe: str, *, threads: int, runtime: str) -> Classifier:
        """A classifier of one of ``recipes``."""
        return Classifier.open(self.path, recipe=self.recipes[recipe], threads=threads, runtime=runtime)


def read(model: Path, options: Options) -> Subject:
    """The bundle, or the single .tflite file, at ``model``. Raises as ``Classifier.open`` does."""
    if model.is_file() or not model.exists():
        if options.recipes and model.exists():
            raise WrongUsage(f"{model}: a single file has no recipe to choose from", "Leave --recipe out.")
        single = Classifier.open(model, runtime=options.runtime)
        return Subject(model, {single.recipe: None}, single.name, single.labels, single.image, None, None)
    bundle = Bundle.open(model)
    manifest = bundle.manifest
    chosen = options.recipes or tuple(artifact.recipe for artifact in manifest.artifacts)
    try:
        reference = bundle.reference()
    except MissingInput:
        reference = None
    return Subject(
        model,
        {bundle.artifact(recipe).recipe: recipe for recipe in chosen},
        manifest.name,
        manifest.labels,
        manifest.image,
        manifest.provenance.keras_sha256,
        reference,
    )


def find(of: Subject, data: Path | None) -> Photographs:
    """What the benchmark looks at: the photographs below ``data``, or the bundle's golden ones."""
    if data is not None:
        return photographs.below(data, labels=of.labels, reference=of.reference)
    if of.path.is_file():
        raise WrongUsage(f"{of.path}: a single file comes without photographs", "Name a folder with --data DIR.")
    return photographs.golden(Bundle.open(of.path), of.reference)
