"""The warnings of the report: limits of its results that a reader must know."""

from collections.abc import Iterator, Sequence

from tlpipe.evaluation.worth import Worth, difference_p
from tlpipe.reporting import invalid_reasons
from tlpipe.reporting.derive.noise import layer_noise
from tlpipe.reporting.derive.verdict import worth_of
from tlpipe.reporting.document import Group
from tlpipe.reporting.inputs import Sources
from tlpipe.reporting.sentences import Sentence, name, number, quoted, sentence

TIME = "run tlpipe bench --out FILE, and name the file with the bundle"


def cautions(groups: Sequence[Group], sources: Sources) -> tuple[Sentence, ...]:
    """All warnings, the most serious first."""
    return (
        *_of_accuracy(groups, sources),
        *_of_budget(sources),
        *_of_origin(sources),
        *(warning for group in groups for warning in _of_group(group)),
        *_of_files(groups, sources),
        *_of_evaluation(sources),
    )


def _of_accuracy(groups: Sequence[Group], sources: Sources) -> Iterator[Sentence]:
    """Few test images, and a validation that is not confirmed: once, for all devices use the same images."""
    accuracies = [row.accuracy for group in groups for row in group.rows if row.accuracy]
    found = max(filter(None, map(worth_of, accuracies)), key=lambda each: each.images, default=None)
    if found and found.one_class:
        largest = name(found.largest)
        yield sentence("All images are of the class ", largest, ": they do not show what the model can tell apart")
    elif found and found.few:
        yield few(found)
    metrics = sources.metrics
    if metrics and metrics.test:
        validation, test = metrics.validation, metrics.test
        p = difference_p((validation.correct, validation.images), (test.correct, test.images))
        if p is not None:
            overfitted = ", or the choice of the epoch and the settings fits validation too closely"
            yield sentence(
                *("Keras has ", number(test.top1, "percent"), " on test, but ", number(validation.top1, "percent")),
                *(" on validation, which is more than chance (p = ", number(p, "p"), "): the images differ"),
                *([overfitted] if validation.top1 > test.top1 else []),
            )


def _of_budget(sources: Sources) -> Iterator[Sentence]:
    for artifact in () if sources.bundle is None else sources.bundle.manifest.artifacts:
        for failure in () if artifact.quantization is None else artifact.quantization.failures:
            yield sentence(name(artifact.recipe), f" exceeds a limit of its export on validation: {failure}")


def _of_origin(sources: Sources) -> Iterator[Sentence]:
    if sources.bundle is not None and sources.bundle.manifest.provenance.adopted:
        unknown = "whether it was trained on these images is not known, and its accuracy on new ones may be lower"
        yield sentence(f"The model was trained elsewhere: {unknown}; the comparison with Keras does not depend on it")


def few(found: Worth) -> Sentence:
    """That there are few images, and how many more would help."""
    width = number(found.interval[1] - found.interval[0], "fewer points")
    begin = ("Only ", number(found.images, "count"), " images: the 95 % interval of top-1 is ", width, " wide; ")
    return sentence(*begin, number(found.more, "count"), " more would halve it")


def _remedy(group: Group) -> str:
    """What to do about invalid latencies."""
    disturbed = any("disturbed" in kind for kind in invalid_reasons.of_group(group))
    again = "measure again" if group.device and group.device.browser else "run tlpipe bench again"
    return f"close other programs and {again}" if disturbed else again


def _of_group(group: Group) -> Iterator[Sentence]:
    where = name(group.name)
    if group.doubt:
        yield sentence(where, ": ", *group.doubt, "; ", _remedy(group))
    for each in group.skipped:
        yield sentence(where, ": ", name(each.recipe), " was skipped: ", quoted(each.reason))
    if group.emulated:
        yield sentence(where, " is emulated: latency is not reported, and accuracy is that of the emulated processor")
    if group.conditions and (flags := group.conditions.throttling.after):
        for flag in flags:
            yield sentence(where, " reports: ", quoted(flag))
    if group.images:
        failed = len(group.images.failed)
        if failed:
            plural = (
                " images could not be read and count as wrong"
                if failed > 1
                else " image could not be read and counts as wrong"
            )
            yield sentence(where, ": ", number(failed, "count"), plural)
        if group.images.trained_on:
            count = number(group.images.trained_on, "count")
            yield sentence(where, ": accuracy is too high: ", count, " of these images were used for training")
    if group.device and not group.emulated and not any(row.accuracy for row in group.rows):
        yield sentence(where, ": accuracy was not measured on labelled images")


def _of_files(groups: Sequence[Group], sources: Sources) -> Iterator[Sentence]:
    """Measured files that are not in the bundle, and files of the bundle that were not measured."""
    if sources.bundle is None:
        return
    there = {artifact.sha256: artifact.recipe for artifact in sources.bundle.manifest.artifacts}
    for group in groups:
        for row in group.rows:
            if row.sha256 not in there:
                yield sentence(name(group.name), ": ", name(row.label), " is not the current file of the bundle")
        timed = {row.sha256 for row in group.rows}
        skipped = {each.recipe for each in group.skipped}
        others = [recipe for sha256, recipe in there.items() if sha256 not in timed and recipe not in skipped]
        if group.device and not group.emulated and others:
            names = quoted(", ".join(others))
            yield sentence(name(group.name), ": other formats not timed (", names, f"): {TIME}")


def _of_evaluation(sources: Sources) -> Iterator[Sentence]:
    if sources.bundle is not None and sources.evaluation is None:
        yield sentence("The bundle has no evaluation of its files: run tlpipe evaluate")
    if sources.explanation is not None and layer_noise(sources) is None:
        other = "of another int8 file than that of the bundle, and is left out"
        yield sentence(f"The explanation in the bundle is {other}: run tlpipe explain again")
    if sources.bundle is not None and not sources.benches:
        yield sentence(f"Latency is not measured yet: {TIME}")
