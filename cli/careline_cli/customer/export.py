"""`careline customer export`: all that is kept about one person, for the person."""

from typing import Annotated

import typer

from careline_cli.console import stdout
from careline_cli.customer import profile_api
from careline_cli.customer.profile_api import ask, number_of
from careline_cli.customer.show import Name


def export(
    name: Name,
    reason: Annotated[
        str, typer.Option(callback=profile_api.reason, help="Why; kept in the audit.")
    ],
) -> None:
    """Print everything about one person as JSON, in clear; the audit keeps who asked and why.

    [bold]Examples[/]

    careline customer export phone:+8613912345678 --reason "she asked by letter"
    """
    path = f"/v1/customers/{number_of(name)}/export"
    stdout.print_json(data=ask("POST", path, role="supervisor", json={"reason": reason}))
