"""The document of ``evaluate``: the accuracy of Keras and of every artifact on the same images.

A history of the format, by its schema number:

1 - (tlpipe 0.1.0) The first. Added since, without a new number: trained_on, which was the end of split;
    balanced_accuracy, drop_bound and gate.min_agreement. gate.max_drop can be null, if only min_agreement was set;
    0.1.0 always writes a number.

Unknown keys are ignored. A key may be missing if its field has a default.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from annotated_types import Interval

from tlpipe_edge.console import notebook
from tlpipe_edge.console.text import percent
from tlpipe_edge.contract import checksums, codec
from tlpipe_edge.contract.codec import Misfit, require_schema
from tlpipe_edge.contract.ranges import Count, Difference, Interval95, Positive, Share
from tlpipe_edge.contract.scores import ClassCount, Failed, Rates
from tlpipe_edge.contract.version_0_1_0 import trained_on
from tlpipe_edge.errors import BadData

SCHEMA = 1
AGAIN = "Run tlpipe evaluate again."


@dataclass(frozen=True, kw_only=True)
class Scores(Rates):
    """The accuracy of a model. ``ties`` counts images with two or more best scores. ``balanced_accuracy`` is the mean
    of the top-1 of the classes with images."""

    top1: Share = field()  # without field(), these would have the defaults of Rates
    top1_interval: Interval95 = field()
    top5: Share = field()
    per_class: dict[str, ClassCount] = field()
    ties: Count | None = None
    balanced_accuracy: Share | None = None


@dataclass(frozen=True, kw_only=True)
class ArtifactScores(Scores):
    """The accuracy of an artifact, and its comparison with Keras: ``agreement`` (the share of equal predictions), the
    absolute differences of probabilities, and the p-value of McNemar's exact test of the difference in top-1.

    ``drop_bound`` is the upper bound of the drop of top-1 below Keras (one-sided, 95 %, by Tango's score test).
    """

    recipe: str
    file: str
    sha256: str
    bytes: Positive
    agreement: Share | None = None
    max_probability_difference: Share | None = None
    mean_probability_difference: Share | None = None
    mcnemar_p: Share | None = None
    drop_bound: Difference | None = None


@dataclass(frozen=True)
class Gate:
    """Whether the top-1 of every artifact is at most ``max_drop`` below that of Keras, and its agreement with Keras at
    least ``min_agreement``. A limit that was not set is None."""

    max_drop: float | None
    passed: bool
    failures: tuple[str, ...]
    min_agreement: float | None = None


@dataclass(frozen=True)
class Evaluation:
    """The document that ``evaluate --json`` prints. ``split`` names the images, ``images`` counts them.

    ``trained_on`` is the number of training images among them, for which accuracy is too high (None: unknown).
    """

    images: Positive
    split: str
    keras: Scores
    artifacts: tuple[ArtifactScores, ...]
    failed_images: tuple[Failed, ...]
    gate: Gate | None = None
    trained_on: Count | None = None
    schema: Annotated[int, Interval(ge=SCHEMA, le=SCHEMA)] = SCHEMA

    def _repr_html_(self) -> str:
        """The scores as a table, for a notebook."""
        rows = [("Keras", percent(self.keras.top1), percent(self.keras.top5), "-")]
        rows += [
            (each.recipe, percent(each.top1), percent(each.top5), percent(each.agreement)) for each in self.artifacts
        ]
        header = ("", "top-1", "top-5", "agreement with Keras")
        return notebook.table(f"{self.images} images ({self.split})", header, rows)

    def to_json(self) -> str:
        """The document as indented JSON, its schema number first, its checksum last."""
        return codec.indented(checksums.sealed({"schema": self.schema} | codec.as_json(self)))


def evaluation(document: Any, labels: Sequence[str], where: str) -> Evaluation:
    """Read an evaluation of a model with these labels. Raise BadData, which begins with ``where``."""
    if not isinstance(document, dict):
        raise BadData("not an evaluation", AGAIN, where=where)
    require_schema(document, SCHEMA, where)
    found = codec.read(Evaluation, document, where, AGAIN)
    checksums.check_seal(document, where, AGAIN)
    try:
        places = {".keras": found.keras} | {f".artifacts[{at}]": each for at, each in enumerate(found.artifacts)}
        for place, scores in places.items():
            if set(scores.per_class) != set(labels):
                raise Misfit("its classes are not those of the model", f"{place}.per_class")
    except Misfit as misfit:
        raise BadData(f"{misfit}", AGAIN, where=where) from misfit
    if found.trained_on is not None:
        return found
    split, count = trained_on(found.split)
    return replace(found, split=split, trained_on=count)
