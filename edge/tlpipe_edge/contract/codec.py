"""Reads JSON into frozen dataclasses by their annotations, and turns dataclasses into JSON.

The range of a field is in its annotation, with annotated-types: ``Annotated[float, Ge(0), Le(1)]``. A condition on
several fields, such as "min is at most p50", is in a method ``check`` of the dataclass, which raises Misfit.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

from annotated_types import BaseMetadata, Ge, GroupedMetadata, Gt, Le, Lt, MaxLen, MinLen, Predicate

from tlpipe_edge.errors import BadData

COPY_AGAIN = "Copy the bundle again, or export it again."

T = TypeVar("T")
Reader = Callable[[Any], Any]
SCALARS = {float: "a number", int: "an integer", str: "a string", bool: "true or false"}


class Misfit(Exception):
    """A value does not fit its field; ``path`` is the path of the field in the document."""

    def __init__(self, reason: str, path: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.path = path

    def __str__(self) -> str:
        return f"{self.path.removeprefix('.')}: {self.reason}" if self.path else self.reason

    def below(self, part: str) -> "Misfit":
        """The same, with ``part`` in front of its path."""
        return Misfit(self.reason, part + self.path)


def read(kind: Callable[..., T], value: Any, where: str, advice: str = COPY_AGAIN) -> T:
    """``value``, from JSON, as the type ``kind``: a dataclass, tuple, dict, StrEnum, optional or scalar.

    Keys that a dataclass does not have are ignored. Raise BadData if a value does not fit; it begins with ``where`` and
    the path of the first misfit, such as ``results[0].invoke_ms.p50``.
    """
    try:
        found: T = _reader(kind)(value)
    except Misfit as misfit:
        raise BadData(f"{misfit}", advice, where=where) from misfit
    return found


def check_fields(value: Any) -> None:
    """Raise Misfit if a field of a dataclass that code made does not fit its annotation."""
    known = typing.get_type_hints(type(value), include_extras=True)
    for field in dataclasses.fields(value):
        kind, found = known[field.name], getattr(value, field.name)
        try:
            if dataclasses.is_dataclass(kind) and type(found) is not kind:
                raise _unfit(found, f"a {getattr(kind, '__name__', kind)}")
            if not dataclasses.is_dataclass(kind):
                _reader(kind)(as_json(found))
        except Misfit as misfit:
            raise misfit.below(f".{field.name}") from misfit


def require_schema(document: Any, known: int, where: str, advice: str = "Upgrade tlpipe, or measure again.") -> None:
    """Raise BadData, which begins with ``where``, if the schema of a document is not ``known``."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != known:
        raise BadData(f"schema {schema}, but this program reads schema {known}", advice, where=where)


def as_json(value: Any) -> Any:
    """The JSON of a dataclass, with its fields in their order; tuples become lists."""
    if value is None or isinstance(value, str | int | float):  # nearly all values, of many classes
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: as_json(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [as_json(item) for item in value]
    return value


def indented(document: Any) -> str:
    """A JSON document as text, with a list of numbers on one line. Raise ValueError for NaN or infinity."""
    text = json.dumps(document, indent=2, allow_nan=False)
    # A JSON string holds no line break, so this never changes a string.
    return re.sub(r"\[\n[\s\d.,eE+-]+\]", lambda found: re.sub(r"\s+", " ", found[0]), text)


@functools.cache
def _reader(kind: Any) -> Reader:
    """The function that reads a value of this type; it raises Misfit."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        return _constrained(_reader(arguments[0]), arguments[1:])
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind)
    if origin in (types.UnionType, typing.Union) and arguments[1:] == (types.NoneType,):
        inner = _reader(arguments[0])
        return lambda value: None if value is None else inner(value)
    if origin is tuple and arguments[1:] == (...,):
        return _items(_reader(arguments[0]))
    if origin is dict:
        return _entries(_reader(arguments[1]), None if arguments[0] is str else typing.get_args(arguments[0]))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return functools.partial(_member, kind)
    if kind in SCALARS:
        return functools.partial(_scalar, kind)
    raise TypeError(f"{kind} cannot be read from JSON")


def _dataclass(kind: Any) -> Reader:
    known = typing.get_type_hints(kind, include_extras=True)
    readers = {field.name: _reader(known[field.name]) for field in dataclasses.fields(kind)}
    required = [f.name for f in dataclasses.fields(kind) if f.default is f.default_factory is dataclasses.MISSING]
    check = getattr(kind, "check", None)

    def read_dataclass(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _unfit(value, "an object")
        missing = [name for name in required if name not in value]
        if missing:
            raise Misfit(f"no {', '.join(missing)}")
        given = {}
        for name, reader in readers.items():
            if name in value:
                try:
                    given[name] = reader(value[name])
                except Misfit as misfit:
                    raise misfit.below(f".{name}") from misfit
        found = kind(**given)
        if check is not None:
            check(found)
        return found

    return read_dataclass


def _items(reader: Reader) -> Reader:
    def read_items(value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _unfit(value, "a list")
        found = []
        try:
            for item in value:
                found.append(reader(item))
        except Misfit as misfit:
            raise misfit.below(f"[{len(found)}]") from misfit
        return tuple(found)

    return read_items


def _entries(reader: Reader, known: tuple[str, ...] | None) -> Reader:
    """A dictionary. If its keys are a Literal, other keys are ignored, as those of a dataclass are."""

    def read_entries(value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _unfit(value, "an object")
        found = {}
        for key, item in value.items():
            if known is not None and key not in known:
                continue
            try:
                found[str(key)] = reader(item)
            except Misfit as misfit:
                raise misfit.below(f".{str(key)[:40]}") from misfit
        return found

    return read_entries


def _member(kind: type[StrEnum], value: Any) -> StrEnum:
    if value not in list(kind):
        raise _unfit(value, f"one of {', '.join(kind)}")
    return kind(value)


def _scalar(kind: type, value: Any) -> Any:
    if kind is float and type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise Misfit("a number that does not fit a float")
        return number
    if type(value) is not kind:
        raise _unfit(value, SCALARS[kind])
    return value


def _constrained(reader: Reader, metadata: tuple[Any, ...]) -> Reader:
    constraints = [one for each in metadata for one in (each if isinstance(each, GroupedMetadata) else (each,))]
    tests = [_test(each) for each in constraints if isinstance(each, BaseMetadata)]

    def read_constrained(value: Any) -> Any:
        found = reader(value)
        for holds, otherwise in tests:
            if not holds(found):
                raise _unfit(value, otherwise)
        return found

    return read_constrained


def _test(constraint: Any) -> tuple[Callable[[Any], bool], str]:
    """The condition, and its description for a message."""
    match constraint:
        case Ge(ge=limit):
            return lambda value: bool(value >= limit), f"at least {limit}"
        case Gt(gt=limit):
            return lambda value: bool(value > limit), f"more than {limit}"
        case Le(le=limit):
            return lambda value: bool(value <= limit), f"at most {limit}"
        case Lt(lt=limit):
            return lambda value: bool(value < limit), f"less than {limit:g}"
        case MinLen(min_length=limit):
            return lambda value: len(value) >= limit, f"at least {limit} items"
        case MaxLen(max_length=limit):
            return lambda value: len(value) <= limit, f"at most {limit} items"
        case Predicate(func=holds):
            return holds, (holds.__doc__ or holds.__name__).rstrip(".")
    raise TypeError(f"{constraint} cannot be checked")


def _unfit(value: Any, expected: str) -> Misfit:
    try:
        shown = repr(value)
    except ValueError:  # int has a limit for digits that are printed (sys.set_int_max_str_digits)
        shown = "a very large number"
    except RecursionError:
        shown = "a deeply nested value"
    return Misfit(f"{shown if len(shown) <= 42 else shown[:40] + '...'} is not valid (expected: {expected})")
