"""The images on which an artifact and Keras disagree, with thumbnails."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

import numpy as np

from tlpipe.reporting.derive.groups import EVALUATION
from tlpipe.reporting.derive.image_files import ImageFiles
from tlpipe.reporting.document import ArtifactAnswer, DisagreementCard, Group
from tlpipe.reporting.inputs import Sources
from tlpipe_edge.contract.benchmark import Disagreement

MAX_CARDS = 24
"""Maximum number of images on the page; report.json lists all."""


@dataclass(frozen=True)
class _Found:
    """A disagreement, the group that it was found in, and the number format of the file."""

    group: str
    recipe: str
    here: Disagreement


def disagreements(groups: Sequence[Group], sources: Sources, files: ImageFiles) -> tuple[DisagreementCard, ...]:
    """One card per image; images that Keras predicts correctly and an artifact does not come first.

    They are those of the benchmarks and those of the evaluation, which also has the files that were not timed, but no
    scores: it only adds what no benchmark has found, nor contradicts.
    """
    benched = [*_of_benches(groups, sources)]
    known = {(each.here.image, each.recipe, each.here.answer) for each in benched}
    by_keras = {each.here.image: each.here.keras for each in benched}
    evaluated = [
        each
        for each in _of_evaluation(sources, files)
        if (each.here.image, each.recipe, each.here.answer) not in known
        and by_keras.get(each.here.image, each.here.keras) == each.here.keras
    ]
    answers: dict[str, dict[tuple[str | None, float | None], tuple[list[str], list[str]]]] = {}
    first: dict[str, Disagreement] = {}
    for each in (*benched, *evaluated):
        first.setdefault(each.here.image, each.here)
        of_image = answers.setdefault(each.here.image, {})
        recipes, where = of_image.setdefault((each.here.answer, each.here.score), ([], []))
        recipes.append(each.recipe)
        where.append(each.group)
    found = [
        DisagreementCard(
            image=each.image,
            file=PurePath(each.file).name,
            truth=each.truth,
            keras=each.keras,
            keras_score=each.keras_score,
            answers=tuple(
                ArtifactAnswer(answer, score, tuple(dict.fromkeys(recipes)), tuple(dict.fromkeys(where)))
                for (answer, score), (recipes, where) in answers[each.image].items()
            ),
        )
        for each in first.values()
    ]
    found.sort(key=lambda each: (_gravity(each), -(each.keras_score or 0)))
    shown = {each.image: first[each.image].file for each in found[:MAX_CARDS]}
    pictures = files.thumbnails(shown)
    return tuple(replace(each, thumbnail=pictures.get(each.image)) for each in found)


def _of_benches(groups: Sequence[Group], sources: Sources) -> Iterator[_Found]:
    for group, source in zip(groups, sources.benches, strict=False):
        for row, result in zip(group.rows, source.bench.results, strict=True):
            for each in result.disagreements or ():
                yield _Found(group.name, row.recipe, each)


def _of_evaluation(sources: Sources, files: ImageFiles) -> Iterator[_Found]:
    if sources.bundle is None or sources.predictions is None:
        return
    manifest, found = sources.bundle.manifest, sources.predictions
    labels = (*manifest.labels, None)  # the last, -1, is that of an image that could not be read
    for artifact in manifest.artifacts:
        predicted = found.artifacts.get(artifact.sha256, found.keras)
        for place in np.flatnonzero((found.keras >= 0) & (predicted != found.keras)):
            image = bytes(found.images[place]).hex()
            here = Disagreement(
                image=image,
                file=files.named(image),
                truth=manifest.labels[found.true_labels[place]],
                keras=manifest.labels[found.keras[place]],
                answer=labels[predicted[place]],
            )
            yield _Found(EVALUATION, artifact.recipe, here)


def _gravity(each: DisagreementCard) -> int:
    """0 if Keras is correct, 1 if an artifact is, 2 if none is or the true label is unknown."""
    if each.truth is None:
        return 2
    return 0 if each.keras == each.truth else 1 if any(a.answer == each.truth for a in each.answers) else 2
