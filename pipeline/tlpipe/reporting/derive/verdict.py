"""The verdict in words: for each device the answer first, then what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tlpipe.evaluation.significance import LEVEL
from tlpipe.evaluation.worth import Worth, worth
from tlpipe.reporting.derive.choice import Ranks, choose, known
from tlpipe.reporting.document import AccuracyFigures, Basis, Choice, Group, Row, Verdict
from tlpipe.reporting.sentences import Part, Sentence, name, number, sentence, text
from tlpipe_edge.console.text import most_points
from tlpipe_edge.contract.scores import ClassCount

Phrase = tuple[str | Part, ...]

NOT_VALID = "no latency is valid yet"
_TRAIN = "Add images, or train longer."
_CHECK = "Check the order of its labels, and its normalization."
DOMINANT = 0.1
"""The largest class is named if its share is this much above that of an average class."""


def verdict(groups: Sequence[Group], ranks: Ranks, *, adopted: bool) -> Verdict:
    """A sentence for all groups, and one for each group with a measured device. ``adopted``: not trained here."""
    measured = [index for index, group in enumerate(groups) if group.device] or list(range(len(groups)))
    choices = tuple(_choice(index, groups, ranks, adopted=adopted) for index in measured)
    judged = max(choices, key=lambda each: each.images or 0)  # the same model on all devices
    alone = judged.hardly_better or len(choices) == 1
    parts = judged.sentence if alone else _of_several(groups, [each for each in choices if not each.hardly_better])
    return Verdict(text(parts), parts, choices)


def _choice(index: int, groups: Sequence[Group], ranks: Ranks, *, adopted: bool) -> Choice:
    group = groups[index]
    place = choose(group.rows, groups, ranks)
    row = group.rows[place]
    basis = Basis.LATENCY if row.valid and row.invoke_ms else Basis.SIZE
    accuracy, images = known(row, groups, group)
    found = worth_of(accuracy)
    hardly_better = found is not None and found.hardly_better
    if found and hardly_better:
        words = useless(found, adopted=adopted)
    else:
        words = _sentence(group, row, basis, accuracy, images)
    if accuracy is not None:
        accuracy = replace(accuracy, per_class=(), confusion=None, confusion_cells=None)
    return Choice(index, place, basis, accuracy, images, hardly_better, words)


def worth_of(accuracy: AccuracyFigures | None) -> Worth | None:
    """What the top-1 of an accuracy is worth; None if its classes are unknown."""
    counts: Mapping[str, ClassCount] = {
        rate.label: ClassCount(rate.images, rate.correct) for rate in (accuracy.per_class if accuracy else ())
    }
    return worth(counts) if counts else None


def useless(found: Worth, *, adopted: bool) -> Sentence:
    """That the model is hardly better than a guess, and what to do about it."""
    guess: Phrase = ("chance: always naming one class is right on ",)
    if found.largest_share >= found.chance + DOMINANT:
        guess = ("always naming the largest class, ", name(found.largest), ", which is right on ")
    begin = ("Do not use this model yet: it is hardly better than ", *guess, number(found.largest_share, "percent"))
    mean = (", and its balanced accuracy is ", number(found.balanced, "percent"), ". ")
    return sentence(
        *begin, "; its ", *_top1(found.top1, found.interval, found.images), *mean, _CHECK if adopted else _TRAIN
    )


def _sentence(group: Group, row: Row, basis: Basis, accuracy: AccuracyFigures | None, images: int | None) -> Sentence:
    right = _accuracy(accuracy, images)
    begin: Phrase = ("Use ", name(row.recipe), *((" on ", name(group.name)) if group.device else ()), ": ")
    if basis is Basis.SIZE:
        return sentence(*begin, *_size(row), "; ", *right, f"; {_why_no_latency(group, row)}.")
    speed = [_latency(row)]
    way, speedup = ("predict", row.speedup_predict) if row.speedup is None else ("compiled", row.speedup)
    if speedup is not None and group.keras and group.keras.valid:
        speed.append((number(speedup, "times as"), f" as fast as Keras ({way})"))
    size = _size(row, than="" if len(speed) > 1 else " than Keras")
    if _is_ratio(row):
        speed.append(size)
    return sentence(*begin, *_joined(speed), "; ", *(() if _is_ratio(row) else (*size, "; ")), *right, ".")


def _why_no_latency(group: Group, row: Row) -> str:
    if not group.device:
        return "its latency is not measured yet"
    if group.emulated:
        return "latency is not measured on emulated devices"
    if row.invoke_ms is None:
        return "its latency is not measured"
    return "its latency is not valid" if any(each.valid and each.invoke_ms for each in group.rows) else NOT_VALID


def _latency(row: Row) -> Phrase:
    threads: Phrase = ()
    if row.threads is not None:
        threads = (" with ", number(row.threads, "count"), " thread" if row.threads == 1 else " threads")
    return (number(_p50(row), "ms"), " per image", *threads)


def _p50(row: Row) -> float:
    return row.invoke_ms.p50 if row.invoke_ms else float("inf")


def _size(row: Row, *, than: str = " than Keras") -> Phrase:
    if not _is_ratio(row) or row.size_ratio is None:
        return ("a file of ", number(row.bytes, "megabytes"))
    return (number(row.size_ratio, "times as"), " smaller" + than)


def _is_ratio(row: Row) -> bool:
    return row.size_ratio is not None and row.size_ratio >= 1


def _accuracy(accuracy: AccuracyFigures | None, images: int | None) -> Phrase:
    if accuracy is None or images is None:
        return ("its accuracy was not measured",)
    low, high = accuracy.top1_interval
    alike: Phrase = ()
    if accuracy.agreement is not None and accuracy.difference is not None:
        alike = ("; it names the same class as Keras on ", number(accuracy.agreement, "percent"))
    mostly_wrong = (", wrong more often than right",) if accuracy.top1 < 0.5 else ()
    return (*_top1(accuracy.top1, (low, high), images), *mostly_wrong, *_against_keras(accuracy), *alike)


def _top1(top1: float, interval: tuple[float, float], images: int) -> Phrase:
    low, high = interval
    span = (" (95 % interval ", number(low, "bare percent"), " to ", number(high, "percent"), ")")
    return (
        "top-1 is ",
        number(top1, "percent"),
        *span,
        " on ",
        number(images, "count"),
        " image" if images == 1 else " images",
    )


def _against_keras(accuracy: AccuracyFigures) -> Phrase:
    """How much worse than Keras the file can be; without a bound, the difference on these images."""
    difference, bound = accuracy.difference, accuracy.drop_bound
    if difference is None:
        return ()
    if bound is None and difference == 0:
        return (", as Keras on these images",)
    if bound is None:
        direction = "below" if difference < 0 else "above"
        return (", ", number(difference, "fewer points"), f" {direction} Keras")
    if most_points(bound) == 0:
        return (", not worse than Keras (95 %)",)
    if bound < 0:
        return (", at least ", number(bound, "at least points"), " better than Keras (95 %)")
    worse: Phrase = (", at most ", number(bound, "at most points"), " worse than Keras (95 %)")
    if difference < 0 and accuracy.p is not None and accuracy.p < LEVEL:
        return (", ", number(difference, "fewer points"), " below Keras, more than chance", *worse)
    return worse


def _of_several(groups: Sequence[Group], choices: Sequence[Choice]) -> Sentence:
    """One sentence for several devices: by latency, or else by the rank of the formats."""
    timed = [each for each in choices if each.basis is Basis.LATENCY]
    taken = [(groups[each.group], groups[each.group].rows[each.row]) for each in timed or choices]
    recipes = {row.recipe for _, row in taken}
    places: list[Phrase] = []
    for group, row in taken:
        file: Phrase = () if len(recipes) == 1 else (name(row.recipe), " on ")
        places.append((*file, name(group.name), *((" (", number(_p50(row), "ms"), ")") if timed else ())))
    parts: list[str | Part] = ["Use "]
    parts += [name(taken[0][1].recipe), " on "] if len(recipes) == 1 else []
    parts += _joined(places)
    left = [groups[each.group] for each in choices if each not in timed]
    if not timed and not any(row.valid and row.invoke_ms for group, _ in taken for row in group.rows):
        parts += [f"; {NOT_VALID}"]
    elif left or not timed:
        places = [(name(group.name),) for group in left or [group for group, _ in taken]]
        parts += ["; there is no valid latency of the recommended file on ", *_joined(places)]
    scored = [each for each in timed or choices if each.accuracy]
    if scored:
        worst = max(scored, key=lambda each: _worst_drop(each.accuracy))
        recipe = name(groups[worst.group].rows[worst.row].recipe)
        which: Phrase = () if len(recipes) == 1 else ("at worst, for ", recipe, ": ")
        parts += ["; ", *which, *_accuracy(worst.accuracy, worst.images)]
    return sentence(*parts, ".")


def _worst_drop(accuracy: AccuracyFigures | None) -> float:
    if accuracy is None:
        return 0.0
    return -(accuracy.difference or 0.0) if accuracy.drop_bound is None else accuracy.drop_bound


def _joined(phrases: Sequence[Phrase]) -> list[str | Part]:
    """Phrases with commas and an "and" between them."""
    parts: list[str | Part] = []
    for place, phrase in enumerate(phrases):
        if place:
            parts.append(" and " if place == len(phrases) - 1 else ", ")
        parts += phrase
    return parts
