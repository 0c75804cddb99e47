"""`careline contracts`: who says what to whom, from the catalogue that the services obey."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any

import typer

from careline_cli.console import AsJson, CommandError, stdout
from careline_contracts.events.touchpoints import CHANNEL_EVENTS
from careline_contracts.examples import examples
from careline_contracts.payload import Payload, describe
from careline_contracts.schemas import payloads
from careline_contracts.topics import CATALOGUE, Topic
from careline_ingest.policy import IngestPolicy, Treatment
from careline_ingest.senders import TYPES as SAID_BY_CHANNELS
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings

app = typer.Typer(
    help="Who says what to whom: topics, event types, schemas, examples.\n\n[bold]Examples[/]\n\n"
    "careline contracts --topic careline.raw.phone.v1\n\n"
    "careline contracts show careline.order.placed.v1",
    invoke_without_command=True,
    rich_markup_mode="rich",
)

TopicName = Annotated[str, typer.Option("--topic", help="Only this topic.")]


@app.callback()
def contracts(context: typer.Context, topic: TopicName = "", as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_contracts(topic, as_json)


@app.command("list")
def list_contracts(topic: TopicName = "", as_json: AsJson = False) -> None:
    """List every topic: who says which event types on it, and who hears them.

    [bold]Examples[/]

    careline contracts list

    careline contracts list --topic careline.activities.v1 --json
    """
    topics = [_topic(topic)] if topic else CATALOGUE
    if as_json:
        stdout.print_json(data=[_described(one) for one in topics])
        return
    for one in topics:
        _print(_in_words(one))
        for payload in one.says:
            _print(f"    {payload.type}")


@app.command()
def show(
    type: Annotated[str, typer.Argument(metavar="TYPE", help="A CloudEvents type.")],
    as_json: AsJson = False,
) -> None:
    """Show one event type: its topics, its schema, an example, what becomes of unknown fields.

    [bold]Examples[/]

    careline contracts show careline.call.completed.v1

    careline contracts show careline.tier.changed.v1 --json
    """
    payload = _payload(type)
    topics = topics_of(payload)
    unknown_fields, [example, *_] = _unknown_fields(type), examples(payload)
    if as_json:
        found = {
            "type": payload.type,
            "topics": [_described(topic) for topic in topics],
            "unknown_fields": unknown_fields,
            "schema": describe(payload),
            "example": example,
        }
        stdout.print_json(data=found)
        return
    _print(payload.type)
    for topic in topics:
        _print(f"    {_in_words(topic)}")
    _print(f"unknown fields: {unknown_fields}\n\nschema")
    stdout.print_json(data=describe(payload))
    _print("\nexample")
    stdout.print_json(data=example)


def topics_of(payload: type[Payload]) -> list[Topic]:
    """Where events of this type are said: a channel's own go on as touchpoints and activities."""
    goes_on = payload in CHANNEL_EVENTS
    return [
        topic
        for topic in CATALOGUE
        for said in topic.says
        if said is payload or (goes_on and said.type.endswith(".*"))
    ]


def _topic(name: str) -> Topic:
    known = {topic.name: topic for topic in CATALOGUE}
    if name not in known:
        raise CommandError(f"There is no topic {name}.", why=_near(name, list(known)))
    return known[name]


def _payload(type: str) -> type[Payload]:
    known = {payload.type: payload for payload in payloads()}
    if type not in known:
        fix = "careline contracts lists all types."
        raise CommandError(f"No contract is called {type}.", why=_near(type, list(known)), fix=fix)
    return known[type]


def _near(name: str, known: Sequence[str]) -> str:
    near = get_close_matches(name, known)
    return f"Is it {' or '.join(near)}?" if near else ""


def _described(topic: Topic) -> dict[str, Any]:
    return {
        "topic": topic.name,
        "said_by": topic.owner,
        "heard_by": list(topic.readers),
        "key": topic.key,
        "kind": topic.kind,
        "partitions": topic.partitions,
        "retention_days": topic.retention_days if topic.kind == "events" else None,
        "personal_data": topic.personal,
        "types": [payload.type for payload in topic.says],
    }


def _in_words(topic: Topic) -> str:
    heard_by = ", ".join(topic.readers) or "subscribers"
    return f"{topic.name}: said by {topic.owner}, heard by {heard_by}"


def _print(words: str) -> None:
    """As it is: names are to be copied, so none is cut to the terminal's width."""
    stdout.print(words, markup=False, highlight=False, soft_wrap=True)


def _unknown_fields(type: str) -> Treatment:
    """Ingest's policy for what channels say; among themselves services ignore them."""
    if type not in SAID_BY_CHANNELS:
        return "ignore"
    settings = ServiceSettings.for_service("ingest")
    policy = load_policy(IngestPolicy, package="careline_ingest", settings=settings).policy
    return policy.unknown_fields.of(type)
