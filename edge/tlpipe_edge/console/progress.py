"""Progress bars, messages and warnings on stderr."""

from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from tlpipe_edge.console.text import printable

console = Console(stderr=True, highlight=False, soft_wrap=True)

T = TypeVar("T")


def say(text: str) -> None:
    """Print a line of plain text; markup and control characters in it have no effect."""
    console.print(printable(text), markup=False)


def warn(text: str) -> None:
    """Print a warning."""
    console.print(f"warning: {printable(text)}", style="yellow", markup=False)


def track(items: Iterable[T], *, description: str, total: int | None = None) -> Generator[T, None, None]:
    """Iterate with a progress bar that disappears when it is full. ``total`` is needed if ``items`` has no length."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(description, total=total) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def bar(description: str, *, total: int | None) -> Iterator[Callable[[int], None]]:
    """A progress bar that disappears at the end of the block. It yields a function: call it with the steps done since.

    If stderr is not a terminal, print a line instead.
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
