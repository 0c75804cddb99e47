"""How the command speaks: results on stdout, the rest on stderr, errors without a traceback."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Protocol

import typer
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Column

stdout = Console()
stderr = Console(stderr=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
"""What every command offers that has something to show."""


class Explained(Protocol):
    """An expected error: what happened, why, and what to do about it."""

    what: str
    why: str
    fix: str


class CommandError(Exception):
    """An expected failure of a command, shown as a short panel with exit code 1."""

    def __init__(self, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.fix = fix


def writable(path: Path | None) -> Path | None:
    """For an option that names a result's file: refused before the work, not after it."""
    if path is None:
        return None
    if path.exists():
        can_be_written = not path.is_dir() and os.access(path, os.W_OK)
    else:
        can_be_written = path.parent.is_dir() and os.access(path.parent, os.W_OK)
    if not can_be_written:
        raise typer.BadParameter(f"{path} cannot be written.")
    return path


def progress(message: str) -> None:
    stderr.print(f"[dim]·[/] {escape(message)}", soft_wrap=True)


def show_error(error: Explained) -> None:
    parts = [f"[bold]{escape(error.what)}[/]"]
    if error.why:
        parts.append(escape(error.why.strip()))
    if error.fix:
        parts.append(f"[green]→[/] {escape(error.fix)}")
    stderr.print(
        Panel("\n\n".join(parts), title="careline", title_align="left", border_style="red")
    )


def show_yaml(text: str) -> None:
    """The text itself, in colours on a terminal: whole lines, which a file may be made of."""
    stdout.print(Syntax(text.rstrip(), "yaml", background_color="default"), soft_wrap=True)


def copied(header: str) -> Column:
    """A column of what people copy into the next command: never cut, however narrow the screen."""
    return Column(header, no_wrap=True, overflow="ignore")


def local_minute(instant: str | None) -> str:
    """An RFC 3339 instant in this machine's time, to the minute; a dash for none."""
    if instant is None:
        return "–"
    return f"{datetime.fromisoformat(instant).astimezone():%Y-%m-%d %H:%M}"
