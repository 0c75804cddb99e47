"""`careline absence`: when account managers are away, and who has their open work then (CARE-7)."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, CommandError, local_minute, stdout

app = typer.Typer(
    help="Who is away, and who has their open work then.\n\nWho hands a customer over for good "
    "names the new account manager in the record (careline customer edit).\n\n"
    "[bold]Examples[/]\n\ncareline absence list li.na",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
ask = partial(service_api.ask, "engagement")


def _instant(text: str) -> str:
    """A day or an instant as people write it, with its zone: this machine's where none is said."""
    try:
        said = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no instant, as 2026-12-01 or 2026-12-01T09:00."
        ) from error
    return text if said.tzinfo else said.astimezone().isoformat()


Owner = Annotated[str, typer.Argument(metavar="OWNER", help="The account manager.")]


@app.command("list")
def list_absences(owner: Owner, as_json: AsJson = False) -> None:
    """List when somebody is away, by what was said last of each absence.

    [bold]Examples[/]

    careline absence list li.na

    careline case list --owner chen.jie --status open
    """
    found = ask("GET", f"/v1/owners/{owner}/absences")
    if as_json:
        stdout.print_json(data=found)
        return
    table = Table("absence", "from", "until", "deputy", box=None)
    for one in found["absences"]:
        until = local_minute(one["ends_at"])
        table.add_row(one["absence"], local_minute(one["begins_at"]), until, one["deputy"])
    stdout.print(table if table.rows else f"{owner} is never away")


@app.command()
def note(
    owner: Owner,
    begins_at: Annotated[
        str,
        typer.Option(
            "--from", callback=_instant, help="The first instant; local time without a zone."
        ),
    ],
    ends_at: Annotated[
        str, typer.Option("--until", callback=_instant, help="From when on they are back.")
    ],
    deputy: Annotated[str, typer.Option(help="Who has the work meanwhile.")],
    absence: Annotated[
        str, typer.Option("--name", help="Said again under it, the later word holds.")
    ] = "leave",
    as_json: AsJson = False,
) -> None:
    """Note that somebody is away: open work goes to the deputy, and comes back.

    [bold]Examples[/]

    careline absence note li.na --from 2026-12-01T01:00Z --until 2026-12-15T01:00Z --deputy chen.jie
    """
    said = {"begins_at": begins_at, "ends_at": ends_at, "deputy": deputy}
    _note(owner, absence, said, as_json=as_json)


@app.command("call-off")
def call_off(
    owner: Owner,
    absence: Annotated[str, typer.Argument(metavar="NAME")] = "leave",
    as_json: AsJson = False,
) -> None:
    """Call an absence off; one that has begun is over now.

    [bold]Examples[/]

    careline absence call-off li.na leave
    """
    known = ask("GET", f"/v1/owners/{owner}/absences")["absences"]
    found = next((one for one in known if one["absence"] == absence), None)
    if found is None:
        raise CommandError(
            f"{owner} has no absence {absence}.", fix=f"careline absence list {owner}"
        )
    never = {"begins_at": found["begins_at"], "ends_at": found["begins_at"]}
    _note(owner, absence, {**never, "deputy": found["deputy"]}, as_json=as_json)


def _note(owner: str, absence: str, said: dict[str, str], *, as_json: bool) -> None:
    # each is a word of its own: one that says what an earlier one had said holds again
    answer: dict[str, Any] = ask(
        "PUT",
        f"/v1/owners/{owner}/absences/{absence}",
        role="account_manager",
        headers={"idempotency-key": uuid4().hex},
        json=said,
    )
    if as_json:
        stdout.print_json(data=answer)
    elif said["begins_at"] == said["ends_at"]:
        stdout.print(f"{owner}: {absence} is called off", highlight=False)
    else:
        stdout.print(
            f"{owner}: {absence} from {said['begins_at']} until {said['ends_at']}, "
            f"{said['deputy']} stands in",
            highlight=False,
            soft_wrap=True,
        )
