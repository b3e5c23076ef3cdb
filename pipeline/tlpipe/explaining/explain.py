"""Which layers int8 hurts: the signal-to-noise ratio of each layer, of a bundle or of a run."""

import hashlib
from collections.abc import Iterable

import numpy as np

from tlpipe.explaining import images, layers, noise
from tlpipe.runs import exported, run_folder
from tlpipe.runs.run_folder import Run
from tlpipe.storage import atomic, locks
from tlpipe_edge.classify.classifier import Classifier
from tlpipe_edge.console import progress
from tlpipe_edge.console.interrupted import kept
from tlpipe_edge.contract.bundle import EVALUATION, EXPLANATION, MANIFEST, Bundle
from tlpipe_edge.contract.explanation import Explanation
from tlpipe_edge.errors import Busy, WrongUsage

INT8, FLOAT32 = "int8", "float32"


@kept("The explanation was not written.")
def of_bundle(bundle: Bundle) -> Explanation:
    """Compare the int8 file of a bundle with its float32 file, and write explanation.json into it.

    Without a float32 file, the Keras model is converted. The images are those of the calibration that are still there
    and unchanged. Raise WrongUsage if the bundle has no int8 file, MissingInput if its Keras model is needed and not
    there, the errors of ``images.of_bundle`` and of iterating over its result, BadData if a file is damaged, Busy if
    another process evaluates, explains or replaces the bundle.
    """
    recipes = [artifact.recipe for artifact in bundle.manifest.artifacts]
    if INT8 not in recipes:
        raise WrongUsage(
            f"no int8 file in this bundle: it has {', '.join(recipes)}",
            "Export one: tlpipe export RUN --quantize int8 --quantize float32",
            where=bundle.path,
        )
    atomic.check_writable(bundle.path)
    locks.check_free(bundle.path)
    with atomic.together(bundle.path / EVALUATION) as written:  # the lock of who writes results into a bundle
        manifest = (bundle.path / MANIFEST).read_bytes()
        artifact, int8 = bundle.artifact(INT8), _checked(bundle, INT8)
        chosen = images.of_bundle(bundle)
        float32 = _checked(bundle, FLOAT32) if FLOAT32 in recipes else _converted(bundle)
        found = _explained(artifact.file, float32, int8, chosen)
        if (bundle.path / MANIFEST).read_bytes() != manifest:
            raise Busy("replaced while it was compared", "Explain it again.", where=bundle.path)
        (written / EXPLANATION).write_text(found.to_json() + "\n", "utf-8")
    return found


def of_run(run: Run) -> Explanation:
    """Convert the best stage of a run to float32 and int8 in memory, and compare both. Nothing is stored.

    Raise the errors of ``run_folder.check`` and of ``converted.both``.
    """
    run_folder.check(run.best_stage)
    progress.say(f"{run.path}: {run.best} is converted in memory, and nothing is stored; for a file, name its bundle")
    from tlpipe.explaining import converted

    float32, int8, representative = converted.both(run)
    few = representative.pixels[: images.MAX_IMAGES]
    return _explained(None, float32, int8, progress.track(few, description="comparing int8 with float32"))


def _explained(file: str | None, float32: bytes, int8: bytes, pixels: Iterable[np.ndarray]) -> Explanation:
    matched = layers.matched(float32, int8)
    count, found = noise.measured(float32, int8, matched, pixels)
    return Explanation(
        file=file,
        sha256=hashlib.sha256(int8).hexdigest(),
        float32=hashlib.sha256(float32).hexdigest(),
        images=count,
        layers=tuple(found),
        uncompared=len(matched.uncompared),
        uncompared_first=matched.uncompared[: layers.FIRST],
    )


def _checked(bundle: Bundle, recipe: str) -> bytes:
    """The content of a file of the bundle, whose structure was checked, and that has run in a child process."""
    Classifier.open(bundle.path, recipe=recipe)
    return bundle.read(bundle.artifact(recipe))


def _converted(bundle: Bundle) -> bytes:
    """The Keras model of the bundle as a float32 file."""
    otherwise = "Move its run back, or export it again with --quantize int8 --quantize float32."
    keras_file = exported.original(bundle, otherwise=otherwise)
    from tlpipe.explaining import converted

    return converted.float32(keras_file)
