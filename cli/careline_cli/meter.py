"""How far a long command has come: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from careline_cli.console import stderr

SECONDS_BETWEEN_LINES = 5.0


class Meter:
    """Shows `done` of `total` with a few words; use it as a context."""

    def __init__(self, what: str, total: int, *, console: Console = stderr) -> None:
        self._what = what
        self._total = max(total, 1)
        self._console = console
        self._last_line = time.monotonic()
        self._bar: Progress | None = None
        if console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                TextColumn("{task.percentage:>3.0f} %  {task.fields[words]}"),
                TimeRemainingColumn(),
                console=console,
            )

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task(self._what, total=self._total, words="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, done: int, words: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, completed=done, words=words)
        elif time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            percent = 100 * done // self._total
            self._console.print(f"{self._what}: {percent} %, {words}", highlight=False)

    def say(self, message: str) -> None:
        """A line beside the bar."""
        self._console.print(f"[dim]·[/] {message}", highlight=False)
