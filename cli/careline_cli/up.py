"""`careline up`: servers, topics, databases and the five services, ready to take events."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from careline_cli.checkout import local_stack
from careline_cli.console import progress, stdout
from careline_localstack import Endpoints, ServiceOptions


class Clock(StrEnum):
    SYSTEM = "system"
    REPLAY = "replay"


def up(
    clock: Annotated[
        Clock, typer.Option(help="Time as it passes, or as an import replays it.")
    ] = Clock.SYSTEM,
    policies: Annotated[
        Path | None,
        typer.Option(
            help="Directory with SERVICE.yaml files in place of the default policies.",
            exists=True,
            file_okay=False,
            resolve_path=True,
        ),
    ] = None,
    keys_required: Annotated[
        bool,
        typer.Option("--keys-required", help="Ingest refuses events over HTTP without a key."),
    ] = False,
    no_services: Annotated[
        bool, typer.Option("--no-services", help="Only Kafka, PostgreSQL and Valkey.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the endpoints as JSON on stdout.")
    ] = False,
) -> None:
    """Start the local stack and the five services; what runs already stays.

    The first start downloads Apache Kafka (43 MB) and takes about ten seconds more.

    [bold]Examples[/]

    careline up

    careline up --clock replay --policies cli/careline_cli/demo_data/policies

    KAFKA_BOOTSTRAP_SERVERS=broker:9092 careline up   # a broker of your own
    """
    stack = local_stack()
    endpoints = stack.start(progress)
    if not no_services:
        options = ServiceOptions(
            clock=clock.value, policies=str(policies or ""), keys_required=keys_required
        )
        stack.start_services(options, progress=progress)
    if as_json:
        stdout.print_json(data=endpoints.as_json())
    else:
        stdout.print(_table(endpoints, with_services=not no_services))
        stdout.print(f"All of it, with passwords: {stack.home.endpoints_file}", soft_wrap=True)


def _table(endpoints: Endpoints, *, with_services: bool) -> Table:
    table = Table(box=None, show_header=False)
    if with_services:
        for name, url in endpoints.services.items():
            table.add_row(f"[bold]{name}[/]", url, f"{url}/docs")
    table.add_row("kafka", endpoints.kafka)
    table.add_row("postgresql", endpoints.databases["profile"].rpartition("@")[2].split("/")[0])
    table.add_row("valkey", endpoints.valkey)
    return table
