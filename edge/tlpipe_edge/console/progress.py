"""Progress bars, headings, messages and warnings on stderr."""

import functools
import math
import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.text import Text

from tlpipe_edge.console import streams
from tlpipe_edge.console.text import printable
from tlpipe_edge.console.verbosity import Verbosity, verbosity

console = Console(stderr=True, highlight=False, soft_wrap=True)

T = TypeVar("T")


@dataclass
class _Terminal:
    """There is one for a process: whether another process draws bars on it now, and the bar of ``parts`` with the
    seconds of the current part."""

    drawn_elsewhere: bool = False
    parts: Progress | None = None
    part_seconds: float = 0.0

    def shows_bars(self) -> bool:
        return console.is_terminal and verbosity() >= Verbosity.NORMAL and not self.drawn_elsewhere


_terminal = _Terminal()


@contextmanager
def drawn_elsewhere() -> Iterator[None]:
    """Draw no bar in this block, while a child draws on the same terminal; print lines instead."""
    _terminal.drawn_elsewhere = True
    try:
        yield
    finally:
        _terminal.drawn_elsewhere = False


def say(text: str) -> None:
    """Print a line of plain text; markup and control characters in it have no effect."""
    if verbosity() >= Verbosity.NORMAL:
        _print(printable(text))


def detail(text: str) -> None:
    """Print a line that only ``--verbose`` shows."""
    if verbosity() >= Verbosity.VERBOSE:
        _print(printable(text), style="dim")


def heading(text: str) -> None:
    """Print the heading of a step, after an empty line."""
    if verbosity() >= Verbosity.NORMAL:
        _print(f"\n{printable(text)}", style="bold")


def warn(text: str) -> None:
    """Print a warning."""
    _print(f"warning: {printable(text)}", style="yellow")


def _print(text: str, *, style: str = "") -> None:
    with streams.messages():
        console.print(text, style=style, markup=False)


def track(items: Iterable[T], *, description: str, total: int | None = None) -> Generator[T, None, None]:
    """Iterate with a progress bar that disappears when it is full. If ``total`` is not given, and ``items`` has no
    length, it only counts."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with bar(description, total=total, counted=True) as advance:
        for item in items:
            yield item
            advance(1)


@contextmanager
def bar(
    description: str, *, total: float | None, seconds: float | None = None, counted: bool = False
) -> Iterator[Callable[[float], None]]:
    """A progress bar that disappears at the end of the block. It yields a function: call it with the steps done since.

    With ``counted``, the steps are shown even if there is no ``total``. ``seconds`` is how long the block takes, as far
    as that is known: the time left before the first step is done. If stderr is not a terminal, print a line instead.
    """
    if not _terminal.shows_bars():
        say(description if total is None else f"{description} ({round(total):,})")
    with _drawn(seconds, counted=counted or total is not None) as shown:
        task = shown.add_task(printable(description), total=total, part="")

        def advance(steps: float) -> None:
            shown.update(task, advance=steps, at=shown.get_time())

        yield advance


@contextmanager
def parts(description: str, *, seconds: float) -> Iterator[None]:
    """A bar over the parts that ``part`` begins in this block, ``seconds`` in all.

    It changes only between two parts: nothing is drawn while something is timed.
    """
    if not _terminal.shows_bars():
        say(description)
    with _drawn(seconds, counted=False, live=False) as shown:
        shown.add_task(printable(description), total=seconds, part="")
        _terminal.parts, _terminal.part_seconds = shown, 0.0
        try:
            yield
        finally:
            _terminal.parts = None


def part(description: str, *, seconds: float) -> None:
    """Begin the next part, of about so many seconds. If stderr is not a terminal, print a line."""
    if not _terminal.shows_bars() or _terminal.parts is None:
        say(f"  {description}, {seconds:g} s")
        return
    shown = _terminal.parts
    (task,) = shown.task_ids
    named = f": {printable(description)}"
    shown.update(task, advance=_terminal.part_seconds, part=named, at=shown.get_time(), refresh=True)
    _terminal.part_seconds = seconds


def _drawn(seconds: float | None, *, counted: bool, live: bool = True) -> Progress:
    columns = (MofNCompleteColumn(),) if counted else ()
    return Progress(
        TextColumn("{task.description}{task.fields[part]}", markup=False),
        BarColumn(),
        *columns,
        _TimeLeft(seconds),
        console=console,
        transient=True,
        disable=not _terminal.shows_bars(),
        auto_refresh=live,
    )


@contextmanager
def drawn_on(descriptor: int) -> Iterator[None]:
    """Draw bars on this file descriptor, which stderr had before it was redirected."""
    if not os.isatty(descriptor):
        yield
        return
    console.file = _opened(os.ttyname(descriptor), descriptor)
    try:
        yield
    finally:
        console.file = None  # type: ignore[assignment]  # which is sys.stderr


@functools.cache
def _opened(_terminal_name: str, descriptor: int) -> TextIO:
    """The terminal, once in a process and never closed: the thread that draws may still be writing to it."""
    return open(os.dup(descriptor), "w", encoding="utf-8", closefd=False)


@contextmanager
def waiting(description: str, *, seconds: float) -> Iterator[None]:
    """A moving bar for a block without steps, such as one call of a library, that takes about ``seconds``."""
    with bar(description, total=None, seconds=seconds):
        yield


class _TimeLeft(ProgressColumn):
    """The time left, by the steps so far. It counts down between the steps, too."""

    def __init__(self, seconds: float | None) -> None:
        super().__init__()
        self.seconds = seconds

    def render(self, task: Task) -> Text:
        left = time_left(
            elapsed=task.elapsed or 0.0,
            since=task.get_time() - task.fields.get("at", task.start_time or task.get_time()),
            done=task.completed,
            total=task.total,
            speed=task.speed,
            seconds=self.seconds,
        )
        return Text(
            "" if left is None else f"{math.ceil(left) // 60}:{math.ceil(left) % 60:02d} left", "progress.remaining"
        )


def time_left(
    *, elapsed: float, since: float, done: float, total: float | None, speed: float | None, seconds: float | None
) -> float | None:
    """The seconds left, at least 0; None if nothing is known yet.

    ``done`` of ``total`` steps are done, the last of them ``since`` seconds ago, ``elapsed`` seconds after the start;
    ``speed`` is that of the latest steps, per second. Without steps, it is what is left of ``seconds``.
    """
    if total is not None and done:
        rate = speed or done / max(elapsed - since, 1e-9)
        return max(0.0, (total - done) / rate - since)
    return None if seconds is None else max(0.0, seconds - elapsed)
