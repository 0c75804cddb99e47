"""`careline crisis`: the problems that many customers have at once."""

from functools import partial
from typing import Annotated, Literal

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, copied, local_minute, stdout

app = typer.Typer(
    help="Crises: problems that many customers have at once.\n\n[bold]Examples[/]\n\n"
    "careline crisis list --status open",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ask = partial(service_api.ask, "ticketing")


@app.callback()
def crisis() -> None:
    """Keeps a group that has one command a group."""


@app.command("list")
def list_crises(
    status: Annotated[Literal["open", "closed"] | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=1_000)] = 100,
    as_json: AsJson = False,
) -> None:
    """List crises, the latest first: how grave, whose, how many customers and tickets.

    [bold]Examples[/]

    careline crisis list --status open

    careline crisis list --json
    """
    asked = {"limit": limit, **({"status": status} if status else {})}
    found = ask("GET", "/v1/crises", params=asked)
    if as_json:
        stdout.print_json(data=found)
        return
    others = ("grade", "status", "owner", "customers", "tickets", "about", "since")
    table = Table(copied("crisis"), *others, box=None)
    for one in found["crises"]:
        numbers = (str(one["customers"]), str(len(one["tickets"])))
        about = ", ".join(one["labels"])
        row = (one["crisis"], str(one["grade"]), one["status"], one["owner"], *numbers, about)
        table.add_row(*row, local_minute(one["opened_at"]))
    stdout.print(table if table.rows else "no crises")
