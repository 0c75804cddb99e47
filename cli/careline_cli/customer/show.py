"""`careline customer show`: a customer's record."""

from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import stdout
from careline_cli.customer.profile_api import ask, number_of

Name = Annotated[str, typer.Argument(help="A customer number, or an identity: phone:+86139…")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def show(name: Name, as_json: AsJson = False) -> None:
    """Show a customer by number or by any identity.

    [bold]Examples[/]

    careline customer show phone:+8613912345678

    careline customer show member_card:00001 --json
    """
    found = ask("GET", f"/v1/customers/{number_of(name)}")
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(_table(found))


def _table(found: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, title=f"customer {found['customer']}")
    kinds = ", ".join(identity["kind"] for identity in found["identities"])
    table.add_row("known by", kinds)
    table.add_row("also", ", ".join(found["aliases"]) or "–")
    table.add_row("first contact", f"{found['first_contact_at'] or '–'}")
    table.add_row("last contact", f"{found['last_contact_at'] or '–'}")
    for channel, count in found["touchpoints"].items():
        table.add_row(channel, str(count))
    return table
