"""`careline totp`: the second factor for the most sensitive fields, for whoever uses a shell."""

from typing import Annotated

import typer

from careline_cli.console import AsJson, progress, stdout
from careline_cli.service_api import ask

app = typer.Typer(
    help="One-time codes for the most sensitive fields.\n\n[bold]Examples[/]\n\n"
    "careline totp enroll --subject ann",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Subject = Annotated[str | None, typer.Option(help="Whose; default: you.")]


@app.command()
def enroll(
    subject: Subject = None,
    code: Annotated[
        str | None, typer.Option(help="A code of the second factor that works now, if one does.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a secret for an authenticator app; it is shown only now.

    [bold]Examples[/]

    careline totp enroll --subject ann

    careline totp enroll --subject ann --code 123456 --json
    """
    made = ask(
        "profile", "POST", "/v1/second-factor", role="agent", subject=subject, json={"code": code}
    )
    if as_json:
        stdout.print_json(data=made)
        return
    typer.echo(made["address"])
    progress("Give it to an authenticator app; the first code that is used proves it.")


@app.command()
def reset(
    subject: Annotated[str, typer.Argument(help="Who lost theirs.")],
    reason: Annotated[str, typer.Option(help="Why, for the audit.")],
) -> None:
    """Take somebody's second factor away, so that they can enrol anew; needs the role admin.

    [bold]Examples[/]

    careline totp reset ann --reason "telephone lost, seen in person"
    """
    ask(
        "profile",
        "POST",
        f"/v1/second-factors/{subject}/reset",
        role="admin",
        json={"reason": reason},
    )
    progress(f"{subject} has no second factor any more")
