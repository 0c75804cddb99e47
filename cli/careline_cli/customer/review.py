"""`careline customer review`: links that a rule holds, until a person decides."""

from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.customer import profile_api
from careline_cli.customer.links import Reason, table_of, verdicts_on
from careline_cli.customer.profile_api import ask, short_name
from careline_cli.customer.show import rows_of

app = typer.Typer(
    help="Links that a rule holds: two people, or one? A person decides.\n\n[bold]Examples[/]\n\n"
    "careline customer review list\n\n"
    "careline customer review show L0000000000CD",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Link = Annotated[
    str,
    typer.Argument(callback=profile_api.link, help="A link, from careline customer review list."),
]


@app.command("list")
def list_reviews(
    limit: Annotated[int, typer.Option(min=1, max=500, help="How many.")] = 100,
    after: Annotated[str, typer.Option(help="The `next` of the page before.")] = "",
    as_json: AsJson = False,
) -> None:
    """List the links that wait for a decision.

    [bold]Examples[/]

    careline customer review list

    careline customer review list --limit 10 --json
    """
    found = ask("GET", "/v1/reviews", params={"limit": limit, "after": after})
    if as_json:
        stdout.print_json(data=found)
        return
    if not found["reviews"]:
        stdout.print("nothing waits")
        return
    table = Table("link", "between", "held because", "since", box=None)
    for one in found["reviews"]:
        why = f"{one['held']} ({one['kind']})" if one["kind"] else one["held"]
        table.add_row(one["link"], " and ".join(one["kinds"]), why, local_minute(one["since"]))
    stdout.print(table)
    if found["next"]:
        stdout.print(f"more: --after {found['next']}")


@app.command()
def show(link: Link, as_json: AsJson = False) -> None:
    """Show both customers side by side, and who says that they are one.

    [bold]Examples[/]

    careline customer review show L0000000000CD
    """
    found = ask("GET", f"/v1/reviews/{link}")
    if as_json:
        stdout.print_json(data=found)
        return
    stdout.print(table_of([found["link"]], title=f"link {link}"))
    for line in verdicts_on([found["link"]]):
        stdout.print(line)
    for side in found["sides"]:
        card = ask("GET", f"/v1/customers/{side['customer']}")
        stdout.print(_side(side, card["record"]))


@app.command()
def approve(link: Link, reason: Reason, as_json: AsJson = False) -> None:
    """Say that both are one customer, in spite of the rule.

    [bold]Examples[/]

    careline customer review approve L0000000000CD --reason "new card, old one lost"
    """
    _decide(link, "approved", reason, as_json=as_json)


@app.command()
def refuse(link: Link, reason: Reason, as_json: AsJson = False) -> None:
    """Say that they are two customers, whatever links them later.

    [bold]Examples[/]

    careline customer review refuse L0000000000CD --reason "mother and daughter"
    """
    _decide(link, "refused", reason, as_json=as_json)


def _decide(link: str, verdict: str, reason: str, *, as_json: bool) -> None:
    answer = ask(
        "POST",
        f"/v1/reviews/{link}/decision",
        role="supervisor",
        json={"verdict": verdict, "reason": reason},
    )
    if as_json:
        stdout.print_json(data=answer)
    else:
        stdout.print(f"{link} is {verdict}: {', '.join(dict.fromkeys(answer['customers']))}")


def _side(side: dict[str, Any], record: dict[str, Any]) -> Table:
    """One of the two: its identities, each with how often it was used, and its record."""
    table = Table(box=None, show_header=False, title=f"customer {side['customer']}")
    for column in range(5):
        table.add_column(overflow="fold", no_wrap=column in (1, 4))
    for member in side["identities"]:
        used = f"{member['touchpoints']} touchpoints"
        since = local_minute(member["since"])
        table.add_row("known by", short_name(member["identity"]), used, "", since)
    for row in rows_of(record):
        table.add_row(*row)
    return table
