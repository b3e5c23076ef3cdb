"""Converts texts in documents of version 0.1.0 into the fields that documents have today."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from tlpipe_edge.contract.validity import Reason, Validity

if TYPE_CHECKING:
    from tlpipe_edge.contract.benchmark import Bench

_TRAINED_ON = re.compile(r"(.*); (\d{1,9}) of them were trained on", re.DOTALL)


def trained_on(name: str) -> tuple[str, int | None]:
    """The name of the images, and how many of them are training images. Version 0.1.0 wrote this number at the end of
    the name; None if it is not there."""
    found = _TRAINED_ON.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


def upgraded(bench: "Bench") -> "Bench":
    """The benchmark with the fields that version 0.1.0 wrote only as text: reasons, and the number of training images.

    The text of a benchmark repeats the reasons of each part, after the name of the part.
    """
    parts = [each for each in (*bench.results, bench.keras) if each is not None]
    repeated = {text for part in parts for text in part.invalid_reasons}

    def scoped(text: str) -> Reason:
        for part in repeated:
            if text.endswith(f": {part}"):
                reason, name = _from_text(part), text.removesuffix(f": {part}")
                return replace(reason, scope=f"{name}: {reason.scope}" if reason.scope else name)
        return _from_text(text)

    images = bench.images
    if images is not None and images.trained_on is None:
        name, count = trained_on(images.name)
        images = replace(images, name=name, trained_on=count)
    return replace(
        bench,
        images=images,
        reasons=bench.reasons or tuple(map(scoped, bench.invalid_reasons)),
        results=tuple(replace(each, reasons=_reasons(each)) for each in bench.results),
        keras=bench.keras and replace(bench.keras, reasons=_reasons(bench.keras)),
    )


def _reasons(part: Validity) -> tuple[Reason, ...]:
    return part.reasons or tuple(map(_from_text, part.invalid_reasons))


def _from_text(text: str) -> Reason:
    """A reason as version 0.1.0 wrote it: "kind: detail", for Keras after the way of calling it ("predict: ")."""
    scope, _, rest = text.partition(": ")
    if scope not in ("predict", "compiled"):  # as in benchmark.CallName
        scope, rest = "", text
    kind, _, detail = rest.partition(": ")
    return Reason(kind, detail, scope or None)
