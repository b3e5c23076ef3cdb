"""A bundle becomes the files of a site: those that are named here, and nothing else of the bundle."""

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata, resources
from pathlib import PurePosixPath
from typing import cast

from tlpipe.evaluation import original
from tlpipe.storage.escaping import environment
from tlpipe.website import built, network, page, self_test
from tlpipe.website.document import Asset, Ending, Measured, SiteDocument, Split, asset
from tlpipe.website.network import Network
from tlpipe.website.self_test import Case
from tlpipe_edge.camera.settings import SMOOTHING, THRESHOLD
from tlpipe_edge.console import notebook, progress
from tlpipe_edge.console.text import printable
from tlpipe_edge.contract import evaluation
from tlpipe_edge.contract.bundle import EVALUATION, Bundle
from tlpipe_edge.contract.files import load_json

MODEL = "model.tflite"
README = "README.md"
MARKER = "tlpipe-site.json"
"""Lists the files of a folder, and tells it from other folders."""

_SPLIT = re.compile(
    r"(train|validation|test)( \(there is no test split\))?(?P<apart>, (held out|cut) from train)?"
    rf"(; {re.escape(original.UNKNOWN)})?"
)
"""What ``evaluate`` calls a split of a run. Another name is that of a folder of the user, and does not travel."""

_VERSION = b"{{version}}"
"""The place of the version in the built service worker."""
_TEXTS = (".html", ".css", ".js", ".webmanifest", ".txt")
"""What a host compresses."""
_NOT_LOADED = (README, MARKER, "icon-512.png")


@dataclass(frozen=True)
class Options:
    """``recipe``: a number format, None for the best one of the bundle. ``golden``: with the golden images, which are
    photographs of the user. ``single_file``: everything in one HTML file."""

    recipe: str | None = None
    golden: bool = False
    single_file: bool = False


DEFAULTS = Options()


@dataclass(frozen=True)
class Site:
    """The files of a site by their names, and the document that is in its page."""

    document: SiteDocument
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def bytes(self) -> int:
        """The size of all files."""
        return sum(map(len, self.files.values()))

    @property
    def first_visit_bytes(self) -> int:
        """What the first visit loads, with the texts compressed as a host does it."""
        loaded = {name: content for name, content in self.files.items() if name not in _NOT_LOADED}
        return sum(
            len(gzip.compress(content) if PurePosixPath(name).suffix in _TEXTS else content)
            for name, content in loaded.items()
        )

    def _repr_html_(self) -> str:
        """Its files as a table, for a notebook."""
        rows = [(name, f"{len(content) / 1e6:.2f} MB") for name, content in self.files.items()]
        return notebook.table(f"{self.document.name}, {self.document.recipe}", ("file", "size"), rows)


def build(bundle: Bundle, options: Options = DEFAULTS) -> Site:
    """The site of a bundle.

    Raise Unavailable if the page is not built, WrongUsage if there is no format for a browser, BadData if the bundle is
    damaged, MissingInput if golden images are wanted and there are none.
    """
    files = built.read()
    artifact = network.choose(bundle, options.recipe)
    measured = _measured(bundle, artifact.recipe, artifact.sha256)
    with progress.waiting("computing the scores of the test images", seconds=3):
        opened = network.opened(bundle, artifact)
        tests = self_test.tests(opened.classifier)
        golden = self_test.golden(bundle, opened.classifier) if options.golden else ()
    files |= {MODEL: opened.content, **{case.expected.asset: case.content for case in (*tests, *golden)}}
    files[built.MANIFEST] = _web_manifest(files[built.MANIFEST], bundle.manifest.name)
    template = files.pop(built.INDEX)
    document = _document(bundle, opened, measured, _assets(files, (*tests, *golden)), tests, golden, options)
    document = document.with_version({name: _sha256(content) for name, content in (*files.items(), ("", template))})
    if options.single_file:
        return Site(document, {built.INDEX: page.single(template.decode(), document, files).encode()})
    files[built.SERVICE_WORKER] = _service_worker(files[built.SERVICE_WORKER], document.version)
    files = {built.INDEX: page.of_folder(template.decode(), document, files).encode(), **files}
    files[README] = _readme(document).encode()
    return Site(document, {**files, MARKER: _listed(document, files).encode()})


def _assets(files: Mapping[str, bytes], cases: Iterable[Case]) -> dict[str, Asset]:
    """What the page loads and checks."""
    names = (built.WORKER, built.LITERT, built.WASM, MODEL, *(case.expected.asset for case in cases))
    unpacked = {built.WASM: built.unpacked(files[built.WASM])}
    return {name: asset(files[name], unpacked=unpacked.get(name)) for name in names}


def _document(
    bundle: Bundle,
    opened: Network,
    measured: Measured | None,
    assets: dict[str, Asset],
    tests: tuple[Case, ...],
    golden: tuple[Case, ...],
    options: Options,
) -> SiteDocument:
    manifest, artifact, session = bundle.manifest, opened.artifact, opened.classifier.session
    return SiteDocument(
        name=manifest.name,
        recipe=artifact.recipe,
        file=artifact.file,
        labels=manifest.labels,
        image=manifest.image,
        input=session.input,
        output=session.output,
        ending=Ending(opened.ending.kind.value, opened.ending.minimum, opened.ending.maximum),
        sha256=artifact.sha256,
        bytes=artifact.bytes,
        keras_sha256=manifest.provenance.keras_sha256,
        tlpipe=metadata.version("tlpipe"),
        evaluation=measured,
        threshold=THRESHOLD,
        smoothing=SMOOTHING,
        assets=assets,
        tests=tuple(case.expected for case in tests),
        golden=tuple(case.expected for case in golden),
        tolerance=self_test.tolerance(session.output, opened.ending),
        single_file=options.single_file,
    )


def _measured(bundle: Bundle, recipe: str, sha256: str) -> Measured | None:
    """What the bundle's evaluation says of this file. Raise BadData if the evaluation is damaged."""
    file = bundle.path / EVALUATION
    if not file.is_file():
        return None
    found = evaluation.evaluation(load_json(file), bundle.manifest.labels, str(file))
    scores = next((each for each in found.artifacts if (each.recipe, each.sha256) == (recipe, sha256)), None)
    if scores is None:
        return None
    known = _SPLIT.fullmatch(found.split)
    split = cast(Split, known[1]) if known else "labelled"
    # Version 0.1.0 wrote no number of training images for a split that has none.
    trained_on = 0 if known and known["apart"] else found.trained_on
    return Measured(scores.top1, scores.top1_interval, found.images, split, trained_on, scores.agreement)


def _web_manifest(template: bytes, name: str) -> bytes:
    """The built manifest, with the name of the bundle."""
    document = json.loads(template) | {"name": printable(name), "short_name": printable(name)}
    return (json.dumps(document, indent=2) + "\n").encode()


def _service_worker(template: bytes, version: str) -> bytes:
    """The built service worker, with the version: by its change, a browser notices that there is a new site."""
    if template.count(_VERSION) != 1:
        raise ValueError(f"{built.SERVICE_WORKER} has not one place for the version")
    return template.replace(_VERSION, version.encode())


def _readme(document: SiteDocument) -> str:
    template = (resources.files("tlpipe.website") / "readme.md.j2").read_text("utf-8")
    return environment().from_string(template).render(site=document)


def _listed(document: SiteDocument, files: Mapping[str, bytes]) -> str:
    """The content of ``MARKER``."""
    listed = [{"file": name, "sha256": _sha256(files[name]), "bytes": len(files[name])} for name in files]
    return json.dumps({"schema": 1, "version": document.version, "files": listed}, indent=2) + "\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
