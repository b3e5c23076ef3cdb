"""How the documents of ``bench`` and ``evaluate`` are read: by schema, by type, then by what can be."""

from collections.abc import Callable
from typing import Any, TypeVar

from tlpipe_edge.contract import codec
from tlpipe_edge.contract.plausible import Misfit
from tlpipe_edge.errors import BadData

SCHEMA = 1
T = TypeVar("T")


def require_schema(document: Any, where: str) -> None:
    """Raise BadData, which begins with ``where``, for a document of another schema than ``SCHEMA``."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise BadData(f"{where}: schema {schema}, this program reads {SCHEMA}", "Upgrade tlpipe, or measure again.")


def typed_as(kind: type[T], document: Any, where: str, advice: str) -> T:
    """The document as the dataclass ``kind``. Raises BadData with ``advice``."""
    try:
        found: T = codec.read(kind, document, where)
    except BadData as error:
        raise BadData(error.what, advice) from None
    return found


def checked(check: Callable[[], None], where: str, advice: str) -> None:
    """Run a check; what it finds implausible is BadData, which begins with ``where``."""
    try:
        check()
    except Misfit as misfit:
        raise BadData(f"{where}: {misfit}", advice) from None
