"""The topic catalogue as a page to read: `python -m careline_contracts.topic_table` prints it."""

from careline_contracts.topics import CATALOGUE, Topic

HEAD = """# Topics

Printed from the catalogue in `careline_contracts/topics.py` by
`python -m careline_contracts.topic_table > docs/topics.md`; a test holds the two together.
Every record is a CloudEvent in binary mode (`ce_` headers, JSON value). A *state* topic is
compacted by key: read it from the start for the present, then follow it. Personal data on a
topic is readable (clear), tokens and sealed values (sealed), customer numbers only
(pseudonymous), or none. Schemas: `careline_contracts/schemas/<type>.json`, examples beside them.

| Topic | Said by | Heard by | Key | Partitions | Kept | Personal data |
|---|---|---|---|---|---|---|
"""


def topics_page() -> str:
    """The catalogue in Markdown: a table of topics, then the types said on each."""
    return HEAD + "".join(map(_row, CATALOGUE)) + "\n## Types\n" + "".join(map(_types, CATALOGUE))


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


def _summary(documentation: str | None) -> str:
    """The first sentence, or nothing."""
    first = " ".join((documentation or "").strip().partition("\n\n")[0].split())
    return f": {first}" if first else ""


if __name__ == "__main__":
    print(topics_page(), end="")
