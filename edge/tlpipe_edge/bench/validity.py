"""Whether a measurement is valid, judged by the state of the machine and by the samples."""

from collections.abc import Iterable, Iterator

from tlpipe_edge.bench.latency import RULES, Latency
from tlpipe_edge.contract.validity import Reason
from tlpipe_edge.machine.load import Moment, other_load

MAX_FREQUENCY_CHANGE = 0.10
"""Maximum relative change of the clock; the steps of a Raspberry Pi's governor and firmware are larger."""
MAX_OTHER_LOAD = 0.10
"""Maximum share of the machine that other processes may use."""
MAX_SPREAD = 1.25
"""Maximum ratio of the 90th percentile to the median of the network alone."""


def disturbances(before: Moment, after: Moment, *, warm: Moment | None = None, when: str = "") -> Iterator[Reason]:
    """Why a measurement between two moments is invalid; each reason says ``when`` it was.

    The machine was warm at ``before``, or else at ``warm``. From then on the clock must be steady.
    """
    when = when and f" {when}"
    then, later = before.device.throttling or (), after.device.throttling or ()
    # Bits "since boot" may be old: they count only if they are new.
    throttled = [words for words in later if words not in then or words.endswith(" now")]
    throttled += [words for words in then if words.endswith(" now") and words not in throttled]
    if throttled:
        yield Reason(f"throttled{when}", ", ".join(throttled))
    frequencies = (warm or before).device.frequency_mhz, after.device.frequency_mhz
    if frequencies[0] and frequencies[1] and abs(frequencies[1] / frequencies[0] - 1) > MAX_FREQUENCY_CHANGE:
        yield Reason(f"the frequency changed{when}", f"from {frequencies[0]:.0f} to {frequencies[1]:.0f} MHz")
    others = other_load(before, after)
    if others is not None and others > MAX_OTHER_LOAD * before.device.cores:
        yield Reason(f"disturbed{when}", f"other processes used {others:.2f} of {before.device.cores} cores")


def doubts(network: Latency, others: Iterable[Latency] = (), *, max_spread: float = MAX_SPREAD) -> Iterator[Reason]:
    """Why the samples are invalid: those of the ``network`` alone, and those of the ``others``."""
    for each in (network, *others):
        if len(each.samples_ms) < RULES.runs or each.seconds < 0.9 * RULES.seconds:
            yield Reason("too short", f"{len(each.samples_ms)} runs in {each.seconds:.1f} s")
            break
    if not all(each.stable for each in (network, *others)):
        yield Reason("the warm-up did not become stable")
    spread = network.percentile(90) / network.p50
    if spread > max_spread:
        yield Reason("spread too high", f"the 90th percentile is {spread:.2f} times the median")
