"""The verdict: which file to use on which device, and how it compares with Keras."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from tlpipe.conversion.recipes import preference
from tlpipe.reporting import invalid_reasons
from tlpipe.reporting.document import AccuracyFigures, Basis, Choice, Group, Row, Verdict
from tlpipe.reporting.sentences import Part, Sentence, name, number, quoted, sentence, text

Phrase = tuple[str | Part, ...]

MAX_DROP = 0.01
"""Maximum drop of top-1 below Keras: a file with a larger drop is recommended only if there is no other."""
MIN_IMAGES = 100
"""Minimum number of images for an accuracy, if there is another accuracy on more images."""
AS_FAST = 1.05
"""Among rows whose median is within this factor of the fastest, the smallest file is recommended, with the fewest
threads: a thread that gains less costs throughput and heat."""

Ranks = Mapping[str, int]
"""The sha256 of a file -> its rank in the manifest."""


def verdict(groups: Sequence[Group], ranks: Ranks) -> Verdict:
    """A sentence for all groups, and one for each group with a measured device."""
    measured = [index for index, group in enumerate(groups) if group.device] or list(range(len(groups)))
    choices = tuple(_choice(index, groups, ranks) for index in measured)
    parts = choices[0].sentence if len(choices) == 1 else _of_several(groups, choices)
    return Verdict(text(parts), parts, choices)


def _choice(index: int, groups: Sequence[Group], ranks: Ranks) -> Choice:
    group = groups[index]
    place = choose(group.rows, groups, ranks)
    row = group.rows[place]
    basis = Basis.LATENCY if row.valid and row.invoke_ms else Basis.SIZE
    accuracy, images = _known(row, groups, group)
    words = _sentence(group, row, basis, accuracy, images)
    if accuracy is not None:
        accuracy = replace(accuracy, per_class=(), confusion=None)
    return Choice(index, place, basis, accuracy, images, words)


def choose(rows: Sequence[Row], groups: Sequence[Group], ranks: Ranks) -> int:
    """The index of the recommended row: the fastest valid row with an acceptable accuracy; without a valid latency, by
    the rank of the formats."""
    timed = _near([row for row in rows if row.valid and row.invoke_ms], groups)
    if not timed:
        return _preferred(rows, groups, ranks)
    fastest = min(map(_p50, timed))
    as_fast = [row for row in timed if _p50(row) <= AS_FAST * fastest]
    return rows.index(min(as_fast, key=lambda row: (row.bytes, row.threads or 0, _p50(row))))


def _preferred(rows: Sequence[Row], groups: Sequence[Group], ranks: Ranks) -> int:
    """Without latency: the format that devices use if none is named, among those with an acceptable accuracy."""
    near = _near(list(rows), groups)
    ranked = all(row.sha256 in ranks for row in near)  # ranks order only the files of one bundle
    return rows.index(min(near, key=lambda row: ranks[row.sha256] if ranked else preference(row.recipe)))


def _known(row: Row, groups: Sequence[Group], group: Group | None = None) -> tuple[AccuracyFigures | None, int | None]:
    """The accuracy of a row's file for the choice: if possible with a difference to Keras, and on enough images.

    The accuracy of the row itself comes first. A benchmark without --data has scored only the few golden images.
    """
    places = ([(group, row)] if group else []) + [(g, r) for g in groups for r in g.rows if r.sha256 == row.sha256]
    found = [(r.accuracy, g.images.scored) for g, r in places if r.accuracy and g.images]
    return max(found, key=lambda each: (each[0].difference is not None, min(each[1], MIN_IMAGES)), default=(None, None))


def _p50(row: Row) -> float:
    return row.invoke_ms.p50 if row.invoke_ms else float("inf")


def _near(rows: list[Row], groups: Sequence[Group]) -> list[Row]:
    """The rows with an acceptable accuracy: within MAX_DROP of Keras, or else within noise, or else all."""
    known = {row.sha256: _known(row, groups)[0] for row in rows}

    def enough(accuracy: AccuracyFigures | None) -> bool:
        return accuracy is None or accuracy.difference is None or accuracy.difference >= -MAX_DROP - 1e-12

    def noise(accuracy: AccuracyFigures | None) -> bool:
        return accuracy is not None and accuracy.within_noise is True

    tests: tuple[Callable[[AccuracyFigures | None], bool], ...] = (enough, noise)
    return next((kept for test in tests if (kept := [row for row in rows if test(known[row.sha256])])), rows)


def _sentence(group: Group, row: Row, basis: Basis, accuracy: AccuracyFigures | None, images: int | None) -> Sentence:
    where = name(group.name)
    right = _accuracy(accuracy, images)
    if basis is Basis.SIZE and group.doubt:
        kinds = invalid_reasons.kinds(reason for each in group.rows for reason in each.reasons)
        begin: Phrase = ("No latency on ", where, " is valid (", *_joined([(quoted(each),) for each in kinds]), ")")
        alone = "; until then, use the format that is usually the fastest, "
        return sentence(*begin, alone, name(row.recipe), ": ", *_size(row), "; ", *right, ".")
    begin = ("Use ", name(row.recipe), *((" on ", where) if group.device else ()), ": ")
    if basis is Basis.SIZE:
        reason = "latency is not measured on emulated devices" if group.emulated else "its latency is not measured yet"
        return sentence(*begin, *_size(row), "; ", *right, f"; {reason}.")
    speed = [_latency(row)]
    way, speedup = ("predict", row.speedup_predict) if row.speedup is None else ("compiled", row.speedup)
    if speedup is not None and group.keras:
        doubt = "" if group.keras.valid else "; its measurement is invalid"
        speed.append((number(speedup, "times as"), f" as fast as Keras ({way}{doubt})"))
    size = _size(row, than="" if len(speed) > 1 else " than Keras")
    if _is_ratio(row):
        speed.append(size)
    return sentence(*begin, *_joined(speed), "; ", *(() if _is_ratio(row) else (*size, "; ")), *right, ".")


def _latency(row: Row) -> Phrase:
    threads: Phrase = ()
    if row.threads is not None:
        threads = (" with ", number(row.threads, "count"), " thread" if row.threads == 1 else " threads")
    return (number(_p50(row), "ms"), " per image", *threads)


def _size(row: Row, *, than: str = " than Keras") -> Phrase:
    if row.size_ratio is None or row.size_ratio < 1:
        return ("a file of ", number(row.bytes, "megabytes"))
    return (number(row.size_ratio, "times as"), " smaller" + than)


def _is_ratio(row: Row) -> bool:
    return row.size_ratio is not None and row.size_ratio >= 1


def _accuracy(accuracy: AccuracyFigures | None, images: int | None) -> Phrase:
    if accuracy is None or images is None:
        return ("its accuracy was not measured",)
    top1: Phrase = ("top-1 is ", number(accuracy.top1, "percent"), " on ", number(images, "count"), " images")
    difference = accuracy.difference
    if difference is None:
        return top1
    if difference == 0:
        return (*top1, ", the same as Keras")
    direction = " below Keras" if difference < 0 else " above Keras"
    noise: Phrase = (", and it is unknown whether that is within noise",)
    if accuracy.p is not None:
        noise = (
            ", within noise" if accuracy.within_noise else ", statistically significant",
            " (p = ",
            number(accuracy.p, "p"),
            ")",
        )
    return (*top1, ", ", number(difference, "fewer points"), direction, *noise)


def _of_several(groups: Sequence[Group], choices: Sequence[Choice]) -> Sentence:
    """One sentence for several devices: by latency, or else the format that is usually the fastest."""
    timed = [each for each in choices if each.basis is Basis.LATENCY]
    taken = [(groups[each.group], groups[each.group].rows[each.row]) for each in timed or choices]
    recipes = {row.recipe for _, row in taken}
    places: list[Phrase] = []
    for group, row in taken:
        file: Phrase = () if len(recipes) == 1 else (name(row.recipe), " on ")
        places.append((*file, name(group.name), *((" (", number(_p50(row), "ms"), ")") if timed else ())))
    alone = () if timed else ("Without a valid latency, use the format that is usually the fastest, ",)
    parts: list[str | Part] = [*(alone or ("Use ",))]
    parts += [name(taken[0][1].recipe), " on "] if len(recipes) == 1 else []
    parts += _joined(places)
    left = [groups[each.group] for each in choices if timed and each not in timed]
    if left:
        parts += ["; there is no valid latency on ", *_joined([(name(group.name),) for group in left])]
    scored = [each for each in timed or choices if each.accuracy]
    if scored and len(recipes) == 1:
        worst = min(scored, key=lambda each: each.accuracy.difference or 0 if each.accuracy else 0)
        parts += ["; ", *_accuracy(worst.accuracy, worst.images)]
    return sentence(*parts, ".")


def _joined(phrases: Sequence[Phrase]) -> list[str | Part]:
    """Phrases with commas and an "and" between them."""
    parts: list[str | Part] = []
    for place, phrase in enumerate(phrases):
        if place:
            parts.append(" and " if place == len(phrases) - 1 else ", ")
        parts += phrase
    return parts
