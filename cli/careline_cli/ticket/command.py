"""`careline ticket`: what becomes of tickets, and where the time of their promises went."""

from functools import partial
from typing import Annotated, Any, Literal

import typer

from careline_cli import service_api
from careline_cli.console import AsJson, stdout
from careline_cli.ticket.view import listed, shown
from careline_contracts.events.ticketing import Level, TicketStatus

app = typer.Typer(
    help="Tickets: their promises, and where the time went.\n\n[bold]Examples[/]\n\n"
    "careline ticket list --status open\n\n"
    "careline ticket show T4QGKZ7NTXY6W2",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ask = partial(service_api.ask, "ticketing")

PAGE = 1_000

Language = Annotated[Literal["en", "zh"], typer.Option("--language", help="Of the words around.")]


@app.command("list")
def list_tickets(
    status: Annotated[TicketStatus | None, typer.Option(help="Only with this status.")] = None,
    level: Annotated[Level | None, typer.Option(help="Only of this level.")] = None,
    customer: Annotated[str, typer.Option(help="Only of this customer number.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many; 0 for all.", min=0)] = 100,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """List tickets by number, each with its clocks.

    [bold]Examples[/]

    careline ticket list --status open --level L1

    careline ticket list --json --limit 0
    """
    asked = {"status": status, "level": level, "customer": customer}
    found = _pages({name: value for name, value in asked.items() if value}, limit)
    if as_json:
        stdout.print_json(data={"tickets": found})
    else:
        stdout.print(listed(found, language))


@app.command()
def show(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="A ticket number.")],
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Show one ticket: what happened, its promises, and where the time of each went.

    [bold]Examples[/]

    careline ticket show T4QGKZ7NTXY6W2

    careline ticket show T4QGKZ7NTXY6W2 --json
    """
    found = ask("GET", f"/v1/tickets/{ticket}")
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(shown(found, language))


def _pages(asked: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while not limit or len(found) < limit:
        size = min(PAGE, limit - len(found)) if limit else PAGE
        page = ask("GET", "/v1/tickets", params={**asked, **after, "limit": size})
        found += page["tickets"]
        if not page["next"]:
            break
        after = {"after": page["next"]}
    return found
