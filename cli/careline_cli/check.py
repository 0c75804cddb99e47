"""`careline check`: lint, format, types and import contracts, each with the way to put it right.

With --fix it also writes anew what is printed from the code: golden schemas and three documents.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from careline_cli.checkout import ROOT
from careline_cli.console import stderr
from careline_contracts import asyncapi
from careline_contracts.schemas.__main__ import main as schemas
from careline_contracts.topic_table import topics_page
from careline_runtime.settings_table import with_table

_TYPED = ("libs", "services", "cli", "deploy", "tests", "careline")


@dataclass(frozen=True)
class _Check:
    name: str
    command: tuple[str, ...]
    fix: str


_CHECKS = (
    _Check("lint", ("ruff", "check", "."), "careline check --fix, then mend what is left by hand"),
    _Check("format", ("ruff", "format", "--check", "."), "careline check --fix"),
    _Check("types", ("mypy", "--strict", *_TYPED), "mend the types that mypy names"),
    _Check(
        "imports",
        ("lint-imports",),
        "move the import: services → runtime → contracts; rules, model, policy stay pure",
    ),
)
_FORMATTERS = (("ruff", "check", "--fix", "--quiet", "."), ("ruff", "format", "--quiet", "."))


def check(
    fix: Annotated[
        bool, typer.Option("--fix", help="Repair, format, and print schemas and tables anew.")
    ] = False,
) -> None:
    """Check lint, format, types and import contracts of the whole checkout.

    [bold]Examples[/]

    careline check

    careline check --fix
    """
    if fix:
        for command in _FORMATTERS:
            _run(command)
        _print_documents()
    failed = [candidate for candidate in _CHECKS if not _passes(candidate)]
    for failure in failed:
        stderr.print(f"[red]{failure.name} failed[/] → {failure.fix}")
    raise typer.Exit(1 if failed else 0)


def _print_documents() -> None:
    """Schemas and documents say what the code says; a breaking change of a type is refused."""
    if schemas(["--write"]) != 0:
        raise typer.Exit(1)
    docs = ROOT / "docs"
    settings = (docs / "settings.md").read_text("utf-8")
    (docs / "topics.md").write_text(topics_page(), "utf-8")
    (docs / "asyncapi.json").write_text(asyncapi.to_text(), "utf-8")
    (docs / "settings.md").write_text(with_table(settings), "utf-8")


def _passes(candidate: _Check) -> bool:
    with stderr.status(f"{candidate.name} …"):
        done = _run(candidate.command)
    passed = done.returncode == 0
    stderr.print(f"[{'green' if passed else 'red'}]{'✓' if passed else '✗'}[/] {candidate.name}")
    if not passed:
        sys.stdout.write(done.stdout + done.stderr)
        sys.stdout.flush()
    return passed


def _run(command: tuple[str, ...]) -> "subprocess.CompletedProcess[str]":
    tool = Path(sys.executable).parent / command[0]
    return subprocess.run(
        [tool, *command[1:]], cwd=ROOT, check=False, capture_output=True, text=True
    )
