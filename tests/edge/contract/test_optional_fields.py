"""A field of a document may be missing only if its type says so."""

import dataclasses
import types
import typing
from collections.abc import Iterator

import pytest

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.benchmark import Bench
from tlpipe_edge.contract.evaluation import Evaluation
from tlpipe_edge.contract.manifest import Manifest
from tlpipe_edge.errors import BadData


def parts(kind: type) -> Iterator[type]:
    """The dataclasses that a document is made of."""
    yield kind
    waiting = list(typing.get_type_hints(kind).values())
    while waiting:
        each = waiting.pop()
        waiting += typing.get_args(each)
        if isinstance(each, type) and not isinstance(each, types.GenericAlias) and dataclasses.is_dataclass(each):
            yield from parts(each)


@pytest.mark.parametrize("document", [Bench, Evaluation, Manifest])
def test_no_default_is_inherited_by_a_field_that_must_be_there(document: type) -> None:
    for kind in {*parts(document)}:
        hints = typing.get_type_hints(kind)
        for field in dataclasses.fields(kind):
            if field.default is None:
                assert types.NoneType in typing.get_args(hints[field.name]), f"{kind.__name__}.{field.name}"


def test_scores_without_their_classes_are_refused() -> None:
    with pytest.raises(BadData, match="keras: no top1, top1_interval, top5, per_class"):
        codec.read(Evaluation, {"images": 1, "split": "", "keras": {}, "artifacts": [], "failed_images": []}, "here")
