"""`careline customer quality`: how good the records are."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, stdout, writable
from careline_cli.customer.profile_api import ask

MEASURES = ("completeness", "validity", "uniqueness", "freshness", "accuracy")


def quality(
    month: Annotated[
        str | None, typer.Option(help="Of this month, as in 2026-03; default: this one.")
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Check all records first, without waiting for Monday.")
    ] = False,
    page: Annotated[
        Path | None, typer.Option(callback=writable, help="Write the report as an HTML page.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show how complete, valid, unique, fresh and accurate the records are.

    [bold]Examples[/]

    careline customer quality --check

    careline customer quality --month 2026-03 --page quality.html
    """
    asked = {"month": month} if month else {}
    if check:
        ask("POST", "/v1/quality/checks", role="agent")
    if page is not None:
        page.write_text(ask("GET", "/v1/quality/page", params=asked), encoding="utf-8")
    report = ask("GET", "/v1/quality", params=asked)
    if as_json:
        stdout.print_json(data=report)
    elif report["check"] is None:
        stdout.print(f"No check in {report['month']}: --check makes one.")
    else:
        stdout.print(_table(report))


def _table(report: dict[str, Any]) -> Table:
    table = Table(
        "", "share", "good", "of", "target", box=None, title=f"records, {report['month']}"
    )
    for measure in MEASURES:
        share = report["check"][measure]
        ratio = "–" if share["ratio"] is None else f"{share['ratio']:.1%}"
        target = f"{report['accuracy_target']:.0%}" if measure == "accuracy" else ""
        table.add_row(measure, ratio, f"{share['good']:,}", f"{share['of']:,}", target)
    table.add_row("possible duplicates", "", f"{report['open_duplicates']:,}", "")
    return table
