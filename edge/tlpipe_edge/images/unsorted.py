"""Refuses images that a camera kept and nobody has sorted: their folders name what a model took them for."""

import os

from tlpipe_edge.contract import review
from tlpipe_edge.errors import BadData
from tlpipe_edge.images import walker
from tlpipe_edge.images.walker import Found


def refuse(found: Found) -> None:
    """Raise BadData if an image is unsorted: its .review.json is beside it, even an empty one.

    Call it before folders become labels.
    """
    if all(each.kind is not walker.REVIEW for each in found.passed_over):
        return
    unsorted = [file for file in found.images if os.path.lexists(review.beside(file))]
    if unsorted:
        count = f"{len(unsorted)} unsorted image{'s' * (len(unsorted) != 1)} ({'the first: ' * (len(unsorted) != 1)}"
        raise BadData(
            f"{count}{unsorted[0].relative_to(found.folder)}), whose labels are predictions of a model",
            "A model must neither learn its own mistakes unseen nor be measured on them: move each image, without its "
            ".review.json, into the folder of its true class.",
            where=found.folder,
        )
