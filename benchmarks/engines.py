"""Images per second by threads and by processes of this machine, one per core.

python benchmarks/engines.py IMAGES BUNDLE ... [ROUNDS]: the images of the folder IMAGES, scored by the first file of
each bundle, for images of any size. Both take turns; the first round, in which the processes start, is left out.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import harness

from tlpipe.data.dataset import Example
from tlpipe.engine.processes import Processes
from tlpipe.engine.threads import Threads
from tlpipe.engine.work import Engine
from tlpipe.features.work import ComputeScores
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import sha256_of
from tlpipe_edge.images import walker

MAX_IMAGES = 20_000


def main() -> None:
    """Measure each bundle, and publish the medians and their ratio."""
    folder, *others = sys.argv[1:]
    rounds = int(others.pop()) if others[-1].isdigit() else 5
    files = walker.walk(Path(folder)).images[:MAX_IMAGES]
    examples = [Example(file, 0, sha256_of(file)) for file in files]
    found = []
    for each in others:
        bundle = Bundle.open(Path(each))
        work = ComputeScores((bundle.read(bundle.manifest.artifacts[0]),), bundle.manifest.image)

        def of(engine: Engine, work: ComputeScores = work) -> Callable[[int], float]:
            return harness.seconds(lambda _: sum(1 for _ in engine.run(work, examples)))

        seconds = harness.alternate(range(rounds + 1), {"threads": of(Threads()), "processes": of(Processes())})
        medians = {name: len(examples) / harness.median(values[1:]) for name, values in seconds.items()}
        ratio = medians["processes"] / medians["threads"]
        size, recipe = bundle.manifest.image.size, bundle.manifest.artifacts[0].recipe
        row = {"side": size, "recipe": recipe, "seconds": seconds, "images_per_second": medians, "ratio": ratio}
        found.append(row)
    harness.publish("engines", {"images": f"{len(examples)} of {Path(folder).name}", "bundles": found})


if __name__ == "__main__":
    main()
