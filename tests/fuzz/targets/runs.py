"""The documents of a run: run.json, config.json, splits.json, history.jsonl and metrics.json of its stages."""

import dataclasses
import hashlib
import json
from contextlib import suppress
from pathlib import Path
from random import Random

from fuzz import mutations
from fuzz.loop import Fuzzed
from fuzz.seeds import OLD, copied
from tlpipe.data.dataset import Dataset
from tlpipe.runs import run_folder
from tlpipe.runs.adopted import Adopted, Normalization
from tlpipe.runs.history import History
from tlpipe.runs.run_folder import Run
from tlpipe_edge.contract import checksums
from tlpipe_edge.contract.checksums import Checksum
from tlpipe_edge.contract.manifest import AdoptedFrom, Crop
from tlpipe_edge.errors import TlpipeError

NAMES = ("run.json", "1-frozen/config.json", "2-finetuned/config.json", "1-adopted/config.json", "1-frozen/splits.json",
         "1-frozen/history.jsonl", "1-frozen/metrics.json")  # fmt: skip
"""The first byte of a document is the place of its file here, the second is what config.json says of the last three."""
UNLISTED, OTHER = 0, 1
"""Nothing, as that of version 0.1.0; other checksums. Any other byte: those of the files."""


def prepare(folder: Path) -> Fuzzed:
    run = copied(OLD / "run", folder)
    source = AdoptedFrom("model.keras", "0" * 64)
    adopted = Adopted(source, "net", 64, Crop.CENTER, Normalization((0, 0, 0), (1, 1, 1)), False)
    (run / "1-adopted").mkdir()
    run_folder.write_config(run / "1-adopted", adopted.document({}))
    stage = run / "1-frozen"
    unlisted = json.loads((stage / "config.json").read_text())
    run_folder.write_config(stage, unlisted, frozen_weights="0" * 64)
    run_folder.write(run, best="2-finetuned")
    sound = [(run / name).read_bytes() for name in NAMES]
    listed = [Checksum(**each) for each in json.loads(sound[1])["files"]]

    def config(name: str, listing: bytes, content: bytes) -> bytes:
        """The config.json of the stage if it is written with this content of a file."""
        of_file = Checksum(
            name, hashlib.sha256(b"other" if listing == bytes([OTHER]) else content).hexdigest(), len(content)
        )
        files = [dataclasses.asdict(of_file if each.file == name else each) for each in listed]
        document = unlisted if listing == bytes([UNLISTED]) else unlisted | {"files": files}
        return json.dumps(checksums.sealed(document)).encode()

    def read(content: bytes) -> None:
        place, listing, content = (content[:1] or b"\0")[0] % len(NAMES), content[1:2], content[2:]
        file, is_listed = run / NAMES[place], place >= FIRST_LISTED
        file.write_bytes(content)
        if is_listed:
            (run / NAMES[1]).write_bytes(config(file.name, listing, content))
        try:
            _read(run)
            assert not is_listed or listing != bytes([OTHER]), "read in spite of its checksum"
        finally:
            file.write_bytes(sound[place])
            if is_listed:
                (run / NAMES[1]).write_bytes(sound[1])

    return Fuzzed(read, [bytes([place, 2]) + content for place, content in enumerate(sound)], mutate)


FIRST_LISTED = NAMES.index("1-frozen/splits.json")


def _read(run: Path) -> None:
    opened = Run.open(run)
    opened._repr_html_()
    opened.stages  # noqa: B018
    Adopted.read(run / "1-adopted/config.json").document({})
    stage = run / "1-frozen"
    run_folder.check_model(stage / run_folder.MODEL, "")
    run_folder.backbone_sha256(stage)
    run_folder.verify(stage)
    History.read(run_folder.checked(stage, run_folder.HISTORY)).to_jsonl()
    run_folder.validation_top1(stage)
    if not opened.adopted:
        json.dumps(opened.training.document(opened.training.first_stage, {}))
    dataset = Dataset.read(run_folder.checked(stage, run_folder.SPLITS))
    assert {"train", "validation"} <= dataset.splits.keys()
    dataset.to_json()
    dataset.evaluation_split  # noqa: B018
    for check in (dataset.check_there, dataset.check_usable, dataset.check_trainable, dataset.with_images):
        with suppress(TlpipeError):  # the images are not here
            check()


def mutate(content: bytes, random: Random) -> bytes:
    head = content[:1] + bytes([random.choice((UNLISTED, OTHER, 2, 2, 2, 2))])
    return head + (_lines if content[:1] == _HISTORY else _document)(content[2:], random)


_HISTORY = bytes([NAMES.index("1-frozen/history.jsonl")])
_lines, _document = mutations.lines_of_values, mutations.sealed(mutations.values)
