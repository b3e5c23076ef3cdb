"""What a benchmark measures: a bundle or a single .tflite file, its recipes, the options, and the images."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from tlpipe_edge.bench.latency import RULES, Rules
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.classify.model_file import NO_OPTIONS, FileOptions
from tlpipe_edge.contract import files
from tlpipe_edge.contract.bundle import Bundle, Reference
from tlpipe_edge.contract.manifest import ImageSpec
from tlpipe_edge.errors import MissingInput, WrongUsage
from tlpipe_edge.images import labelled
from tlpipe_edge.images.labelled import LabelledImages


@dataclass(frozen=True)
class BenchOptions:
    """What to measure and how: ``recipes`` (empty for all in the bundle), numbers of ``threads``, and for a single
    .tflite file what is not in it.

    Raise WrongUsage if ``threads`` is empty or a number is below 1.
    """

    recipes: tuple[str, ...] = ()
    threads: tuple[int, ...] = (1,)
    runtime: str = "auto"
    rules: Rules = RULES
    file: FileOptions = NO_OPTIONS

    def __post_init__(self) -> None:
        if not self.threads or min(self.threads) < 1:
            raise WrongUsage(
                f"invalid numbers of threads: {list(self.threads)}", "Name one or several, each 1 or more."
            )


@dataclass(frozen=True)
class ModelFile:
    """The file of a recipe as a report describes it; ``bytes`` is its size."""

    recipe: str
    file: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class BenchmarkTarget:
    """A bundle or a single file, its description, and the ``recipes`` to measure; ``notes`` are the classifier's."""

    path: Path
    recipes: tuple[str, ...]
    name: str
    labels: tuple[str, ...]
    spec: ImageSpec
    keras_sha256: str | None
    reference: Reference | None
    file_options: FileOptions = NO_OPTIONS
    notes: tuple[str, ...] = ()

    def open(self, recipe: str, *, threads: int, runtime: str) -> Classifier:
        """A classifier of one of ``recipes``."""
        return Classifier.open(
            self.path, recipe=self.named(recipe), threads=threads, runtime=runtime, **vars(self.file_options)
        )

    def named(self, recipe: str) -> str | None:
        """The ``recipe`` argument of ``Classifier.open``: the name, or None for a single file."""
        return None if self.path.is_file() else recipe

    def file(self, recipe: str) -> ModelFile:
        """The file of a recipe. Raise the errors of ``Bundle.read``."""
        if self.path.is_file():
            content = files.read(self.path)
            sha256 = hashlib.sha256(content).hexdigest()
            return ModelFile(recipe, self.path.name, sha256, len(content))
        exported = Bundle.open(self.path)
        artifact = exported.artifact(recipe)
        exported.read(artifact)
        return ModelFile(recipe, artifact.file, artifact.sha256, artifact.bytes)


def read_target(model: Path, options: BenchOptions) -> BenchmarkTarget:
    """The bundle, or the single .tflite file, at ``model``. Raise the errors of ``Classifier.open``."""
    if model.is_file() or not model.exists():
        if options.recipes and model.exists():
            raise WrongUsage("a single file has no formats to choose from", "Leave --recipe out.", where=model)
        single = Classifier.open(model, runtime=options.runtime, **vars(options.file))
        return BenchmarkTarget(
            model,
            (single.recipe,),
            single.name,
            single.labels,
            single.image,
            None,
            None,
            options.file,
            single.notes,
        )
    options.file.refuse(model)
    exported = Bundle.open(model)
    manifest = exported.manifest
    chosen = options.recipes or tuple(artifact.recipe for artifact in manifest.artifacts)
    try:
        reference = exported.reference()
    except MissingInput:
        reference = None
    return BenchmarkTarget(
        model,
        tuple(exported.artifact(recipe).recipe for recipe in dict.fromkeys(chosen)),
        manifest.name,
        manifest.labels,
        manifest.image,
        manifest.provenance.keras_sha256,
        reference,
    )


def find_images(target: BenchmarkTarget, data: Path | None) -> LabelledImages:
    """The images of the benchmark: those below ``data``, or the golden images of the bundle."""
    if data is not None:
        return labelled.below(data, labels=target.labels, reference=target.reference)
    if target.path.is_file():
        raise WrongUsage("a single file comes without images", "Name a folder with --data DIR.", where=target.path)
    return labelled.golden(Bundle.open(target.path), target.reference)
