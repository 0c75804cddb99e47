"""`careline score forecast` and `flow`: what will move between tiers and tags, what has moved."""

import re
from functools import partial
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, progress, stdout

ask = partial(service_api.ask, "scoring")

ORDER = (
    *("new", "core", "high", "potential", "normal", "medium", "low", "basic", "edge"),
    *("prospect", "active", "latent", "none", "dormant", "merged"),
)
"""As people list tiers and verdicts; values of other tags follow in alphabetical order."""

Days = Annotated[int, typer.Option("--days", min=1, max=31, help="How far ahead.")]
Limit = Annotated[
    int, typer.Option("--limit", min=0, max=10_000, help="How many customers, the first due.")
]


def _month(text: str) -> str:
    if not re.fullmatch(r"20\d\d-(0[1-9]|1[0-2])", text):
        raise typer.BadParameter(f"{text!r} is no month such as 2026-06.")
    return text


Month = Annotated[
    str, typer.Option("--month", callback=_month, metavar="YYYY-MM", help="Which month.")
]


def forecast(days: Days = 7, limit: Limit = 1_000, as_json: AsJson = False) -> None:
    """Show what will move within the next days if nothing happens: tiers, tags, risk.

    [bold]Examples[/]

    careline score forecast

    careline score forecast --days 31 --json
    """
    found = ask("GET", "/v1/forecast", params={"days": days, "limit": limit})
    if as_json:
        stdout.print_json(data=found)
        return
    if not found["summary"]:
        stdout.print(f"nothing moves by {found['until'][:10]}", highlight=False)
    for what, flow in found["summary"].items():
        _print_matrix(f"{what} by {found['until'][:10]}", flow)
    if found["looked_at"] < found["due"]:
        progress(f"Of {found['due']} customers with a change the first {found['looked_at']}.")


def flow(month: Month, as_json: AsJson = False) -> None:
    """Show who moved from which tier to which in a month, and how it ended.

    [bold]Examples[/]

    careline score flow --month 2026-06

    careline score flow --month 2026-06 --json
    """
    found = ask("GET", "/v1/tiers/flow", params={"month": month})
    if as_json:
        stdout.print_json(data=found)
        return
    _print_matrix(f"tiers in {month}", found["flow"])
    kept = ", ".join(f"{tier} {share}" for tier, share in found["retention"].items() if share)
    stdout.print(f"retention: {kept or '–'}", highlight=False)
    stdout.print(
        f"{found['customers']:,} customers · {found['moved']:,} moved · {found['flaps']:,} of "
        f"{found['moves']:,} moves went back within 30 days",
        highlight=False,
    )


def _place(name: str) -> tuple[int, str]:
    return (ORDER.index(name) if name in ORDER else len(ORDER)), name


def _print_matrix(title: str, flow: dict[str, dict[str, Any]]) -> None:
    """From where (rows) to where (columns)."""
    columns = sorted({to for row in flow.values() for to in row}, key=_place)
    table = Table("", *(to or "–" for to in columns), box=None)
    for was, row in sorted(flow.items(), key=lambda one: _place(one[0])):
        table.add_row(was or "–", *(f"{row.get(to, 0):,}" for to in columns))
    stdout.print(f"[bold]{title}[/]", table, highlight=False, sep="\n")
