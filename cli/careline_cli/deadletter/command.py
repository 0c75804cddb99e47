"""`careline deadletter list | show | replay`."""

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from careline_cli.checkout import local_stack
from careline_cli.console import AsJson, CommandError, stderr, stdout
from careline_cli.deadletter.content import (
    ask_editor,
    difference,
    edited,
    readable,
    refuse_to_edit_bytes,
)
from careline_cli.deadletter.letters import (
    Letter,
    end_of,
    original,
    read_letters,
    read_record,
    replay_mark,
)
from careline_cli.endpoints import running_servers
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Record
from careline_contracts.topics import DEAD_LETTERS, SERVICES
from careline_localstack import Endpoints
from careline_runtime.errors import Misconfigured
from careline_runtime.keyring import CannotOpen, Keyring

SHOWN = 50
PATIENCE_SECONDS = 60

app = typer.Typer(
    help="What could not be handled, why, and how it is put right.\n\n[bold]Examples[/]\n\n"
    "careline deadletter list\n\ncareline deadletter replay profile-12",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Service = Annotated[str | None, typer.Option(help=f"Only of one service: {', '.join(SERVICES)}.")]
Reason = Annotated[str | None, typer.Option(help="Only with this reason.")]


@app.command("list")
def list_letters(
    service: Service = None,
    reason: Reason = None,
    waiting: Annotated[
        bool, typer.Option("--waiting", help="Leave out what was replayed.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show dead letters, newest last: where from, which event, why. They are kept for 28 days.

    [bold]Examples[/]

    careline deadletter list

    careline deadletter list --service profile --waiting --json
    """
    found = _select(_letters(service), reason=reason, waiting=waiting)
    if as_json:
        stdout.print_json(data=[letter.as_json() for letter in found])
        return
    table = Table("", "at", "event", "type", "reason", "", box=None)
    for letter in found[-SHOWN:]:
        described = letter.as_json()
        table.add_row(
            letter.name,
            f"{letter.at:%Y-%m-%d %H:%M}",
            described["event"]["id"],
            described["event"]["type"],
            described["reason"],
            described["state"],
        )
    stdout.print(table if found else "no dead letters")
    if len(found) > SHOWN:
        stderr.print(f"… and {len(found) - SHOWN} older ones: --json has all of them")


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="SERVICE-OFFSET.")], as_json: AsJson = False
) -> None:
    """Show one dead letter whole: reason, origin, attributes, data. It may hold personal data.

    [bold]Examples[/]

    careline deadletter show ingest-3
    """
    service, offset = _parse(name)
    record = _record(running_servers(), service, offset)
    letter = next(one for one in _letters(service) if one.offset == offset)
    if as_json:
        content = json.loads(readable(record))
        stdout.print_json(data={**letter.as_json(), "content": content})
        return
    described = letter.as_json()
    for key in ("id", "state", "reason", "detail", "first_seen", "attempts", "topic", "offset"):
        stdout.print(f"[bold]{key:<11}[/] {described[key]}", highlight=False, soft_wrap=True)
    stdout.print(readable(record), highlight=False, soft_wrap=True, markup=False)


@app.command()
def replay(
    names: Annotated[
        list[str] | None, typer.Argument(help="SERVICE-OFFSET, as the list names them.")
    ] = None,
    service: Service = None,
    reason: Reason = None,
    every: Annotated[
        bool, typer.Option("--all", help="All that wait (narrowed by --service and --reason).")
    ] = False,
    edit: Annotated[bool, typer.Option("--edit", help="Open each event in $EDITOR first.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was replayed before.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send dead letters to their topic once more, and say what became of each.

    An event keeps its source and id, so whoever has handled it drops it: a replay has at most one
    effect, however often it is repeated. Ends with 1 if one was put aside again.

    [bold]Examples[/]

    careline deadletter replay profile-12

    careline deadletter replay --all --service ticketing --reason handler_failed

    EDITOR=nano careline deadletter replay ingest-3 --edit
    """
    endpoints = running_servers()
    letters = _chosen(names or [], service=service, reason=reason, every=every)
    results = []
    for letter in letters:
        result = _replay(endpoints, letter, edit=edit, again=again)
        results.append(result)
        if not as_json:
            _say(result)
    if as_json:
        stdout.print_json(data=results)
    if any(result["after"].startswith("dead") for result in results):
        raise typer.Exit(1)


def _replay(endpoints: Endpoints, letter: Letter, *, edit: bool, again: bool) -> dict[str, Any]:
    described = letter.as_json()
    result = {"id": letter.name, "before": f"{described['reason']}: {described['detail']}"}
    if letter.replayed_at and not again:
        return {
            **result,
            "after": f"left alone: replayed on {letter.replayed_at[-1]:%Y-%m-%d %H:%M}",
        }
    if not letter.is_whole and not edit:
        return {**result, "after": "left alone: it is not whole, see its dlq_cut header"}
    record = _record(endpoints, letter.service, letter.offset)
    changed: list[str] = []
    if edit:
        refuse_to_edit_bytes(record)
        before = readable(record)
        after = ask_editor(before)
        changed = difference(before, after)
        record = edited(record, after) if changed else record
    outcome = asyncio.run(_send(endpoints, letter, record))
    return {**result, "changed": changed, "after": outcome}


async def _send(endpoints: Endpoints, letter: Letter, record: Record) -> str:
    """Publishes, waits until the service has read it, and looks whether it was put aside again."""
    known = await end_of(endpoints.kafka, letter.service)
    async with Pipeline(endpoints, services=[letter.service]) as pipeline:
        await pipeline.publish([record, replay_mark(letter.service, letter.offset)])
        try:
            await pipeline.drain(timeout_seconds=PATIENCE_SECONDS)
        except CommandError:
            return f"sent; {letter.service} has not read it yet"
    event = (letter.marks.get("ce_id"), letter.marks.get("ce_source"))
    for newer in await read_letters(endpoints.kafka, [letter.service]):
        if (
            newer.offset >= known
            and (newer.marks.get("ce_id"), newer.marks.get("ce_source")) == event
        ):
            described = newer.as_json()
            return (
                f"dead letter again, as {newer.name}: {described['reason']}: {described['detail']}"
            )
    return "handled"


def _say(result: dict[str, Any]) -> None:
    stdout.print(f"[bold]{result['id']}[/]", highlight=False)
    stdout.print(f"  before  {result['before']}", highlight=False, soft_wrap=True, markup=False)
    for line in result.get("changed", ()):
        stdout.print(f"    {line}", highlight=False, soft_wrap=True, markup=False)
    stdout.print(f"  after   {result['after']}", highlight=False, soft_wrap=True, markup=False)


def _chosen(
    names: Sequence[str], *, service: str | None, reason: str | None, every: bool
) -> list[Letter]:
    if bool(names) == every:
        raise typer.BadParameter("name dead letters, or say --all")
    if every:
        return _select(_letters(service), reason=reason, waiting=True)
    wanted = [_parse(name) for name in names]
    found = {(letter.service, letter.offset): letter for letter in _letters(None)}
    for name, place in zip(names, wanted, strict=True):
        if place not in found:
            raise _unknown(name)
    return [found[place] for place in wanted]


def _letters(service: str | None) -> list[Letter]:
    if service is not None and service not in DEAD_LETTERS:
        raise typer.BadParameter(f"{service!r} is none of {', '.join(SERVICES)}.")
    services = [service] if service else SERVICES
    return asyncio.run(read_letters(running_servers().kafka, services))


def _select(letters: Sequence[Letter], *, reason: str | None, waiting: bool) -> list[Letter]:
    return [
        letter
        for letter in letters
        if (reason is None or letter.marks.get("dlq_reason") == reason)
        and not (waiting and letter.replayed_at)
    ]


def _record(endpoints: Endpoints, service: str, offset: int) -> Record:
    """The record as it came to the service that put it aside."""
    letter = asyncio.run(read_record(endpoints.kafka, service, offset))
    if letter is None:
        raise _unknown(f"{service}-{offset}")
    try:
        return original(letter, Keyring.load(local_stack().home.keyring_file))
    except (CannotOpen, Misconfigured) as error:
        raise CommandError(
            f"The dead letter {service}-{offset} is sealed and can't be opened.",
            why=str(error),
            fix="CARELINE_KEYRING names the key file of the ingest that sealed it.",
        ) from error


def _parse(name: str) -> tuple[str, int]:
    service, _, offset = name.partition("-")
    if service not in DEAD_LETTERS or not offset.isdecimal():
        raise typer.BadParameter(f"{name!r} is not SERVICE-OFFSET, such as profile-12")
    return service, int(offset)


def _unknown(name: str) -> CommandError:
    return CommandError(
        f"There is no dead letter {name}.",
        fix="careline deadletter list names those that are kept.",
    )
