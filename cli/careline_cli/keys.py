"""`careline keys`: the keys that seal personal data, and their rotation; a key is never shown.

The key file is the one of this home, or CARELINE_KEYRING. Services that run follow it within a
second; where each has a copy, every copy needs the new key before it is used.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.table import Table

from careline_cli.checkout import local_stack
from careline_cli.console import AsJson, CommandError, progress, stdout
from careline_cli.endpoints import running_servers
from careline_contracts.topics import CATALOGUE, RAW
from careline_localstack import Endpoints
from careline_profile.protection.resealing import left_under, reseal
from careline_runtime.database import create_engine
from careline_runtime.errors import Misconfigured
from careline_runtime.kafka_access import client_options
from careline_runtime.key_rotation import (
    NotPossible,
    add_seal_key,
    retire_seal_key,
    use_seal_key,
)
from careline_runtime.keyring import (
    LOOK_EVERY_SECONDS,
    CannotOpen,
    KeyFile,
    Keyring,
    read_key_file,
)

app = typer.Typer(
    help="The keys that seal personal data, and their rotation.\n\n[bold]Examples[/]\n\n"
    "careline keys add\n\ncareline keys list",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Result = TypeVar("Result")
KeyId = Annotated[str, typer.Argument(metavar="ID", help="A key's id, as `list` shows it.")]


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Show the ids of the seal keys, and which one is current.

    [bold]Examples[/]

    careline keys list

    careline keys list --json
    """
    keys = _read()
    found = [{"id": id, "current": id == keys.current_seal_key} for id in keys.seal_keys]
    if as_json:
        stdout.print_json(data=found)
        return
    table = Table("id", "seals", box=None)
    for id in keys.seal_keys:
        table.add_row(id, "everything new" if id == keys.current_seal_key else "")
    stdout.print(table)


@app.command()
def add(as_json: AsJson = False) -> None:
    """Make a new seal key. Nothing is sealed under it before `use`.

    [bold]Examples[/]

    careline keys add

    careline keys add --json
    """
    id = _changed(add_seal_key)
    if as_json:
        stdout.print_json(data={"id": id, "current": False})
        return
    stdout.print(id)
    progress(f"Back the key file up, then: careline keys use {id}")


@app.command()
def use(id: KeyId) -> None:
    """Seal everything new under this key; what is sealed already stays as it is, and opens.

    [bold]Examples[/]

    careline keys use k3f9a01bc
    """
    _changed(lambda path: use_seal_key(path, id))
    progress(f"{id} seals everything new; services that run follow within a second")


@app.command()
def reencrypt(as_json: AsJson = False) -> None:
    """Seal everything in profile's database anew that is not under the current key.

    It may be stopped at any instant and started again; services run on. What lies on topics stays
    as it is and goes by their retention.

    [bold]Examples[/]

    careline keys reencrypt

    careline keys reencrypt --json
    """
    keyring, endpoints = Keyring(_read()), running_servers()
    # whoever still seals under the key that was current a moment ago has looked again by then
    time.sleep(2 * LOOK_EVERY_SECONDS)
    try:
        resealed, left = asyncio.run(_reencrypted(keyring, endpoints))
    except CannotOpen as error:
        raise CommandError(
            "Not everything could be sealed anew.",
            why=str(error),
            fix="Put the key back into the key file, then start again: what is done stays done.",
        ) from error
    if as_json:
        stdout.print_json(data={"key": keyring.current_id, "resealed": resealed, "left": left})
    else:
        for table, count in resealed.items():
            stdout.print(f"{table}: {count} sealed under {keyring.current_id}")
    raise typer.Exit(1 if left else 0)


@app.command()
def retire(id: KeyId) -> None:
    """Take a key out for ever, if nothing is sealed under it any more.

    That is looked for in profile's database and on every topic but the raw ones, so the stack must
    run. What lies in the database is sealed anew by `careline keys reencrypt`.

    [bold]Examples[/]

    careline keys retire k1
    """
    keys = _read()
    if id in keys.seal_keys and id != keys.current_seal_key:
        endpoints = running_servers()
        # whoever still seals under the key that was current a moment ago has looked again by then
        time.sleep(2 * LOOK_EVERY_SECONDS)
        places = asyncio.run(_sealed_under(id, endpoints))
        if places:
            raise CommandError(
                f"{id} can't be retired: what it sealed could never be opened again.",
                why=f"Sealed under it: {', '.join(places)}.",
                fix="careline keys reencrypt seals the database anew. Events leave their topics "
                "when they are as old as docs/topics.md says, a signing secret with careline "
                "channel rotate.",
            )
    _changed(lambda path: retire_seal_key(path, id))
    progress(f"{id} is gone from the key file; a backup that holds it is best destroyed, too")


def _path() -> Path:
    return local_stack().home.keyring_file


def _read() -> KeyFile:
    try:
        return read_key_file(_path())
    except Misconfigured as error:
        raise CommandError(
            "The key file can't be used.",
            why=str(error),
            fix="careline up makes one, or set CARELINE_KEYRING to the path of yours.",
        ) from error


def _changed(change: Callable[[Path], Result]) -> Result:
    try:
        return change(_path())
    except (NotPossible, Misconfigured, OSError) as error:
        raise CommandError("The key file is as it was.", why=str(error)) from error


async def _sealed_under(id: str, endpoints: Endpoints) -> list[str]:
    """The places where something sealed under the key lies."""
    engine = create_engine(endpoints.databases["profile"], service="profile")
    try:
        async with engine.connect() as connection:
            left = await left_under(connection, id)
    finally:
        await engine.dispose()
    found = [f"{count} {table}" for table, count in left.items()]
    return found + await _topics_with(id, endpoints.kafka)


async def _reencrypted(
    keyring: Keyring, endpoints: Endpoints
) -> tuple[dict[str, int], dict[str, int]]:
    """How many values were sealed anew, and how many are left all the same, by table."""
    resealed: dict[str, int] = {}
    engine = create_engine(endpoints.databases["profile"], service="profile")
    try:
        async for step in reseal(engine, keyring):
            table = step.place.table
            resealed[table] = resealed.get(table, 0) + step.resealed
            progress(
                f"{table}: {step.pages} of {step.of_pages} pages, {resealed[table]} sealed anew"
            )
        async with engine.connect() as connection:
            return resealed, await left_under(connection, keyring.current_id, other_keys=True)
    finally:
        await engine.dispose()


async def _topics_with(id: str, kafka: str) -> list[str]:
    """Topics that hold a text or a dead letter sealed under the key."""
    in_json, alone = f'"{id}.'.encode(), f"{id}.".encode()
    raw = {topic.name for topic in RAW.values()}
    found: set[str] = set()
    consumer = AIOKafkaConsumer(**client_options(kafka), enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [
            TopicPartition(topic.name, partition)
            for topic in CATALOGUE
            for partition in range(topic.partitions)
            if topic.name not in raw
        ]
        consumer.assign(partitions)
        await consumer.seek_to_beginning()
        ends = await consumer.end_offsets(partitions)
        while behind := [p for p in partitions if await consumer.position(p) < ends[p]]:
            for place, records in (await consumer.getmany(*behind, timeout_ms=1_000)).items():
                values = (record.value or b"" for record in records)
                if any(in_json in value or value.startswith(alone) for value in values):
                    found.add(place.topic)
    finally:
        await consumer.stop()
    return sorted(found)
