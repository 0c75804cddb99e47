"""`careline channel`: which channel systems may publish over HTTP, and their keys.

A key is shown once, when it is made; what is kept of it opens nothing. Channel systems stand on
`careline.channels.v1`, so every instance of ingest knows a change within moments.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, get_args

import httpx
import typer
from pydantic import ValidationError
from rich.table import Table

from careline_cli.checkout import local_stack
from careline_cli.console import AsJson, CommandError, progress, stdout
from careline_cli.endpoints import running_servers
from careline_contracts.envelope import Envelope, Record, to_headers, to_text
from careline_contracts.events.operations import ChannelKey, ChannelRegistered
from careline_contracts.events.touchpoints import Channel
from careline_contracts.signature import (
    ID_HEADER,
    NAME_HEADER,
    SIGNATURE_HEADER,
    TIMESTAMP_HEADER,
    sign,
)
from careline_contracts.topics import CHANNELS, RAW
from careline_localstack import Endpoints
from careline_runtime.channel_keys import NewKey, is_valid, new_bearer_key, new_signing_secret
from careline_runtime.keyring import Keyring
from careline_runtime.publisher import Publisher
from careline_runtime.state_topic import StateTopic

MOST_KEYS = 2
"""Valid at once: the one in use, and the one that replaces it."""
OVERLAP_HOURS = 168
KNOWN_WITHIN_SECONDS = 10.0

app = typer.Typer(
    help="Channel systems that may publish over HTTP, and their keys.\n\n[bold]Examples[/]\n\n"
    "careline channel create hotline --channel phone\n\ncareline channel list",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

Name = Annotated[str, typer.Argument(help="The channel system's name: a-z, 0-9 and -.")]


@app.command()
def create(
    name: Name,
    channel: Annotated[str, typer.Option(help=f"One of: {', '.join(get_args(Channel))}.")],
    source: Annotated[
        list[str] | None,
        typer.Option(help="CloudEvents source that it may name; default: /CHANNEL/NAME."),
    ] = None,
    event_type: Annotated[
        list[str] | None,
        typer.Option("--type", help="Event type that it may say; default: all of its channel."),
    ] = None,
    signed: Annotated[
        bool, typer.Option("--signed", help="A secret to sign requests with, in place of a key.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Register a channel system and make its first key, which is shown only now.

    [bold]Examples[/]

    careline channel create hotline --channel phone

    careline channel create webshop --channel app --source /app/shop --signed --json
    """
    if channel not in RAW:
        raise typer.BadParameter(f"{channel!r} is none of {', '.join(RAW)}.")
    known = _types_of(channel)
    if unknown := sorted(set(event_type or ()) - set(known)):
        raise CommandError(
            f"{', '.join(unknown)}: the channel {channel} has no such event.",
            fix="careline contracts lists what each channel may say.",
        )
    endpoints = running_servers()
    if name in asyncio.run(_read(endpoints.kafka)):
        raise CommandError(
            f"There is a channel system {name} already.",
            fix=f"careline channel rotate {name} gives it a new key.",
        )
    made = _new_key("signature" if signed else "bearer")
    try:
        registered = ChannelRegistered(
            name=name,
            channel=channel,
            sources=tuple(source or [f"/{channel}/{name}"]),
            event_types=tuple(event_type or known),
            keys=(made.key,),
        )
    except ValidationError as error:
        flaws = "; ".join(f"{flaw['loc'][0]}: {flaw['msg']}" for flaw in error.errors())
        raise CommandError(f"{name} can't be registered.", why=flaws) from error
    asyncio.run(_publish(endpoints.kafka, name, registered))
    _await_known(endpoints, registered, made)
    _show_key(registered, made, as_json=as_json)


@app.command("list")
def list_channels(as_json: AsJson = False) -> None:
    """Show every channel system: what it may say, and its keys without what opens anything.

    [bold]Examples[/]

    careline channel list

    careline channel list --json
    """
    found = asyncio.run(_read(running_servers().kafka))
    if as_json:
        stdout.print_json(data=[_described(channel) for _, channel in sorted(found.items())])
        return
    table = Table("name", "channel", "sources", "types", "keys", box=None)
    for name, channel in sorted(found.items()):
        keys = ", ".join(_key_in_words(key) for key in channel.keys)
        sources, types = ", ".join(channel.sources), len(channel.event_types)
        table.add_row(name, channel.channel, sources, str(types), keys)
    stdout.print(table if found else "no channel system is registered")


@app.command()
def rotate(
    name: Name,
    overlap_hours: Annotated[
        int, typer.Option(min=0, help="For so long the old key stays valid beside the new one.")
    ] = OVERLAP_HOURS,
    as_json: AsJson = False,
) -> None:
    """Make a new key of the same kind; the old one goes on for a while, so that nothing is refused.

    [bold]Examples[/]

    careline channel rotate hotline

    careline channel rotate hotline --overlap-hours 0   # the old key is lost or stolen
    """
    endpoints = running_servers()
    before = _existing(endpoints, name)
    now = datetime.now(UTC)
    made = _new_key(before.keys[-1].kind)
    ends_at = now + timedelta(hours=overlap_hours)
    kept = [key for key in before.keys if is_valid(key, at=now)][-(MOST_KEYS - 1) :]
    old = [_ending(key, ends_at) for key in kept] if overlap_hours else []
    after = before.model_copy(update={"keys": (*old, made.key)})
    asyncio.run(_publish(endpoints.kafka, name, after))
    _await_known(endpoints, after, made)
    _show_key(after, made, as_json=as_json)


@app.command()
def revoke(
    name: Name,
    key: Annotated[
        str | None, typer.Option(help="Only the key with this id; default: the channel system.")
    ] = None,
) -> None:
    """Take a key, or all of a channel system, out of use at once.

    [bold]Examples[/]

    careline channel revoke hotline

    careline channel revoke hotline --key 3f9a01bc
    """
    endpoints = running_servers()
    before = _existing(endpoints, name)
    after: ChannelRegistered | None = None
    if key is not None:
        if key not in {one.id for one in before.keys}:
            raise CommandError(
                f"{name} has no key {key}.",
                fix=f"It has {', '.join(one.id for one in before.keys)}.",
            )
        kept = tuple(one for one in before.keys if one.id != key)
        after = before.model_copy(update={"keys": kept}) if kept else None
    asyncio.run(_publish(endpoints.kafka, name, after))
    what = f"key {key} of {name}" if after is not None else f"{name}, with all its keys,"
    progress(f"{what} is revoked; every instance of ingest hears it within moments")


def _types_of(channel: str) -> list[str]:
    return sorted(payload.type for payload in RAW[channel].says)


def _existing(endpoints: Endpoints, name: str) -> ChannelRegistered:
    found = asyncio.run(_read(endpoints.kafka))
    if name not in found:
        raise CommandError(
            f"There is no channel system {name}.",
            fix=f"careline channel create {name} --channel … registers it.",
        )
    return found[name]


def _new_key(kind: str) -> NewKey:
    now = datetime.now(UTC)
    if kind == "bearer":
        return new_bearer_key(now)
    return new_signing_secret(now, Keyring.load(local_stack().home.keyring_file))


def _ending(key: ChannelKey, ends_at: datetime) -> ChannelKey:
    """The key with an end; one that ends sooner anyway keeps its own."""
    sooner = min(key.expires_at, ends_at) if key.expires_at else ends_at
    return key.model_copy(update={"expires_at": sooner})


async def _read(kafka: str) -> dict[str, ChannelRegistered]:
    found: dict[str, ChannelRegistered] = {}

    def hear(name: str, value: bytes | None) -> None:
        found.pop(name, None)
        if value is not None:
            found[name] = ChannelRegistered.parse(value)

    topic = StateTopic(kafka, CHANNELS, hear)
    await topic.start()
    await topic.stop()
    return found


async def _publish(kafka: str, name: str, channel: ChannelRegistered | None) -> None:
    now = datetime.now(UTC)
    envelope = Envelope(
        f"{name}-{to_text(now)}", "/careline/operations", ChannelRegistered.type, now, now, key=name
    )
    publisher = Publisher(kafka, client_id="careline-cli")
    try:
        headers = to_headers(envelope) if channel else []
        value = channel.to_json() if channel else None
        await publisher.publish([Record(CHANNELS.name, name, headers, value)])
    finally:
        await publisher.stop()


def _await_known(endpoints: Endpoints, channel: ChannelRegistered, made: NewKey) -> None:
    """Returns when ingest lets an empty batch in by the new key."""
    deadline = time.monotonic() + KNOWN_WITHIN_SECONDS
    body, url = b"[]", f"{endpoints.services['ingest']}/v1/touchpoints"
    while time.monotonic() < deadline:
        headers = {"content-type": "application/cloudevents-batch+json"}
        headers |= _credentials(channel, made, body)
        try:
            if httpx.post(url, content=body, headers=headers).status_code == httpx.codes.ACCEPTED:
                return
        except httpx.TransportError:
            break
        time.sleep(0.05)
    progress("Ingest doesn't know the key yet; it will as soon as it runs")


def _credentials(channel: ChannelRegistered, made: NewKey, body: bytes) -> dict[str, str]:
    if made.key.kind == "bearer":
        return {"authorization": f"Bearer {made.text}"}
    id, timestamp = "careline-channel-create", int(time.time())
    return {
        NAME_HEADER: channel.name,
        ID_HEADER: id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: sign(made.text, id=id, timestamp=timestamp, body=body),
    }


def _show_key(channel: ChannelRegistered, made: NewKey, *, as_json: bool) -> None:
    described = {
        "name": channel.name,
        "channel": channel.channel,
        "source": channel.sources[0],
        "key": made.text,
        "key_id": made.key.id,
        "kind": made.key.kind,
        "other_keys": [_described_key(key) for key in channel.keys if key.id != made.key.id],
    }
    if as_json:
        stdout.print_json(data=described)
        return
    stdout.print(f"[bold]{channel.name}[/] may publish as {channel.sources[0]}", highlight=False)
    stdout.print(made.text, highlight=False, soft_wrap=True)
    progress("This is the only time that the key is shown.")
    for key in channel.keys:
        if key.id != made.key.id:
            progress(f"The old key stays: {_key_in_words(key)}")


def _described(channel: ChannelRegistered) -> dict[str, Any]:
    return {
        "name": channel.name,
        "channel": channel.channel,
        "sources": list(channel.sources),
        "types": list(channel.event_types),
        "keys": [_described_key(key) for key in channel.keys],
    }


def _described_key(key: ChannelKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "kind": key.kind,
        "created_at": to_text(key.created_at),
        "expires_at": to_text(key.expires_at) if key.expires_at else None,
    }


def _key_in_words(key: ChannelKey) -> str:
    until = f" until {to_text(key.expires_at)}" if key.expires_at else ""
    return f"{key.id} ({key.kind}{until})"
