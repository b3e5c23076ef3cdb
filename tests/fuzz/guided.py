"""The same targets, guided by coverage: python tests/fuzz/guided.py TARGET [SECONDS [OPTION_OF_LIBFUZZER ...]]

It needs atheris (pip install atheris), which has wheels for Linux on x86-64 only, so that nothing else depends on it. A
document that reaches new code is kept, and changed further. libFuzzer writes that of a finding to a file, which run.py
--again reads.
"""

import sys
from pathlib import Path
from random import Random

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

with atheris.instrument_imports(include=["tlpipe", "tlpipe_edge", "csv", "json", "tarfile", "tomllib", "zipfile"]):
    from fuzz import loop, mutations

FRESH, BYTES = 0.1, 0.2
"""The shares of mutants that start from a sound document again, and of those by libFuzzer."""


def main(name: str, seconds: str = "60", *options: str) -> None:
    with loop.scratch() as folder:
        with atheris.instrument_imports(include=["tlpipe", "tlpipe_edge"]):
            fuzzed = loop.prepared(name, folder)
        corpus = folder / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(fuzzed.seeds):
            (corpus / str(number)).write_bytes(seed)

        def mutated(content: bytes, size: int, number: int) -> bytes:
            random = Random(number)
            if random.random() < BYTES:
                return bytes(atheris.Mutate(content, size))
            return fuzzed.mutate(random.choice(fuzzed.seeds) if random.random() < FRESH else content, random)[:size]

        limits = [f"-max_total_time={seconds}", f"-timeout={loop.MAX_SECONDS:.0f}", f"-max_len={mutations.MAX_BYTES}"]
        memory = f"-rss_limit_mb={loop.MAX_AT_ONCE // 10**6}"
        atheris.Setup([sys.argv[0], *limits, memory, *options, str(corpus)], fuzzed.refuses, custom_mutator=mutated)
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
