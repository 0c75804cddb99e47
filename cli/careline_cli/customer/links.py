"""`careline customer links` and `split`: what holds a customer together, and how to part it."""

from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import stdout
from careline_cli.customer import profile_api
from careline_cli.customer.profile_api import ask, number_of
from careline_cli.customer.show import AsJson, Name

Reason = Annotated[str, typer.Option(help="Why; it is kept with the decision, sealed.")]


def links(name: Name, as_json: AsJson = False) -> None:
    """Show which identities were named together, by whom, and which links a rule holds.

    [bold]Examples[/]

    careline customer links phone:+8613912345678

    careline customer links member_card:00001 --json
    """
    found = ask("GET", f"/v1/customers/{number_of(name)}/links")
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(table_of(found["links"], title=f"customer {found['customer']}"))


def split(
    name: Name,
    edge: Annotated[
        str,
        typer.Option(
            callback=profile_api.link, help="The link to cut, from careline customer links."
        ),
    ],
    reason: Reason,
    as_json: AsJson = False,
) -> None:
    """Cut a link that joined two people by mistake; each gets back what is theirs, everywhere.

    [bold]Examples[/]

    careline customer split C0000000000AB --edge L0000000000CD --reason "a son's phone"
    """
    answer = ask(
        "POST",
        f"/v1/customers/{number_of(name)}/split",
        role="supervisor",
        json={"link": edge, "reason": reason},
    )
    if as_json:
        stdout.print_json(data=answer)
    else:
        stdout.print(f"{edge} is cut: {' and '.join(answer['customers'])} are two customers")


def table_of(links: list[dict[str, Any]], *, title: str) -> Table:
    """Links with their evidence, one a line."""
    table = Table("link", "between", "", "said by", "since", box=None, title=title)
    for link in links:
        kinds = " and ".join(name.partition(":")[0] for name in link["identities"])
        sources = ", ".join(dict.fromkeys(one["source"] for one in link["evidence"]))
        since = link["evidence"][0]["occurred_at"] if link["evidence"] else "–"
        table.add_row(link["link"], kinds, link["held"] or "joins", sources, since)
    return table
