"""`careline customer timeline`: every touchpoint of a customer, newest first."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.conversions import in_words
from careline_cli.customer.profile_api import ask, number_of, short_name
from careline_cli.customer.show import INSTANTS, Name, instant
from careline_contracts.payload import short_type


def timeline(
    name: Name,
    channel: Annotated[str | None, typer.Option(help="Of this channel only.")] = None,
    event_type: Annotated[
        str | None, typer.Option("--type", help="Of this event type only.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=INSTANTS, help="From then on only.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="The `next` of the page before.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show all touchpoints of a customer, of all channels, newest first.

    [bold]Examples[/]

    careline customer timeline phone:+8613912345678

    careline customer timeline member_card:00001 --channel store --limit 10 --json
    """
    asked = {
        "channel": channel,
        "type": event_type,
        "since": instant(since),
        "limit": limit,
        "cursor": cursor,
    }
    wanted = {option: value for option, value in asked.items() if value is not None}
    found = ask("GET", f"/v1/customers/{number_of(name)}/timeline", params=wanted)
    if as_json:
        stdout.print_json(data=found)
        return
    stdout.print(_table(found))
    if found["next"]:
        stdout.print(f"older ones: --cursor {found['next']}")


def _table(found: dict[str, Any]) -> Table:
    table = Table("when", "channel", "what", "by", "details", box=None)
    for touchpoint in found["touchpoints"]:
        details = ", ".join(_said(touchpoint["details"]))
        name = short_name(touchpoint["identity"])
        what = short_type(touchpoint["type"])
        when = local_minute(touchpoint["occurred_at"])
        table.add_row(when, touchpoint["channel"], what, name, details)
    return table


def _said(details: dict[str, Any]) -> Iterator[str]:
    """What a touchpoint tells; an amount as people write it."""
    said = {name: value for name, value in details.items() if value != []}
    if "amount_minor" in said and "currency" in said:
        yield in_words(said.pop("amount_minor"), said.pop("currency"))
    yield from (f"{name} {value}" for name, value in said.items())
