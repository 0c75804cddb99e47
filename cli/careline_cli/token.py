"""`careline token`: a bearer token for the APIs of this home, for where there is no other issuer.

The private key is made on first use and lies in the home, readable by its owner only: whoever may
read it may be anybody. Where CARELINE_OIDC_ISSUER names an issuer, services take tokens of that
one alone.
"""

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, get_args

import typer

from careline_cli.checkout import local_stack
from careline_cli.console import AsJson, CommandError, progress, stdout
from careline_runtime.access.issuers import LocalIssuer
from careline_runtime.access.policy import Role

MOST_MINUTES = 24 * 60
"""As long as services take one for, by the access policy."""
ROLES: Sequence[str] = get_args(Role)


def token(
    role: Annotated[
        list[str] | None, typer.Option(help=f"One of: {', '.join(ROLES)}; may be given twice.")
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Who calls, as the audit will name them; default: you.")
    ] = None,
    minutes: Annotated[int, typer.Option(min=1, max=MOST_MINUTES, help="How long it lives.")] = 60,
    as_json: AsJson = False,
) -> None:
    """Print a bearer token that the services of this home take.

    [bold]Examples[/]

    careline token --role agent --subject ann

    careline token --role supervisor --minutes 480 --json
    """
    roles = role or ["agent"]
    if unknown := sorted(set(roles) - set(ROLES)):
        raise typer.BadParameter(f"{', '.join(unknown)}: the roles are {', '.join(ROLES)}.")
    who = subject or getpass.getuser()
    made = new_token(who, roles, lives=timedelta(minutes=minutes))
    if as_json:
        stdout.print_json(data={"token": made, "subject": who, "roles": roles, "minutes": minutes})
        return
    typer.echo(made)
    progress(f"{who} as {', '.join(roles)} for {minutes} minutes: Authorization: Bearer …")


def new_token(subject: str, roles: Sequence[str], *, lives: timedelta) -> str:
    """A token of the local issuer; raises `CommandError` where another one is trusted."""
    if issuer := os.environ.get("CARELINE_OIDC_ISSUER"):
        raise CommandError(
            "Tokens come from elsewhere here.",
            why=f"Services trust {issuer} (CARELINE_OIDC_ISSUER) and no other issuer.",
            fix="Sign in there, and give the token in CARELINE_TOKEN.",
        )
    stack = local_stack()
    stack.home.open()
    made_by = LocalIssuer.load(stack.home.issuer_file, public=stack.home.issuer_public_file)
    audience = os.environ.get("CARELINE_OIDC_AUDIENCE") or "careline"
    return made_by.token(subject, roles, audience=audience, at=datetime.now(UTC), lives=lives)


def token_for(roles: Sequence[str], *, subject: str | None = None) -> str:
    """What a command shows to an API: CARELINE_TOKEN, or a fresh one of the local issuer."""
    given = os.environ.get("CARELINE_TOKEN")
    return given or new_token(subject or getpass.getuser(), roles, lives=timedelta(minutes=5))
