"""`careline score find`: customers by what scoring says of them."""

from functools import partial
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, copied, stdout
from careline_contracts.events.scoring import Need, Risk, Tier, Value

ask = partial(service_api.ask, "scoring")

Tag = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="NAME:VALUE", help="product:broadband; several: all of them."),
]


def find(
    tier: Annotated[Tier | None, typer.Option("--tier")] = None,
    value: Annotated[Value | None, typer.Option("--value")] = None,
    need: Annotated[Need | None, typer.Option("--need")] = None,
    risk: Annotated[Risk | None, typer.Option("--risk")] = None,
    tag: Tag = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 50,
    after: Annotated[str, typer.Option("--after", help="The `next` of the page before.")] = "",
    as_json: AsJson = False,
) -> None:
    """Find customers by tier, value, need, risk and tags, in the order of their numbers.

    [bold]Examples[/]

    careline score find --tier core --risk high

    careline score find --tag product:broadband --tag region:east --json
    """
    wanted = {"tier": tier, "value": value, "need": need, "risk": risk, "tag": tag}
    asked = {name: said for name, said in wanted.items() if said}
    found = _found(asked, after, limit)
    if as_json:
        stdout.print_json(data=found)
        return
    if not found["customers"]:
        stdout.print("nobody")
        return
    others = ("points", "tier", "value", "need", "risk", "tags")
    table = Table(copied("customer"), *others, box=None)
    for one in found["customers"]:
        verdicts = (one[name] for name in ("customer", "total", "tier", "value", "need", "risk"))
        table.add_row(*verdicts, escape(_carried(one["tags"])))
    stdout.print(table)
    if found["next"]:
        stdout.print(f"more: --after {found['next']}", highlight=False)


def _found(asked: dict[str, Any], after: str, limit: int) -> dict[str, Any]:
    """The first so many, of as many pages as it takes: a page ends after a number of looks, too."""
    customers: list[dict[str, Any]] = []
    following: str | None = after
    while following is not None and len(customers) < limit:
        more = {"after": following, "limit": limit - len(customers)}
        page = ask("GET", "/v1/customers", params={**asked, **more})
        customers += page["customers"]
        following = page["next"]
    return {"customers": customers, "next": following}


def _carried(tags: dict[str, list[str]]) -> str:
    return " · ".join(f"{name} {', '.join(values)}" for name, values in tags.items())
