"""Calls of a pool in their order, with a bounded number of them ahead of the caller."""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from typing import TypeVar

Given = TypeVar("Given")
Result = TypeVar("Result")


def in_order(
    submit: Callable[[Given], "Future[Result]"], items: Iterable[Given], *, ahead: int
) -> Generator[Result, None, None]:
    """The result of ``submit`` for each item, in their order; an item is taken when fewer than ``ahead`` wait.

    Calls that have not begun are cancelled when the generator is closed, or when one of them raises.
    """
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            if len(pending) == ahead:
                yield pending.popleft().result()
            pending.append(submit(item))
        while pending:
            yield pending.popleft().result()
    finally:
        for each in pending:
            each.cancel()
