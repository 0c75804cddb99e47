"""`careline customer show`: a customer's record, now or as it was."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.customer.profile_api import ask, number_of, short_name

Name = Annotated[str, typer.Argument(help="A customer number, or an identity: phone:+86139…")]
INSTANTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
"""A day, or an instant; without an offset it is this machine's time."""


def show(
    name: Name,
    as_of: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="What was so then, on the record.")
    ] = None,
    known_at: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="As far as it was known then.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a customer by number or by any identity.

    [bold]Examples[/]

    careline customer show phone:+8613912345678

    careline customer show member_card:00001 --as-of 2026-03-01 --json
    """
    asked = {"as_of": instant(as_of), "known_at": instant(known_at)}
    at = {option: value for option, value in asked.items() if value}
    found = ask("GET", f"/v1/customers/{number_of(name)}", params=at)
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(_table(found))


def instant(moment: datetime | None) -> str | None:
    """The moment with its offset, as the API takes it."""
    if moment is None:
        return None
    return (moment if moment.tzinfo else moment.astimezone()).isoformat()


def _table(found: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, title=f"customer {found['customer']}")
    for _ in range(5):
        # whole, however narrow the terminal: a reminder is looked at by its name
        table.add_column(overflow="fold")
    names = ", ".join(short_name(identity["identity"]) for identity in found["identities"])
    table.add_row("known by", names)
    table.add_row("also", ", ".join(found["aliases"]) or "–")
    table.add_row("first contact", local_minute(found["first_contact_at"]))
    table.add_row("last contact", local_minute(found["last_contact_at"]))
    for channel, count in found["touchpoints"].items():
        table.add_row(channel, str(count))
    record = found["record"]
    for row in rows_of(record):
        table.add_row(*row)
    for consent in record["consents"]:
        granted = "granted" if consent["is_granted"] else "not granted"
        purpose = f"{consent['channel']}, {consent['purpose']}"
        table.add_row("consent", f"{purpose}: {granted}", consent["source"])
    for contract in record["contracts"]:
        ends = f"ends {local_minute(contract['ends_at'])}" if contract["ends_at"] else ""
        table.add_row("contract", f"{contract['contract']}: {contract['change']}", "", ends)
    for reminder in found["reminders"]:
        about = f"{reminder['cause']} {reminder['reference'] or ''}"
        table.add_row(
            "look again", about, reminder["reminder"], "", local_minute(reminder["raised_at"])
        )
    return table


def rows_of(record: dict[str, Any]) -> Iterator[tuple[str, str, str, str, str]]:
    """The fields of a record: what, who says so, who made sure of it, and since when."""
    for field, values in record["fields"].items():
        for value in values:
            shown = "(protected)" if value["is_personal"] else value["value"]
            verified = f"verified by {value['verified_by']}" if value["verified_by"] else ""
            yield field, shown, value["source"], verified, local_minute(value["occurred_at"])
