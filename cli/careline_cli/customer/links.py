"""`careline customer links` and `split`: what holds a customer together, and how to part it."""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.customer import profile_api
from careline_cli.customer.profile_api import ask, number_of, short_name
from careline_cli.customer.show import Name

Reason = Annotated[
    str,
    typer.Option(callback=profile_api.reason, help="Why; it is kept with the decision, sealed."),
]


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
        for line in verdicts_on(found["links"]):
            stdout.print(line)


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
    table = Table(box=None, title=title)
    for head in ("link", "between", "held because, since", "said by"):
        table.add_column(head, no_wrap=head != "said by", overflow="fold")
    for link in links:
        ends = "\n".join(map(short_name, link["identities"]))
        sources = ", ".join(dict.fromkeys(one["source"] for one in link["evidence"]))
        since = local_minute(link["evidence"][0]["occurred_at"] if link["evidence"] else None)
        table.add_row(link["link"], ends, f"{link['held'] or '– (joins)'}\n{since}", sources)
    return table


def verdicts_on(links: list[dict[str, Any]]) -> Iterator[str]:
    """What people decided about these links, and why, one a line."""
    for link in links:
        for verdict in link["verdicts"]:
            word = "one customer" if verdict["is_one"] else "two customers"
            who = f"{verdict['by']}, {local_minute(verdict['at'])}"
            yield f"{link['link']}: {word}, said {who}: {verdict['reason']}"
