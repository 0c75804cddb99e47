"""`careline access`: takes access away from somebody who has tokens still."""

from typing import Annotated

import typer

from careline_cli.console import AsJson, progress, stdout
from careline_cli.service_api import ask

app = typer.Typer(
    help="Who lost access, before their tokens expire.\n\n[bold]Examples[/]\n\n"
    'careline access withdraw ann --reason "left the company today"',
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.callback()
def access() -> None:
    """With one command alone, typer would leave out its name."""


@app.command()
def withdraw(
    subject: Annotated[str, typer.Argument(help="Whose tokens: their `sub`, as the audit has it.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit.")],
    as_json: AsJson = False,
) -> None:
    """Make every token that somebody has worthless, in all services; needs the role admin.

    Lock them out at the issuer first: whoever can still sign in gets a new token.

    [bold]Examples[/]

    careline access withdraw ann --reason "left the company today"

    careline access withdraw ann --reason "telephone stolen" --json
    """
    done = ask(
        "profile",
        "POST",
        "/v1/access-withdrawals",
        role="admin",
        json={"subject": subject, "reason": reason},
    )
    if as_json:
        stdout.print_json(data=done)
    progress(f"{subject}: what was issued until {done['withdrawn_at'][:19]} is worth nothing")
