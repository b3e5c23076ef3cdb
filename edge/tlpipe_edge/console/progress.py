"""Progress and notes for the person who waits, on stderr."""

from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tlpipe_edge.console.text import printable

console = Console(stderr=True, highlight=False, soft_wrap=True)

T = TypeVar("T")


def say(text: str) -> None:
    """Print a line of plain text; markup and control characters in it stay inert."""
    console.print(printable(text), markup=False)


def warn(text: str) -> None:
    """Print a warning."""
    console.print(f"warning: {printable(text)}", style="yellow", markup=False)


def track(items: Iterable[T], *, description: str, total: int | None = None) -> Iterator[T]:
    """Iterate with a bar that goes away when it is full. ``total`` is needed where ``items`` has no length."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(description, total=total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def bar(description: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """A bar that goes away at the end of the block; call what it gives with the number of steps done since.

    Where nobody can see a bar, in a log, it is a line.
    """
    if not console.is_terminal:
        say(f"{description} ({total})" if total else description)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(description, total=total)
        yield lambda steps: shown.advance(task, steps)
