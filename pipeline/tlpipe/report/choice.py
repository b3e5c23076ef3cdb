"""The verdict: which artifact to take on which device, and how it compares with Keras."""

from collections.abc import Callable, Sequence

from tlpipe.report.document import Accuracy, Choice, Group, Part, Row, Sentence, Verdict, name, number, sentence, text
from tlpipe_edge.bundle import PREFERENCE

Phrase = tuple[str | Part, ...]

MAX_DROP = 0.01
"""A file whose top-1 is further below Keras's is taken only where no other is nearer."""
AS_FAST = 1.05
"""Of files within this factor of the fastest one's median, the smallest is taken."""


def verdict(groups: Sequence[Group]) -> Verdict:
    """A sentence for all groups, and one for each of them that something was measured on."""
    measured = [index for index, group in enumerate(groups) if group.device] or list(range(len(groups)))
    choices = tuple(_choice(index, groups[index]) for index in measured)
    whole = choices[0].sentence if len(choices) == 1 else _of_several(groups, choices)
    return Verdict(text(whole), whole, choices)


def _choice(index: int, group: Group) -> Choice:
    row = choose(group)
    return Choice(index, row, _sentence(group, None if row is None else group.rows[row]))


def choose(group: Group) -> int | None:
    """The fastest valid row near enough to Keras; by the usual order of formats where nothing was timed.

    None where something was timed, and all of it is invalid.
    """
    valid = [row for row in group.rows if row.valid]
    timed = [row for row in valid if row.invoke_ms is not None]
    near = _near(timed or valid)
    if not near or (not timed and any(row.invoke_ms for row in group.rows)):
        return None
    if not timed:
        order = [recipe for recipe in PREFERENCE if recipe in [row.recipe for row in near]]
        best = next((row for recipe in order for row in near if row.recipe == recipe), near[0])
    else:
        fastest = min(_p50(row) for row in near)
        best = min(near, key=lambda row: (_p50(row) > AS_FAST * fastest, row.bytes, row.threads or 0, _p50(row)))
        if _p50(best) > AS_FAST * fastest:
            best = min(near, key=_p50)
    return group.rows.index(best)


def _p50(row: Row) -> float:
    return row.invoke_ms.p50 if row.invoke_ms else float("inf")


def _near(rows: list[Row]) -> list[Row]:
    """Those near enough to Keras in accuracy: by the gate, or else by noise, or else all."""

    def enough(accuracy: Accuracy | None) -> bool:
        return accuracy is None or accuracy.difference is None or accuracy.difference >= -MAX_DROP - 1e-12

    def noise(accuracy: Accuracy | None) -> bool:
        return accuracy is not None and accuracy.within_noise is True

    tests: tuple[Callable[[Accuracy | None], bool], ...] = (enough, noise)
    return next((kept for test in tests if (kept := [row for row in rows if test(row.accuracy)])), rows)


def _sentence(group: Group, row: Row | None) -> Sentence:
    where = name(group.name)
    if row is None:
        reasons = dict.fromkeys(reason for each in group.rows for reason in each.invalid_reasons)
        return sentence(
            "No file can be recommended on ", where, ": every latency measured there is invalid (", *_list(reasons), ")."
        )
    latency = row.invoke_ms
    if latency is None:
        begin: Phrase = ("Take ", name(row.recipe), *((" on ", where) if group.device else ()))
        reason = "on this emulated device nothing was timed" if group.emulated else "its latency is not measured yet"
        return sentence(*begin, ": ", *_size(row), "; ", *_accuracy(row.accuracy), f"; {reason}.")
    speed = [_latency(row)]
    if row.speedup is not None and group.keras:
        doubt = "" if group.keras.valid else ", an invalid measurement"
        speed.append((number(row.speedup, "times as"), f" as fast as Keras (compiled{doubt})"))
    elif row.speedup_predict is not None:
        speed.append((number(row.speedup_predict, "times as"), " as fast as Keras (predict)"))
    speed.append(_size(row, than="" if len(speed) > 1 else " than Keras"))
    return sentence("Take ", name(row.recipe), " on ", where, ": ", *_joined(speed), "; ", *_accuracy(row.accuracy), ".")


def _latency(row: Row) -> Phrase:
    threads: Phrase = ()
    if row.threads is not None:
        threads = (" with ", number(row.threads, "count"), " thread" if row.threads == 1 else " threads")
    return (number(_p50(row), "ms"), " an image", *threads)


def _size(row: Row, *, than: str = " than Keras") -> Phrase:
    if row.size_ratio is None or row.size_ratio < 1:
        return (number(row.bytes, "megabytes"),)
    return (number(row.size_ratio, "times as"), " smaller" + than)


def _accuracy(accuracy: Accuracy | None) -> Phrase:
    if accuracy is None:
        return ("its accuracy was not measured",)
    top1: Phrase = ("top-1 is ", number(accuracy.top1, "percent"))
    difference = accuracy.difference
    if difference is None:
        return top1
    if difference == 0:
        return (*top1, ", the same as Keras")
    direction = " below Keras" if difference < 0 else " above Keras"
    noise: Phrase = (", and nobody can tell whether that is noise",)
    if accuracy.p is not None:
        noise = (", within noise" if accuracy.within_noise else ", more than noise", " (p = ", number(accuracy.p, "p"), ")")
    return (*top1, ", ", number(difference, "fewer points"), direction, *noise)


def _of_several(groups: Sequence[Group], choices: Sequence[Choice]) -> Sentence:
    taken = [(groups[each.group], groups[each.group].rows[each.row]) for each in choices if each.row is not None]
    if not taken:
        return sentence("No file can be recommended: every latency measured on these devices is invalid.")
    recipes = {row.recipe for _, row in taken}
    timed = all(row.invoke_ms for _, row in taken)
    places: list[Phrase] = []
    for group, row in taken:
        of = () if len(recipes) == 1 else (name(row.recipe), " on ")
        before = (number(_p50(row), "ms"), " on ") if row.invoke_ms and len(recipes) == 1 else ()
        after = (" (", number(_p50(row), "ms"), ")") if row.invoke_ms and len(recipes) > 1 else ()
        places.append((*of, *before, name(group.name), *after))
    one = ("Take ", name(taken[0][1].recipe), ": " if timed else " on ")
    whole: list[str | Part] = [*(one if len(recipes) == 1 else ("Take ",)), *_joined(places)]
    left = [groups[each.group] for each in choices if each.row is None]
    if left:
        whole += ["; nothing can be recommended on ", *_joined([(name(group.name),) for group in left])]
    worst = min((row.accuracy for _, row in taken if row.accuracy), key=lambda each: each.difference or 0, default=None)
    if worst is not None and len(recipes) == 1:
        whole += ["; ", *_accuracy(worst)]
    return sentence(*whole, ".")


def _joined(phrases: Sequence[Phrase]) -> list[str | Part]:
    """Phrases with commas and an "and" between them."""
    whole: list[str | Part] = []
    for place, phrase in enumerate(phrases):
        if place:
            whole.append(" and " if place == len(phrases) - 1 else ", ")
        whole += phrase
    return whole


def _list(names: Sequence[str] | dict[str, None]) -> list[str | Part]:
    whole: list[str | Part] = []
    for each in names:
        whole += ["; ", name(each)] if whole else [name(each)]
    return whole
