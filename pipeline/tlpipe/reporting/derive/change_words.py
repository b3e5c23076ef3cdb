"""The words of a comparison: its verdict on the recommended files, and its limits."""

from collections.abc import Iterable, Iterator, Sequence

from tlpipe.evaluation.worth import MAX_WIDTH
from tlpipe.reporting.comparison import AccuracyChange, ComparisonVerdict, FileChange, LatencyChange, Outcome, Top1
from tlpipe.reporting.derive.pairing import Shared
from tlpipe.reporting.sentences import Part, Sentence, name, number, quoted, sentence, text
from tlpipe.reporting.side import Side

Phrase = tuple[str | Part, ...]
HEADS = {
    Outcome.BETTER: "Better accuracy",
    Outcome.WORSE: "Worse accuracy",
    Outcome.NO_DIFFERENCE: "No difference in accuracy beyond chance",
    Outcome.UNKNOWN: "The accuracies cannot be compared",
}


def verdict(file: FileChange, fastest: Iterable[LatencyChange]) -> ComparisonVerdict:
    """On the recommended files; ``fastest`` are their valid latencies, one of each device."""
    change = file.accuracy
    outcome = change.outcome if change else Outcome.UNKNOWN
    head = Part(HEADS[outcome], strong=True)
    which: Phrase = (name(file.new_recipe),)
    if file.old_recipe != file.new_recipe:
        which = ("the recommended files, ", name(file.old_recipe), " → ", name(file.new_recipe), ",")
    if change is None:
        accuracy: Phrase = (": a side has no accuracy of ", *which, " (run tlpipe evaluate)")
    else:
        kind = "" if change.paired else ", unpaired"
        accuracy = (f"{kind}: top-1 of ", *which, " ", *_change(change))
    parts = sentence(
        head, *accuracy, *_size(file), *(part for each in fastest for part in _latency(each)), ".", *_unpaired(change)
    )
    return ComparisonVerdict(outcome, text(parts), parts)


def _change(change: AccuracyChange) -> Phrase:
    difference = number(change.difference, "points")
    if change.paired is None:
        p = change.unpaired_p
        test: Phrase = () if p is None else ("; Fisher p = ", number(p, "p"))
        return (*_alone(change.old), " → ", *_alone(change.new), ", ", difference, *test)
    low, high = change.paired.interval
    span = (" (95 %: ", number(low, "points, bare"), " to ", number(high, "points, bare"))
    test = ("; on the same ", *images(change.new.images), ", McNemar p = ", number(change.paired.p, "p"))
    rates = (number(change.old.top1, "percent"), " → ", number(change.new.top1, "percent"))
    return (*rates, ", ", difference, *span, *test, ")")


def _alone(found: Top1) -> Phrase:
    low, high = found.interval
    span = (" (95 %: ", number(low, "bare percent"), " to ", number(high, "bare percent"))
    return (number(found.top1, "percent"), *span, "; on ", *images(found.images), ")")


def images(count: int) -> Phrase:
    """A number of images."""
    return (number(count, "count"), " image" if count == 1 else " images")


def _size(file: FileChange) -> Phrase:
    if file.old_bytes is None or file.new_bytes is None:
        return ()
    return ("; ", number(file.old_bytes, "megabytes"), " → ", number(file.new_bytes, "megabytes"))


def _latency(change: LatencyChange) -> Phrase:
    threads = "" if change.threads is None else f" ({change.threads} thread{'s' * (change.threads > 1)})"
    times = (number(change.old_p50_ms, "ms"), " → ", number(change.new_p50_ms, "ms"))
    return ("; ", *times, " on ", name(change.device), threads)


def _unpaired(change: AccuracyChange | None) -> Phrase:
    return (" Unpaired: ", *change.unpaired, ".") if change and change.unpaired else ()


def notes(
    new: Side, old: Side, shared: Shared | None, files: Sequence[FileChange], of_latency: Iterable[Sentence]
) -> tuple[Sentence, ...]:
    """The limits of the comparison. ``shared`` is None if the images were not paired; ``of_latency`` are the limits of
    the latencies."""
    return (
        *(note for word, side in (("OLD", old), ("NEW", new)) for note in _of_accuracy(word, side)),
        *_few(files[0].accuracy),
        *_of_images(shared),
        *_left_out(new, old, files),
        *of_latency,
    )


def _few(change: AccuracyChange | None) -> Iterator[Sentence]:
    """Few images, on which the recommended files are compared."""
    if change is None:
        return
    of_each = [(f" of {word}", "top-1", each) for word, each in (("OLD", change.old), ("NEW", change.new))]
    both = [(" in both evaluations", "the difference", change.new)]
    for whose, what, found in both if change.paired else of_each:
        low, high = change.paired.interval if change.paired else found.interval
        if high - low > MAX_WIDTH:
            width = number(high - low, "fewer points")
            yield sentence("Only ", *images(found.images), f"{whose}: the 95 % interval of {what} is ", width, " wide")


def _of_images(shared: Shared | None) -> Iterator[Sentence]:
    if shared is None:
        return
    for word, count in (("OLD", shared.only_old), ("NEW", shared.only_new)):
        if count:
            are = "is" if count == 1 else "are"
            yield sentence(*images(count), f" {are} only in the evaluation of {word}, and left out here")
    if count := shared.relabelled:
        have = "has" if count == 1 else "have"
        yield sentence(*images(count), f" {have} another true label in OLD: that of NEW is used for both")


def _of_accuracy(word: str, side: Side) -> Iterator[Sentence]:
    """A model that is hardly better than a guess, and an accuracy that is too high."""
    if any(choice.hardly_better for choice in side.summary.verdict.choices):
        yield sentence(f"{word} is hardly better than chance, or than always naming one class")
    seen = max((each.images.trained_on or 0 for each in side.summary.groups if each.images), default=0)
    if seen:
        were = "was" if seen == 1 else "were"
        yield sentence(f"The accuracy of {word} is too high: ", *images(seen), f" {were} used for training")


def _left_out(new: Side, old: Side, files: Sequence[FileChange]) -> Iterator[Sentence]:
    """Number formats of one side."""
    for word, side, compared in (
        ("OLD", old, {each.old_recipe for each in files}),
        ("NEW", new, {each.new_recipe for each in files}),
    ):
        left = dict.fromkeys(row.recipe for each in side.summary.groups for row in each.rows)
        if others := [recipe for recipe in left if recipe not in compared]:
            yield sentence(f"Only {word} has ", quoted(", ".join(others)))
