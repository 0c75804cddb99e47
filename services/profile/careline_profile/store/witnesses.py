"""Evidence of links: who says in which month that two identities are one customer's.

The first event of each source in each month is kept: the same in every order of arrival, and
enough to show a person who said it, again and again.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope
from careline_profile.model import Evidence, Pair, Ref, pair

# most events say what is known; for them this look is all, and nothing is written or locked
_NEWS = text("""
    SELECT heard.place, EXISTS (
        SELECT FROM links
        WHERE (links.a, links.b) = (heard.a, heard.b)
        AND (links.occurred_at, links.event_key) <= (heard.occurred_at, heard.event_key))
    FROM unnest(
        CAST(:a_refs AS text[]), CAST(:b_refs AS text[]), CAST(:sources AS text[]),
        CAST(:months AS date[]), CAST(:events AS uuid[]), CAST(:occurred AS timestamptz[])
    ) WITH ORDINALITY AS heard (a, b, source, month, event_key, occurred_at, place)
    WHERE NOT EXISTS (
        SELECT FROM links
        WHERE (links.a, links.b, links.source, links.month)
            = (heard.a, heard.b, heard.source, heard.month)
        AND (links.occurred_at, links.event_key) <= (heard.occurred_at, heard.event_key))
""")
_ADD = text("""
    INSERT INTO links AS known (a, b, source, month, event_key, occurred_at)
    SELECT * FROM unnest(
        CAST(:a_refs AS text[]), CAST(:b_refs AS text[]), CAST(:sources AS text[]),
        CAST(:months AS date[]), CAST(:events AS uuid[]), CAST(:occurred AS timestamptz[]))
    ON CONFLICT (a, b, source, month) DO UPDATE
    SET event_key = excluded.event_key, occurred_at = excluded.occurred_at
    WHERE (excluded.occurred_at, excluded.event_key) < (known.occurred_at, known.event_key)
""")


class Witness(NamedTuple):
    """A source says in a month that two identities (in order of name) are one customer's."""

    a: Ref
    b: Ref
    source: str
    month: date

    @property
    def link(self) -> Pair:
        return self.a, self.b


Witnesses = Mapping[Witness, Evidence]
"""Each with its first event."""


class News(NamedTuple):
    """What a batch says about links that was not known."""

    witnesses: Witnesses
    links: set[Pair]
    """Those that are new, or older than was known: only they can change who is one customer."""


def gather(events: Iterable[tuple[Envelope, Sequence[Ref]]]) -> dict[Witness, Evidence]:
    """The first evidence of each witness in a batch; an event links its first to each other."""
    found: dict[Witness, Evidence] = {}
    for envelope, refs in events:
        at = envelope.occurred_at
        for other in refs[1:]:
            witness = Witness(*pair(refs[0], other), envelope.source, date(at.year, at.month, 1))
            evidence = Evidence(at, envelope.event_key)
            found[witness] = min(evidence, found.get(witness, evidence))
    return found


async def find_news(connection: AsyncConnection, witnesses: Witnesses) -> News:
    """Of these, what is not yet known."""
    if not witnesses:
        return News({}, set())
    listed = sorted(witnesses.items())
    rows = (await connection.execute(_NEWS, _columns(listed))).all()
    return News(
        dict(listed[place - 1] for place, _ in rows),
        {listed[place - 1][0].link for place, is_known_longer in rows if not is_known_longer},
    )


async def add(connection: AsyncConnection, witnesses: Witnesses) -> None:
    """Adds evidence; in order of key, so that two instances wait and don't deadlock."""
    if witnesses:
        await connection.execute(_ADD, _columns(sorted(witnesses.items())))


def _columns(witnesses: Sequence[tuple[Witness, Evidence]]) -> dict[str, list[object]]:
    return {
        "a_refs": [witness.a for witness, _ in witnesses],
        "b_refs": [witness.b for witness, _ in witnesses],
        "sources": [witness.source for witness, _ in witnesses],
        "months": [witness.month for witness, _ in witnesses],
        "events": [evidence.event_key for _, evidence in witnesses],
        "occurred": [evidence.occurred_at for _, evidence in witnesses],
    }
