"""`careline customer erase`: a person asked to be forgotten, and gets a receipt."""

import time
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, progress, stdout
from careline_cli.customer import profile_api
from careline_cli.customer.profile_api import ask, number_of

POLL_SECONDS = 0.2


def erase(
    name: Annotated[str, typer.Argument(help="A customer number, or an identity: phone:+86139…")],
    reason: Annotated[
        str,
        typer.Option(callback=profile_api.reason, help="Why, for the audit: a letter, a ticket."),
    ] = "asked to be forgotten",
    wait_seconds: Annotated[
        int, typer.Option(min=0, help="How long to wait for every service's answer.")
    ] = 60,
    as_json: AsJson = False,
) -> None:
    """Forget a customer in every service and compacted topic, for ever; prints the receipt.

    Asked again for the number, it shows the same receipt. Needs the role supervisor or admin. Exit
    code 1 while a service has not answered.

    [bold]Examples[/]

    careline customer erase C0123456789AB --reason "letter of 3 March"

    careline customer erase phone:+8613912345678 --reason "ticket T-17" --json
    """
    number = number_of(name)
    receipt = ask(
        "POST", f"/v1/customers/{number}/erasure", role="supervisor", json={"reason": reason}
    )
    ends_at = time.monotonic() + wait_seconds
    while not receipt["complete"] and time.monotonic() < ends_at:
        time.sleep(POLL_SECONDS)
        receipt = ask("GET", f"/v1/erasures/{number}", role="supervisor")
    if as_json:
        stdout.print_json(data=receipt)
    else:
        _show(receipt)
    raise typer.Exit(0 if receipt["complete"] else 1)


def _show(receipt: dict[str, Any]) -> None:
    stores = Table("service", "store", "deleted", "at", box=None, title="deleted")
    for store in receipt["stores"]:
        stores.add_row(store["service"], store["store"], str(store["deleted"]), store["at"][:19])
    topics = Table("topic", "holds", "tombstones", "gone by", box=None, title="topics")
    for topic in receipt["topics"]:
        tombstones = "" if topic["tombstones"] is None else str(topic["tombstones"])
        gone_by = (topic["gone_by"] or "kept: keyed hashes")[:19]
        topics.add_row(topic["topic"], topic["holds"], tombstones, gone_by)
    stdout.print(stores, topics)
    progress(f"{', '.join(receipt['numbers'])} erased at {receipt['erased_at']}")
    if receipt["waiting_for"]:
        progress(f"No answer yet from {', '.join(receipt['waiting_for'])}; ask again for it")
