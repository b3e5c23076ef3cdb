"""The images on which an artifact and Keras disagree, with thumbnails."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from tlpipe.reporting.derive import thumbnails
from tlpipe.reporting.document import ArtifactAnswer, DisagreementCard, Group
from tlpipe.reporting.inputs import Sources
from tlpipe_edge.contract import benchmark

MAX_CARDS = 24
"""Maximum number of images on the page; report.json lists all."""


def disagreements(groups: Sequence[Group], sources: Sources) -> tuple[DisagreementCard, ...]:
    """One card per image; images that Keras predicts correctly and an artifact does not come first."""
    answers: dict[str, dict[tuple[str | None, float | None], tuple[list[str], list[str]]]] = {}
    first: dict[str, benchmark.Disagreement] = {}
    for group, source in zip(groups, sources.benches, strict=False):
        for row, result in zip(group.rows, source.bench.results, strict=True):
            for each in result.disagreements or ():
                first.setdefault(each.image, each)
                of_image = answers.setdefault(each.image, {})
                recipes, where = of_image.setdefault((each.answer, each.score), ([], []))
                recipes.append(row.recipe)
                where.append(group.name)
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
    folders = tuple(dict.fromkeys(Path(source.name).parent for source in sources.benches))
    pictures = thumbnails.thumbnails(shown, bundle=sources.bundle, folders=folders)
    return tuple(replace(each, thumbnail=pictures.get(each.image)) for each in found)


def _gravity(each: DisagreementCard) -> int:
    """0 if Keras is correct, 1 if an artifact is, 2 if none is or the true label is unknown."""
    if each.truth is None:
        return 2
    return 0 if each.keras == each.truth else 1 if any(a.answer == each.truth for a in each.answers) else 2
