"""Accuracy compared with Keras on the same images: differences, and what follows from the disagreements."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tlpipe.evaluation.significance import LEVEL, drop_bound, mcnemar
from tlpipe.reporting.document import AccuracyFigures, ClassRate, KerasRow
from tlpipe_edge.classify.accuracy import balanced, wilson
from tlpipe_edge.contract import benchmark, confusion
from tlpipe_edge.contract.benchmark import Bench, BenchResult
from tlpipe_edge.contract.evaluation import ArtifactScores, Scores
from tlpipe_edge.contract.scores import ClassCount


def complete(result: BenchResult, bench: Bench) -> tuple[benchmark.Disagreement, ...] | None:
    """The disagreements with Keras if they are complete and their true labels are known; otherwise None.

    An image that could not be read counts as wrong. If it is among the disagreements, Keras has a prediction for it;
    otherwise Keras could not read it either. The Keras prediction for every other image must be known.
    """
    found = result.disagreements
    if found is None or bench.images is None or result.agreement is None or any(each.truth is None for each in found):
        return None
    predicted = {each.file for each in found}
    unreadable = sum(each.file not in predicted for each in bench.images.failed)
    compared = bench.images.count - unreadable if result.compared is None else result.compared
    all_of_them = compared + unreadable == bench.images.count
    return found if all_of_them and len(found) == round((1 - result.agreement) * compared) else None


def derived(result: BenchResult, bench: Bench) -> AccuracyFigures | None:
    """The accuracy of Keras on the images of a result: its predictions are those of the artifact, but where they
    disagree."""
    others = complete(result, bench)
    if others is None or result.per_class is None:
        return None

    lost = Counter(each.truth for each in others if each.truth == each.keras)
    won = Counter(each.truth for each in others if each.truth == each.answer)
    counts = {
        label: ClassCount(c.images, c.correct + lost[label] - won[label]) for label, c in result.per_class.items()
    }
    images, right = sum(c.images for c in counts.values()), sum(c.correct for c in counts.values())
    if not images or not all(0 <= c.correct <= c.images for c in counts.values()):  # contradictory counts
        return None
    return AccuracyFigures(
        right / images,
        wilson(right, images),
        None,
        class_rates(counts, bench.model.labels, {}),
        balanced=balanced(counts.values()),
    )


def measured_accuracy(result: BenchResult, bench: Bench, keras: KerasRow | None) -> AccuracyFigures | None:
    if result.top1 is None or result.top1_interval is None:
        return None
    original = keras.accuracy if keras else None
    others = complete(result, bench)
    p = bound = None
    if others is not None and bench.images is not None:
        only = (sum(each.truth == each.keras for each in others), sum(each.truth == each.answer for each in others))
        p, bound = mcnemar(*only), drop_bound(*only, bench.images.scored)
    of_keras = {rate.label: rate.top1 for rate in original.per_class if rate.top1 is not None} if original else {}
    found = result.cells
    matrix, cells = (None, None) if found is None else confusion.stored(found, len(bench.model.labels))
    return AccuracyFigures(
        top1=result.top1,
        top1_interval=result.top1_interval,
        top5=result.top5,
        per_class=class_rates(result.per_class or {}, bench.model.labels, of_keras),
        confusion=matrix,
        agreement=result.agreement,
        difference=result.top1 - original.top1 if original else None,
        p=p,
        within_noise=None if p is None else p >= LEVEL,
        balanced=balanced(result.per_class.values()) if result.per_class else None,
        drop_bound=bound,
        confusion_cells=cells,
    )


def class_rates(
    counts: Mapping[str, ClassCount], labels: Sequence[str], of_keras: Mapping[str, float]
) -> tuple[ClassRate, ...]:
    rates = []
    for label in labels:
        if label in counts:
            images, correct = counts[label].images, counts[label].correct
            top1 = correct / images if images else None
            difference = None if top1 is None or label not in of_keras else top1 - of_keras[label]
            rates.append(ClassRate(label, images, correct, top1, difference))
    return tuple(rates)


def rated(scores: Scores, labels: Sequence[str]) -> AccuracyFigures:
    """The accuracy of Keras by ``evaluate``."""
    return AccuracyFigures(
        scores.top1,
        scores.top1_interval,
        scores.top5,
        class_rates(scores.per_class, labels, {}),
        balanced=balanced(scores.per_class.values()),
    )


def scored(scores: ArtifactScores, original: Scores, labels: Sequence[str]) -> AccuracyFigures:
    """The accuracy of an artifact by ``evaluate``."""
    of_keras = {label: c.correct / c.images for label, c in original.per_class.items() if c.images}
    return replace(
        rated(scores, labels),
        per_class=class_rates(scores.per_class, labels, of_keras),
        agreement=scores.agreement,
        difference=scores.top1 - original.top1,
        p=scores.mcnemar_p,
        within_noise=None if scores.mcnemar_p is None else scores.mcnemar_p >= LEVEL,
        drop_bound=scores.drop_bound,
    )
