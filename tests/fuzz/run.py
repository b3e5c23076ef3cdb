"""Fuzzes the readers of tlpipe: python tests/fuzz/run.py [TARGET ...] [--seconds 10 | --executions N] [--seed N]

    python tests/fuzz/run.py manifests --executions 1000000     as long as one likes
    python tests/fuzz/run.py manifests --again FILE             what becomes of one document, such as a finding
    python tests/fuzz/run.py --list                             the targets

Without a TARGET, all that CI runs, as many at once as there are cores. The document of a finding is written to a file,
and the exit code is 1. The same seed gives the same documents.
"""

import argparse
import json
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz import loop

FINDINGS = Path("build/fuzz")
SECONDS = 10.0


def main() -> int:
    if sys.argv[1:2] == ["--child"]:
        name, folder, first, last, seed, seconds = sys.argv[2:]
        loop.child(name, Path(folder), seed=int(seed), first=int(first), last=int(last), seconds=float(seconds))
        return 0
    options = _options()
    if options.list:
        print("\n".join(f"{name}{' (by hand only)' * (name in loop.BY_HAND)}" for name in loop.names()))
        return 0
    if options.again:
        print(loop.repeated(options.targets[0], options.again.read_bytes()))
        return 0
    chosen = options.targets or [name for name in loop.names() if name not in loop.BY_HAND]
    print(f"seed {options.seed}", flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        return int(any([*pool.map(lambda name: _is_found(name, options), chosen)]))


def _is_found(name: str, options: argparse.Namespace) -> bool:
    """Run a target, and print its row. Whether there is a finding, which is printed and written to a file."""
    executions = options.executions or sys.maxsize // 2
    seconds = options.seconds or (math.inf if options.executions else SECONDS)
    found = loop.run(name, seed=options.seed, executions=executions, seconds=seconds, first=options.first)
    finding = found.finding
    row = {"target": name, "executions": found.executions, "refused": found.refused}
    row |= {"seconds": round(found.seconds), "peak_mb": found.peak_mb}
    row["finding"] = None if finding is None else finding.what.strip().splitlines()[-1]
    print(json.dumps(row), flush=True)
    if finding is None:
        return False
    FINDINGS.mkdir(parents=True, exist_ok=True)
    file = FINDINGS / f"{name}-{options.seed}-{finding.number}"
    file.write_bytes(finding.content)
    where = f"{name}: execution {finding.number} of seed {options.seed}. To repeat it:"
    print(f"{finding.what}\n{where}\n{sys.executable} {sys.argv[0]} {name} --again {file}", flush=True)
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Fuzz the readers of tlpipe.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all but those for the hand, if left out")
    parser.add_argument("--seconds", type=float, help=f"for each target ({SECONDS:g}, if nothing else is said)")
    parser.add_argument("--executions", type=int, help="for each target")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers")
    parser.add_argument("--first", type=int, default=0, help="number of the first execution, to continue")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="targets at once")
    parser.add_argument("--again", type=Path, metavar="FILE", help="give this document to the target")
    parser.add_argument("--list", action="store_true", help="print the targets")
    options = parser.parse_args()
    unknown = sorted(set(options.targets) - {*loop.names()})
    if unknown or (options.again and len(options.targets) != 1):
        parser.error(f"no target {unknown[0]}" if unknown else "--again needs one target")
    return options


if __name__ == "__main__":
    sys.exit(main())
