"""Documents of bench: read, joined with Keras, and compared with a baseline."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD
from tlpipe.benchmark import baseline
from tlpipe.benchmark.baseline import Baseline, Limits
from tlpipe.benchmark.measure import with_keras
from tlpipe_edge.contract.benchmark import KerasResult, benches, to_json
from tlpipe_edge.contract.files import parse_json
from tlpipe_edge.errors import BadData, TlpipeError


def prepare(folder: Path) -> Fuzzed:
    seeds = sound()
    stored = Baseline(folder / "baseline.json", benches(json.loads(seeds[0]), "baseline"))

    def read(content: bytes) -> None:
        try:
            document = parse_json(content)
        except (ValueError, RecursionError) as error:
            raise BadData(f"not JSON ({error})") from error
        found = benches(document, "there")
        assert benches(json.loads(to_json(found)), "again") == found
        for bench in found:
            with_keras(bench, KerasResult())
            for one, other in ((found, stored), (stored.benches, Baseline(folder / "other.json", found))):
                with suppress(TlpipeError):
                    baseline.check_not_worse(one, other, Limits())

    return Fuzzed(read, seeds, mutations.values)


def sound() -> list[bytes]:
    """Documents of one device and of several."""
    ones = [_short(json.loads((OLD / name).read_text())) for name in ("bench.json", "bench-edge.json")]
    return [*ones, json.dumps({"schema": 1, "benches": [json.loads(ones[0])]}).encode()]


def _short(document: dict[str, Any]) -> bytes:
    """With two results and few samples, so that most mutants are of something else; and with what it does not have."""
    results, labels = document["results"], document["model"]["labels"]
    del results[2:]
    for result in results:
        for name, samples in (result["samples_ms"] or {}).items():
            result["samples_ms"][name] = samples and samples[:3]
    image = {"image": "0" * 64, "file": "0.jpg", "truth": labels[0], "keras": labels[0], "answer": labels[1]}
    results[0] |= {"agreement": 0.5, "compared": 2, "disagreements": [image | {"keras_score": 0.9, "score": 0.5}]}
    results[0] |= {"confusion": [[1] * len(labels)] * len(labels)}
    results[1] |= {"confusion_cells": [[0, 0, 1], [0, 1, 2]]}
    results[1] |= {"valid": False, "invalid_reasons": ["load: 0.9 cores"], "cold_start_reasons": [{"kind": "load"}]}
    document |= {"skipped": [{"recipe": "dynamic", "reason": "no room"}]}
    document["images"]["failed"] = [{"file": "1.jpg", "reason": "damaged"}]
    return json.dumps(document).encode()
