"""JSON becomes frozen dataclasses, by their annotations."""

import dataclasses
import types
import typing
from enum import StrEnum
from typing import Any

from tlpipe_edge.errors import BadData


def read(kind: Any, value: Any, where: str) -> Any:
    """``value``, as JSON gave it, as the type ``kind``: a dataclass, tuple, dict, StrEnum, optional or scalar.

    Keys that a dataclass does not have are ignored. Raises BadData, which begins with ``where`` and the path of the
    first misfit.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        known = typing.get_type_hints(kind)
        given = {name: read(known[name], item, f"{where}: {name}") for name, item in value.items() if name in known}
        try:
            return typing.cast(Any, kind)(**given)
        except TypeError:
            missing = ", ".join(
                f.name for f in dataclasses.fields(kind) if f.name not in given and f.default is dataclasses.MISSING
            )
            raise BadData(f"{where}: no {missing}", "Copy the bundle again, or export it again.") from None
    if origin is types.UnionType:
        return None if value is None else read(arguments[0], value, where)
    if origin is tuple and isinstance(value, list):
        return tuple(read(arguments[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {str(key): read(arguments[1], item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, StrEnum) and value in list(kind):
        return kind(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind in (int, str, float, bool) and type(value) is kind:
        return value
    raise BadData(
        f"{where}: {str(value)[:40]!r} is not what belongs here", "Copy the bundle again, or export it again."
    )
