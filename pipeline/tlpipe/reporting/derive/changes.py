"""Compares two sides: files of the same number format and the recommended ones, on the same images and devices."""

from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from tlpipe.conversion.recipes import table_order
from tlpipe.evaluation.worth import difference_p
from tlpipe.reporting.comparison import (
    AccuracyChange,
    ClassChange,
    Comparison,
    FileChange,
    Outcome,
    Subject,
    Top1,
)
from tlpipe.reporting.derive import change_words, latency_changes, pairing
from tlpipe.reporting.derive.pairing import Shared
from tlpipe.reporting.sentences import Sentence, number, sentence
from tlpipe.reporting.side import Side, SideAccuracy
from tlpipe_edge.errors import BadData
from tlpipe_edge.images.classes import composed

KERAS = "Keras"
MIN_SHARED = 0.5
"""Images are paired if both models were evaluated on at least this share of the smaller set of images: with fewer, the
two intervals on all images say more."""
MIN_IMAGES = 6
"""And on at least this many: with fewer, no outcome of McNemar's exact test has a p below 0.05 (2 * 0.5**5 is 0.06)."""


@dataclass(frozen=True)
class _File:
    """A file of one side; Keras has no sha256. ``images`` is the number of images of its accuracy."""

    recipe: str
    sha256: str | None
    bytes: int | None
    accuracy: SideAccuracy | None
    images: int


def comparison(new: Side, old: Side) -> Comparison:
    """What changed from OLD to NEW. Raise BadData if their classes differ."""
    _check_classes(new, old)
    images = _shared(new, old)
    before, after = _files(old), _files(new)
    chosen = old.summary.recommended.recipe, new.summary.recommended.recipe
    same = sorted((name for name in after if name in before), key=lambda name: (name == KERAS, table_order(name)))
    pairs = [chosen, *((name, name) for name in same if (name, name) != chosen)]
    files = tuple(
        _file_change(old, new, before[first], after[second], images, recommended=(first, second) == chosen)
        for first, second in pairs
    )
    timed = [((first, before[first].sha256), (second, after[second].sha256)) for first, second in pairs]
    latencies = tuple(
        each
        for pair, of_files in zip(pairs, timed, strict=True)
        for each in latency_changes.of_pair(new, old, of_files, recommended=pair == chosen)
    )
    paired = images if isinstance(images, Shared) else None
    return Comparison(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={"tlpipe": version("tlpipe")},
        new=_subject(new),
        old=_subject(old),
        verdict=change_words.verdict(files[0], latency_changes.fastest(latencies)),
        notes=change_words.notes(new, old, paired, files, latency_changes.left_out(new, old, timed)),
        files=files,
        latencies=latencies,
    )


def _check_classes(new: Side, old: Side) -> None:
    ours, theirs = (set(map(composed, each.summary.model.labels)) for each in (new, old))
    if ours == theirs:
        return
    differences = [
        f"only {word} has {', '.join(map(repr, sorted(found)[:5]))}{f' and {len(found) - 5} more' * (len(found) > 5)}"
        for word, found in (("NEW", ours - theirs), ("OLD", theirs - ours))
        if found
    ]
    raise BadData(
        f"its classes are not those of NEW: {'; '.join(differences)}",
        "Compare models of the same classes.",
        where=old.sources[0],
    )


def _subject(side: Side) -> Subject:
    summary = side.summary
    sets = (
        f"{each.images.scored} image{'s' * (each.images.scored != 1)} ({each.images.name})"
        for each in summary.groups
        if each.images
    )
    images = tuple(dict.fromkeys(sets))
    return Subject(summary.model.name, side.sources, summary.created, summary.recommended.recipe, images)


def _shared(new: Side, old: Side) -> Shared | Sentence:
    """The images of both sides, or the reason why they cannot be paired."""
    if old.predictions is None or new.predictions is None:
        none = [(word, each.none) for word, each in (("OLD", old), ("NEW", new)) if each.predictions is None]
        return sentence("; ".join(f"{word} {reason}" for word, reason in none))
    labels = {"old_labels": old.summary.model.labels, "new_labels": new.summary.model.labels}
    found = pairing.shared(old.predictions, new.predictions, **labels)
    count = len(found.images)
    smaller = count + min(found.only_old, found.only_new)
    are = "is" if count == 1 else "are"
    if count < MIN_SHARED * smaller:
        same = (number(count, "count"), " of ", number(smaller, "count"))
        return sentence("OLD was evaluated on other images (", *same, f" {are} the same)")
    if count < MIN_IMAGES:
        few = ("only ", *change_words.images(count), f" {are} in both evaluations")
        return sentence(*few, f": McNemar's exact test shows a difference from {MIN_IMAGES} images on")
    return found


def _files(side: Side) -> dict[str, _File]:
    """The files by number format, and Keras. If there are several accuracies, that of the per-image predictions is
    used, or else that of the evaluation of the bundle, or else the one on most images: a benchmark may be of an earlier
    file, and one without --data has scored only the few golden images."""
    known = side.predictions.artifacts if side.predictions else {}
    found: dict[str, tuple[tuple[bool, bool, int], _File]] = {}
    for group in side.summary.groups:
        images = group.images.scored if group.images else 0
        of_keras = (
            [_File(KERAS, None, group.keras.bytes, group.keras.accuracy, images)]
            if group.keras and group.keras.accuracy
            else []
        )
        rows = [_File(row.recipe, row.sha256, row.bytes, row.accuracy, images) for row in group.rows]
        for file in (*rows, *of_keras):
            rank = (file.sha256 in known, group.device is None, file.images if file.accuracy else 0)
            if file.recipe not in found or rank > found[file.recipe][0]:
                found[file.recipe] = rank, file
    return {name: file for name, (_, file) in found.items()}


def _file_change(
    old: Side, new: Side, before: _File, after: _File, images: Shared | Sentence, *, recommended: bool
) -> FileChange:
    accuracy, classes = _accuracy_change(old, new, before, after, images)
    ratio = after.bytes / before.bytes if after.bytes and before.bytes else None
    names = before.recipe, after.recipe
    return FileChange(*names, recommended, before.bytes, after.bytes, ratio, accuracy, classes)


def _accuracy_change(
    old: Side, new: Side, before: _File, after: _File, images: Shared | Sentence
) -> tuple[AccuracyChange | None, tuple[ClassChange, ...]]:
    if isinstance(images, Shared):
        predicted = _predicted(old, before), _predicted(new, after)
        if predicted[0] is not None and predicted[1] is not None:
            return pairing.paired(images, predicted[0], predicted[1], labels=new.summary.model.labels)
        images = sentence("there are no per-image predictions of this file: run tlpipe evaluate again")
    if before.accuracy is None or after.accuracy is None:
        return None, ()
    return _unpaired(before, after, images), _classes(before.accuracy, after.accuracy)


def _predicted(side: Side, file: _File) -> np.ndarray | None:
    assert side.predictions
    return side.predictions.keras if file.sha256 is None else side.predictions.artifacts.get(file.sha256)


def _unpaired(before: _File, after: _File, reason: Sentence) -> AccuracyChange:
    assert before.accuracy and after.accuracy
    old, new = (Top1(a.top1, a.top1_interval, f.images) for f in (before, after) if (a := f.accuracy))
    difference = new.top1 - old.top1
    if not (old.images and new.images):
        reason = sentence("the number of images is unknown")
        return AccuracyChange(old, new, difference, Outcome.UNKNOWN, None, reason, None)
    first, second = ((round(each.top1 * each.images), each.images) for each in (old, new))
    p = difference_p(first, second)
    outcome = Outcome.NO_DIFFERENCE if p is None else Outcome.BETTER if difference > 0 else Outcome.WORSE
    return AccuracyChange(old, new, difference, outcome, None, reason, p)


def _classes(before: SideAccuracy, after: SideAccuracy) -> tuple[ClassChange, ...]:
    """The change of each class, on images of each side."""
    theirs = {composed(each.label): each for each in before.per_class}
    changes = []
    for ours in after.per_class:
        old = theirs.get(composed(ours.label))
        if old is not None and (old.images or ours.images):
            difference = None if old.top1 is None or ours.top1 is None else ours.top1 - old.top1
            images = old.images, ours.images
            changes.append(ClassChange(ours.label, old.top1, ours.top1, *images, difference, None, None))
    return tuple(sorted(changes, key=lambda each: abs(each.difference or 0.0), reverse=True))
