"""Whether a measurement is valid, judged by the state of the machine and by the samples."""

from collections.abc import Iterable, Iterator

from tlpipe_edge.bench.latency import RULES, Latency
from tlpipe_edge.contract.validity import Reason
from tlpipe_edge.machine.load import Moment, other_load, stolen_load

MAX_FREQUENCY_CHANGE = 0.10
"""Maximum relative change of the clock; the steps of a Raspberry Pi's governor and firmware are larger."""
MAX_OTHER_LOAD = 0.15
"""Maximum load of the cores that are timed, in cores: of other processes beyond the free cores, and of a hypervisor.

The median may be wrong by a tenth, the tolerance of the comparison with a stored benchmark. On two threads of 2 cores
it was 1.02 times that of the calm machine (0.98 to 1.32) with up to 0.15 cores in use, 1.1 times (1.0 to 1.2) with 0.15
to 0.2, 1.1 to 1.5 times with 0.2 to 0.4, and 1.7 to 1.9 times with 0.45 (benchmarks/disturbance.py; docs/benchmark.md
has the table). All threads wait for the one that is disturbed: so it is a number of cores, not a share of them.

For Keras it is not shown that the limit keeps the tenth: in the only window below it without a disturbing host, the
median was 1.19 times that of the calm machine, with 0.12 cores in use. With 0.05 to 0.15 cores taken by a hypervisor,
and nothing else, it was 1.13 times that with less than 0.05; with 0.15 to 0.3, 1.2 times.
"""
MAX_SHARE_OF_FREE = 0.6
"""Maximum share of the free cores (those without a timed thread) that other processes may use at no cost.

On one thread of 2 cores the median was 0.9 to 1.08 times that of the calm machine with up to a whole core in use, 1.1
times if that one copied memory. With 1.3 cores it was 1.05 to 1.57 times, and p95 1.8 to 2.2 times. The margin is for
boards with a narrow memory bus.
"""
MAX_SHARE_AT_FULL_LOAD = 0.10
"""Maximum share of all cores that others may use at full load: throughput falls by that share."""
MAX_SPREAD, MAX_SPREAD_ON_ALL_CORES = 1.25, 1.5
"""Maximum ratio of the 90th percentile to the median of the network alone, with a free core and without one.

Threads on all cores wait for each other: on a calm machine the ratio was 1.2 (up to 1.5 in a single second), of one
thread 1.05. It says little of the median there: with a core in use it was 1.05, and the median twice as high.
"""
AT_FULL_LOAD = "at full load"
PASSING = ("disturbed", "the frequency changed", "the warm-up did not become stable", "spread too high")
"""Kinds of reasons that come from other work on the machine: they may be gone when the machine is calm."""


def disturbances(
    before: Moment, after: Moment, *, threads: int | None, warm: Moment | None = None, when: str = ""
) -> tuple[Reason, ...]:
    """Why a measurement between two moments is invalid; each reason says ``when`` it was.

    It ran on ``threads`` threads that wait for each other, or on all cores with threads that do not (None). The machine
    was warm at ``before``, or else at ``warm``. From then on the clock must be steady.
    """
    when = when and f" {when}"
    then, later = before.device.throttling or (), after.device.throttling or ()
    # Bits "since boot" may be old: they count only if they are new.
    throttled = [words for words in later if words not in then or words.endswith(" now")]
    throttled += [words for words in then if words.endswith(" now") and words not in throttled]
    found = [Reason(f"throttled{when}", ", ".join(throttled))] if throttled else []
    frequencies = (warm or before).device.frequency_mhz, after.device.frequency_mhz
    if frequencies[0] and frequencies[1] and abs(frequencies[1] / frequencies[0] - 1) > MAX_FREQUENCY_CHANGE:
        found.append(Reason(f"the frequency changed{when}", f"from {frequencies[0]:.0f} to {frequencies[1]:.0f} MHz"))
    return (*found, *_other_load(before, after, threads=threads, when=when))


def max_spread(threads: int, *, cores: int) -> float:
    """The maximum spread of a network on ``threads`` threads."""
    return MAX_SPREAD if threads < cores else MAX_SPREAD_ON_ALL_CORES


def is_calm(before: Moment, after: Moment, *, threads: int) -> bool:
    """Whether nothing else disturbs a measurement with ``threads`` threads; also if the load is unknown."""
    return not any(_other_load(before, after, threads=threads, when=""))


def may_pass(reason: Reason) -> bool:
    """Whether a later measurement, by the same rules, may be without this reason."""
    return reason.kind.startswith(PASSING)


def at_full_load(reason: Reason) -> bool:
    """Whether the reason is about full load, which takes all cores."""
    return reason.kind.endswith(AT_FULL_LOAD)


def _other_load(before: Moment, after: Moment, *, threads: int | None, when: str) -> Iterator[Reason]:
    total, stolen, cores = other_load(before, after), stolen_load(before, after), before.device.cores
    if total is None:
        return
    others = max(0.0, total - stolen)
    free = 0 if threads is None else max(0, cores - threads)
    limit = MAX_SHARE_AT_FULL_LOAD * cores if threads is None else MAX_OTHER_LOAD
    if max(0.0, others - MAX_SHARE_OF_FREE * free) + stolen > limit:
        taken = f", a hypervisor took {stolen:.2f}" * (stolen >= 0.005)
        yield Reason(f"disturbed{when}", f"other processes used {others:.2f} of {cores} cores{taken}")


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
