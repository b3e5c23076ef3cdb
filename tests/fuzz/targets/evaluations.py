"""evaluation.json of a bundle: read, shown, and written again."""

import json
from pathlib import Path

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD
from tlpipe_edge.contract import evaluation
from tlpipe_edge.contract.bundle import Bundle
from tlpipe_edge.contract.files import load_json


def prepare(folder: Path) -> Fuzzed:
    labels, file = Bundle.open(OLD / "bundle").manifest.labels, folder / "evaluation.json"

    def read(content: bytes) -> None:
        file.write_bytes(content)
        found = evaluation.evaluation(load_json(file), labels, str(file))
        found._repr_html_()
        assert evaluation.evaluation(json.loads(found.to_json()), labels, "again") == found

    document = json.loads((OLD / "bundle/evaluation.json").read_text())
    del document["artifacts"][2:]  # so that most mutants are of something else
    return Fuzzed(read, [json.dumps(document).encode()], mutations.sealed(mutations.values))
