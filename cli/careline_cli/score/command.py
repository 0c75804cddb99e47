"""`careline score`: a customer's score taken apart, who carries what, and what moves."""

from datetime import datetime
from functools import partial
from typing import Annotated, Literal

import typer

from careline_cli import service_api
from careline_cli.console import AsJson, stdout
from careline_cli.customer.profile_api import number_of
from careline_cli.score.events import add_events
from careline_cli.score.finding import find
from careline_cli.score.kpis import kpis
from careline_cli.score.movements import flow, forecast
from careline_cli.score.view import explained

app = typer.Typer(
    help="Scores: taken apart to the point, with what changes next.\n\n[bold]Examples[/]\n\n"
    "careline score explain C7F3K2M9QX4TB",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ask = partial(service_api.ask, "scoring")

Name = Annotated[
    str,
    typer.Argument(metavar="CUSTOMER", help="A customer number, or an identity: phone:+86139…"),
]
AsOf = Annotated[
    datetime | None,
    typer.Option(
        "--as-of",
        formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"],
        help="As of this instant, past or future; local time without an offset.",
    ),
]
Language = Annotated[Literal["en", "zh"], typer.Option("--language", help="Of labels and reasons.")]


app.command()(find)
app.command()(forecast)
app.command()(flow)
app.command()(kpis)


@app.command()
def explain(
    customer: Name,
    as_of: AsOf = None,
    events: Annotated[
        bool, typer.Option("--events", help="Name the events on which each measure rests.")
    ] = False,
    language: Language = "en",
    as_json: AsJson = False,
) -> None:
    """Take a score apart: evidence, curve and points of each measure, reasons, what comes next.

    [bold]Examples[/]

    careline score explain C7F3K2M9QX4TB

    careline score explain phone:+8613912345678 --as-of 2026-07-01 --language zh

    careline score explain C7F3K2M9QX4TB --events --json
    """
    asked: dict[str, str] = {"language": language}
    if as_of is not None:
        asked["as_of"] = as_of.astimezone().isoformat()
    found = ask("GET", f"/v1/customers/{number_of(customer)}/score", params=asked)
    if events:
        add_events(found)
    if as_json:
        stdout.print_json(data=found)
    else:
        stdout.print(explained(found, language))
