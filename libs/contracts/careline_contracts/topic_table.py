"""The topic catalogue as a page to read: `python -m careline_contracts.topic_table` prints it."""

from careline_contracts.dead_letters import IF_NEED_BE, MARKS
from careline_contracts.events.touchpoints import CHANNEL_EVENTS, OutreachAnswered
from careline_contracts.payload import Payload, open_texts, personal_fields
from careline_contracts.topics import CATALOGUE, Topic

HEAD = """# Topics

Printed from the catalogue in `careline_contracts/topics.py` by `./careline check --fix`; a test
holds the two together.
Every record but a [dead letter](#dead-letters) is a CloudEvent in binary mode (`ce_` headers,
JSON value). A *state* topic is compacted by key: read it from the start for the present, then
follow it. After a crash the last records may come again, in their order: drop an event of which you
know `source` and `id`; of a state keep the higher `version`. Personal data on a topic is readable
(clear), tokens and sealed values (sealed), customer numbers only (pseudonymous), or none. Schemas:
`careline_contracts/schemas/<type>.json`, examples beside them.

| Topic | Said by | Heard by | Key | Partitions | Kept | Personal data |
|---|---|---|---|---|---|---|
"""
PERSONAL = """
## Where personal data may stand

A channel names a customer in `identities` only, and a customer's own words go into the fields that
ingest seals. Every other text passes the edge as it is, to every reader: the fields of the third
column, and the attributes `id` and `source`. Codes and numbers of the channel's own systems and
names of its staff belong there; a customer's name, number, address or words never do. An order
number can look like a phone number, so the edge can't tell: the sender has to keep to it.

| Type | Sealed | Passes as it is: no personal data |
|---|---|---|
"""
DEAD_LETTERS = """
## Dead letters

On a dead-letter topic lies a record that could not be handled, as it came: its key, its headers,
its value, whatever bytes these are; ingest's are sealed. It keeps the `ce_type` that it had, if it
had one. These headers are added, each a text in UTF-8, and replace those of an earlier failure:

"""
_CHANNELS_SAY: tuple[type[Payload], ...] = (*CHANNEL_EVENTS, OutreachAnswered)


def topics_page() -> str:
    """The catalogue in Markdown: topics, the types said on each, personal data, dead letters."""
    said = [topic for topic in CATALOGUE if topic.says]
    marks = "".join(f"- `{mark}`: {meaning}\n" for mark, meaning in MARKS.items())
    others = "".join(f"- `{mark}`, if need be: {words}\n" for mark, words in IF_NEED_BE.items())
    return (
        HEAD
        + "".join(map(_row, CATALOGUE))
        + f"\n## Types\n{''.join(map(_types, said))}"
        + PERSONAL
        + "".join(map(_personal, _CHANNELS_SAY))
        + f"{DEAD_LETTERS}{marks}{others}"
    )


def _row(topic: Topic) -> str:
    kept = "latest of each key" if topic.kind == "state" else f"{topic.retention_days} days"
    cells = (
        f"`{topic.name}`",
        topic.owner,
        ", ".join(topic.readers) or "subscribers",
        topic.key,
        str(topic.partitions),
        kept,
        topic.personal,
    )
    return f"| {' | '.join(cells)} |\n"


def _types(topic: Topic) -> str:
    said = "".join(f"- `{payload.type}`{_summary(payload.__doc__)}\n" for payload in topic.says)
    return f"\n### {topic.name}\n\n{said}"


def _personal(payload: type[Payload]) -> str:
    sealed = sorted(personal_fields(payload))
    columns = (", ".join(f"`{name}`" for name in names) for names in (sealed, open_texts(payload)))
    return f"| `{payload.type}` | {' | '.join(columns)} |\n"


def _summary(documentation: str | None) -> str:
    """The first sentence, or nothing."""
    first = " ".join((documentation or "").strip().partition("\n\n")[0].split())
    return f": {first}" if first else ""


if __name__ == "__main__":
    print(topics_page(), end="")
