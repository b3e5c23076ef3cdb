"""What the tests of the report share: sources to report on, and a reader of the page."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import benches

from tlpipe.reporting import inputs, publish
from tlpipe.reporting.derive import compose
from tlpipe.reporting.inputs import BenchSource
from tlpipe.reporting.render.page import NO_BREAK
from tlpipe_edge.classify.accuracy import wilson
from tlpipe_edge.contract import benchmark
from tlpipe_edge.contract.bundle import Bundle

DRAWN = Path(__file__).parents[1] / "data" / "bundle"
VOID = {"meta", "img", "br", "link", "input"}


def write(folder: Path, *documents: benches.Document, bundle: Path | None = None, name: str = "out") -> Path:
    """The report on these benches, written to files first; the folder that it is in."""
    files = []
    for number, document in enumerate(documents):
        files.append(folder / f"{name}-{number}.json")
        files[-1].write_text(json.dumps(document))
    publish.of_paths([*([bundle] if bundle else []), *files], folder / name)
    return folder / name


def read(folder: Path) -> Any:
    """The document of a report."""
    return json.loads((folder / "report.json").read_text("utf-8"))


def bundle(folder: Path, *, top1: float = 0.9) -> Path:
    """The bundle of the tests with an evaluation on 40 images, and two stages of training."""
    copy = shutil.copytree(DRAWN, folder / "drawn")
    manifest = Bundle.open(copy).manifest
    artifact = manifest.artifacts[0]
    images = {
        label: {"images": 20 - 5 * place, "correct": 15 - 5 * place} for place, label in enumerate(manifest.labels)
    }
    rates = {"top5": 1.0, "ties": 0, "per_class": images}
    keras = {"top1": 0.925, "top1_interval": list(wilson(37, 40)), **rates}
    of_file = {"recipe": artifact.recipe, "file": artifact.file, "sha256": artifact.sha256, "bytes": artifact.bytes}
    scored = {"top1": top1, "top1_interval": list(wilson(round(40 * top1), 40)), "agreement": 0.975, "mcnemar_p": 1.0}
    evaluation = {"schema": 1, "images": 40, "split": "test, held out from train", "failed_images": [], "gate": None}
    document = evaluation | {"keras": keras, "artifacts": [of_file | rates | scored]}
    (copy / "evaluation.json").write_text(json.dumps(document))
    (copy / "training").mkdir(exist_ok=True)
    for stage, best in (("1-frozen", 3), ("2-finetuned", 2)):
        rows: list[dict[str, Any]] = [{"stage": stage, "best": best}]
        for epoch in range(5):
            values = {"loss": 1.1 - epoch / 5, "accuracy": 0.4 + epoch / 8, "val_loss": 1.2 - epoch / 6}
            rows.append({"number": epoch, **values, "val_accuracy": 0.45 + epoch / 9})
        (copy / "training" / f"{stage}-history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return copy


@dataclass(eq=False)
class Node:
    """An element of a page."""

    tag: str
    attributes: dict[str, str | None]
    parent: "Node | None"
    children: list["Node | str"] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All text inside."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    def all(self, tag: str = "") -> Iterator["Node"]:
        """The elements inside, in order."""
        for child in self.children:
            if isinstance(child, Node):
                if tag in ("", child.tag):
                    yield child
                yield from child.all(tag)

    def has(self, name: str) -> bool:
        """Whether it is of this class."""
        return name in (self.attributes.get("class") or "").split()

    def above(self) -> Iterator["Node"]:
        """The element and all around it."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def texts(self) -> Iterator[tuple["Node", str]]:
        """Each text inside with the element that it is in."""
        for child in self.children:
            if isinstance(child, str):
                yield self, child
            else:
                yield from child.texts()


class Page(HTMLParser):
    """A page as a tree, its no-break spaces as spaces; raises AssertionError where an element is not closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.root = self._open = Node("", {}, None)
        self.feed(text)
        self.close()
        assert self._open is self.root, f"not closed: {self._open.tag}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = Node(tag, dict(attrs), self._open)
        self._open.children.append(node)
        if tag not in VOID:
            self._open = node

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._open.children.append(Node(tag, dict(attrs), self._open))

    def handle_endtag(self, tag: str) -> None:
        assert tag == self._open.tag, f"</{tag}> in <{self._open.tag}>"
        assert self._open.parent is not None
        self._open = self._open.parent

    def handle_data(self, data: str) -> None:
        self._open.children.append(data.replace(NO_BREAK, " "))


def page(folder: Path) -> Node:
    """The page of a report."""
    return Page((folder / "report.html").read_text("utf-8")).root


def numbers(document: Any) -> set[float]:
    """Every number of a JSON document, and the length of every list."""
    if isinstance(document, dict):
        return set().union(*map(numbers, document.values())) if document else set()
    if isinstance(document, list):
        return {float(len(document))}.union(*map(numbers, document))
    return {float(document)} if isinstance(document, int | float) and not isinstance(document, bool) else set()


def strings(document: Any) -> Iterator[str]:
    """Every text of a JSON document, keys of objects too."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key
            yield from strings(value)
    elif isinstance(document, list):
        for value in document:
            yield from strings(value)
    elif isinstance(document, str):
        yield document


def changed(document: benches.Document, row: int, **values: Any) -> benches.Document:
    """The same with other values in one result."""
    results = [each | (values if number == row else {}) for number, each in enumerate(document["results"])]
    return document | {"results": results}


def made(*documents: benches.Document) -> Any:
    """The report on these benches, in memory, as JSON."""
    sources = [
        BenchSource(f"{number}.json", bench)
        for number, document in enumerate(documents)
        for bench in benchmark.benches(document, f"{number}.json")
    ]
    return json.loads(compose.report(inputs.gather(None, sources)).to_json())
