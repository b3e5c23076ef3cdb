"""The warnings of the report: limits of its results that a reader must know."""

from collections.abc import Iterator, Sequence

from tlpipe.reporting import invalid_reasons
from tlpipe.reporting.document import Group
from tlpipe.reporting.inputs import Sources
from tlpipe.reporting.sentences import Sentence, name, number, quoted, sentence


def cautions(groups: Sequence[Group], sources: Sources) -> tuple[Sentence, ...]:
    """All warnings, the most serious first."""
    return (
        *(warning for group in groups for warning in _of_group(group)),
        *_of_files(groups, sources),
        *_of_evaluation(sources),
    )


def _of_group(group: Group) -> Iterator[Sentence]:
    where = name(group.name)
    if group.doubt:
        yield sentence(where, ": ", *group.doubt)
    for each in group.skipped:
        yield sentence(where, ": ", name(each.recipe), " was skipped: ", quoted(each.reason))
    if group.emulated:
        yield sentence(where, " is emulated: latency is not reported, and accuracy is that of the emulated processor")
    if group.conditions and (flags := group.conditions.throttling.after):
        for flag in flags:
            yield sentence(where, " reports: ", quoted(flag))
    if group.keras and not group.keras.valid:
        kinds = invalid_reasons.kinds(group.keras.reasons)
        yield sentence(where, ": the latency of Keras is invalid: ", quoted("; ".join(kinds)))
    if group.images:
        failed = len(group.images.failed)
        if failed:
            plural = (
                " images could not be read, and count as wrong"
                if failed > 1
                else " image could not be read, and counts as wrong"
            )
            yield sentence(where, ": ", number(failed, "count"), plural)
        if group.images.trained_on:
            count = number(group.images.trained_on, "count")
            yield sentence(where, ": accuracy is too high: ", count, " of these images were used for training")
    if group.device and not group.emulated and not any(row.accuracy for row in group.rows):
        yield sentence(where, ": accuracy was not measured on labelled images")


def _of_files(groups: Sequence[Group], sources: Sources) -> Iterator[Sentence]:
    """Measured files that are not in the bundle."""
    if sources.bundle is None:
        return
    there = {artifact.sha256 for artifact in sources.bundle.manifest.artifacts}
    for group in groups:
        for row in group.rows:
            if row.sha256 not in there:
                yield sentence(name(group.name), ": ", name(row.label), " is not the current file of the bundle")


def _of_evaluation(sources: Sources) -> Iterator[Sentence]:
    if sources.bundle is not None and sources.evaluation is None:
        yield sentence("The bundle has no evaluation of its files: run tlpipe evaluate")
    if sources.bundle is not None and not sources.benches:
        yield sentence("Latency is not measured yet: run tlpipe bench --out FILE, and name the file with the bundle")
