"""`careline customer history`: how a customer's record came to be."""

from typing import Annotated, Any

import typer
from rich.table import Column, Table

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.customer.profile_api import ask, number_of
from careline_cli.customer.show import Name


def history(
    name: Name,
    field: Annotated[str | None, typer.Option(help="Of this field only.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show every change of a record: what, from, to, by whom, when true and when known.

    [bold]Examples[/]

    careline customer history phone:+8613912345678

    careline customer history member_card:00001 --field region --json
    """
    asked = {"field": field} if field else {}
    found = ask("GET", f"/v1/customers/{number_of(name)}/history", params=asked)
    if as_json:
        stdout.print_json(data=found)
    else:
        changes = found["changes"]
        stdout.print(_table(changes) if changes else "nothing has changed")


def _table(changes: list[dict[str, Any]]) -> Table:
    by_whom = Column("by", overflow="fold")
    table = Table("field", "from", "to", by_whom, "true since", "known since", box=None)
    for change in changes:
        by = change["by"]
        before = _shown(change, "before", is_none=change["is_new"])
        after = _shown(change, "after", is_none=change["is_gone"])
        since = (local_minute(by["occurred_at"]), local_minute(by["known_at"]))
        table.add_row(change["field"], before, after, by["source"], *since)
    return table


def _shown(change: dict[str, Any], side: str, *, is_none: bool) -> str:
    if is_none:
        return "–"
    return "(protected)" if change["is_personal"] else str(change[side])
