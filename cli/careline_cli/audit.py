"""`careline audit`: who saw whose protected fields, and whether the audit is whole.

`verify` believes neither the service nor its database: it computes the chain anew, and compares it
with the hashes on `careline.audit.v1`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Annotated, Any

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from pydantic import ValidationError
from rich.table import Table
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_cli.console import AsJson, local_minute, stdout
from careline_cli.endpoints import running_servers
from careline_cli.service_api import ask
from careline_contracts.events.profile import AuditExtended
from careline_contracts.topics import AUDIT
from careline_localstack import Endpoints
from careline_profile.protection import store
from careline_profile.protection.audit import Entry, Flaw, flaws
from careline_runtime.database import create_engine
from careline_runtime.kafka_access import client_options

PAGE = 1_000

app = typer.Typer(
    help="Who saw whose protected fields, and whether the audit is whole.\n\n[bold]Examples[/]"
    "\n\ncareline audit verify\n\ncareline audit show --customer C0123456789AB",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


@app.command()
def show(
    customer: Annotated[str | None, typer.Option(help="Only what concerns this number.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Only entries behind this one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="At most so many.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Show the audit, oldest entries first; needs the role auditor.

    [bold]Examples[/]

    careline audit show

    careline audit show --customer C0123456789AB --json
    """
    asked = {"after": after, "limit": limit, **({"customer": customer} if customer else {})}
    found = ask("profile", "GET", "/v1/audit", role="auditor", params=asked)["entries"]
    if as_json:
        stdout.print_json(data=found)
        return
    table = Table("#", "at", "who", "did", box=None)
    # whole, however narrow the terminal: it is what one goes on with
    table.add_column("whose", overflow="fold")
    for column in ("fields", "why", "outcome"):
        table.add_column(column)
    for entry in found:
        fields, reason = ", ".join(entry["fields"]), entry["reason"] or "–"
        table.add_row(
            str(entry["sequence"]),
            local_minute(entry["at"]),
            f"{entry['subject']} ({', '.join(entry['roles'])})",
            entry["action"],
            entry["customer"],
            fields,
            reason,
            entry["outcome"],
        )
    stdout.print(table if found else "nobody looked at anything")


@app.command()
def verify(as_json: AsJson = False) -> None:
    """Compute the whole chain anew; exit code 1 if an entry was changed, added or is missing.

    [bold]Examples[/]

    careline audit verify

    careline audit verify --json
    """
    verdict = asyncio.run(_verified(running_servers()))
    if as_json:
        stdout.print_json(data=verdict)
    else:
        for flaw in verdict["flaws"]:
            stdout.print(f"[red]✗[/] {flaw['sequence']}: {flaw['what']}")
        if verdict["holds"]:
            count, published = verdict["entries"], verdict["published"]
            stdout.print(f"[green]✓[/] {count} entries hold, {published} of them published")
    raise typer.Exit(0 if verdict["holds"] else 1)


async def _verified(endpoints: Endpoints) -> dict[str, Any]:
    # before the entries: what is added meanwhile is no flaw
    heads = await _published(endpoints.kafka)
    engine = create_engine(endpoints.databases["profile"], service="profile")
    unreadable: list[Flaw] = []
    found: list[Entry] = []
    try:
        async with engine.connect() as connection:
            found = [entry async for entry in _entries(connection)]
    except ProgrammingError as error:
        # the table or a column is gone, or hidden: that is a finding, not a failure
        unreadable = [Flaw(1, f"cannot be read: {error.orig}")]
    finally:
        await engine.dispose()
    wrong = [*unreadable, *flaws(found, heads)]
    return {
        "holds": not wrong,
        "entries": len(found),
        "published": len(heads),
        "head": found[-1].hash if found else None,
        "flaws": [flaw._asdict() for flaw in wrong],
    }


async def _entries(connection: AsyncConnection) -> AsyncIterator[Entry]:
    after = 0
    while kept := await store.entries(connection, after=after, limit=PAGE):
        for one in kept:
            yield one.entry
        after = kept[-1].entry.sequence


async def _published(kafka: str) -> Mapping[int, str]:
    """The hashes on the topic; of an entry that was published twice, the first: later ones prove
    nothing but that somebody can write there."""
    heads: dict[int, str] = {}
    partition = TopicPartition(AUDIT.name, 0)
    consumer = AIOKafkaConsumer(**client_options(kafka), enable_auto_commit=False)
    await consumer.start()
    try:
        consumer.assign([partition])
        await consumer.seek_to_beginning()
        end = (await consumer.end_offsets([partition]))[partition]
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=1_000)).values():
                for record in records:
                    # what is none proves as little
                    with suppress(ValidationError):
                        head = AuditExtended.parse(record.value)
                        heads.setdefault(head.sequence, head.hash)
    finally:
        await consumer.stop()
    return heads
