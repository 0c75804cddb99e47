"""What waits for its instant: told by tickets, by answers to outreach, by customers' records."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.book import News, NewsKind
from careline_scoring.store.told import read_facts
from careline_scoring.tags import read_tags, write_tags

_WHO_HAVE_TOLD = text("""
    WITH asked (kind, name) AS (
        SELECT * FROM unnest(CAST(:kinds AS text[]), CAST(:names AS text[]))
    )
    SELECT kind, name FROM asked JOIN tickets ON ticket = name WHERE kind = 'ticket'
    UNION
    SELECT kind, name FROM asked JOIN customers ON number = name
    WHERE kind = 'record' AND record <> '{}'
    UNION
    SELECT kind, name FROM asked JOIN news USING (kind, name)
""")
_ADD = text("""
    INSERT INTO news (
        at, kind, name, version, identity, customer, facts, record, event_id, traceparent)
    SELECT at, kind, name, version, identity, customer, CAST(facts AS jsonb),
        CAST(record AS jsonb), event_id, traceparent
    FROM unnest(
        CAST(:instants AS timestamptz[]), CAST(:kinds AS text[]), CAST(:names AS text[]),
        CAST(:versions AS bigint[]), CAST(:identities AS text[]), CAST(:customers AS text[]),
        CAST(:facts AS text[]), CAST(:records AS text[]), CAST(:events AS text[]),
        CAST(:traceparents AS text[])
    ) AS told (at, kind, name, version, identity, customer, facts, record, event_id, traceparent)
    ON CONFLICT DO NOTHING
""")
# all news of a customer together: no unit may take one that another one comes before. A record
# waits under the number itself, which needn't be a member
_PASSED = text("""
    WITH whose AS (
        SELECT unnest(CAST(:numbers AS text[])) AS customer
        UNION
        SELECT COALESCE(members.customer, news.customer)
        FROM news LEFT JOIN members USING (identity)
        WHERE identity = ANY(CAST(:identities AS text[]))
    ), names AS (
        SELECT unnest(CAST(:identities AS text[])) AS identity
        UNION
        SELECT customer FROM whose
        UNION
        SELECT identity FROM members JOIN whose USING (customer)
    )
    SELECT at, kind, name, news.version, news.customer, news.identity, tickets.identity
    FROM news JOIN names USING (identity)
    LEFT JOIN tickets ON kind = 'ticket' AND ticket = name
    WHERE at <= :until
""")
_NEXT = text("""
    SELECT identity, min(at) FROM news
    WHERE identity = ANY(CAST(:identities AS text[])) AND at > :after
    GROUP BY identity
""")
_TAKE = text("""
    DELETE FROM news WHERE (kind, name, version) IN (
        SELECT * FROM unnest(
            CAST(:kinds AS text[]), CAST(:names AS text[]), CAST(:versions AS bigint[])))
    RETURNING at, kind, name, version, identity, customer, CAST(facts AS text),
        CAST(record AS text), event_id, traceparent
""")


class Passed(NamedTuple):
    """News that wait no longer: of whom, and under which identities they are and were told."""

    at: datetime
    kind: NewsKind
    name: str
    version: int
    customer: str
    identities: tuple[str, ...]


async def who_have_told(
    connection: AsyncConnection, subjects: Collection[tuple[NewsKind, str]]
) -> set[tuple[NewsKind, str]]:
    """Those of these subjects of which something counts, or waits."""
    kinds, names = zip(*sorted(subjects), strict=True)
    found = await connection.execute(_WHO_HAVE_TOLD, {"kinds": kinds, "names": names})
    return {(kind, name) for kind, name in found}


async def add_news(connection: AsyncConnection, news: Iterable[News]) -> None:
    """Lets news wait for the instant."""
    ordered = sorted(news)
    await connection.execute(
        _ADD,
        {
            "instants": [one.at for one in ordered],
            "kinds": [one.kind for one in ordered],
            "names": [one.name for one in ordered],
            "versions": [one.version for one in ordered],
            "identities": [one.identity for one in ordered],
            "customers": [one.customer for one in ordered],
            "facts": [json.dumps(one.facts) for one in ordered],
            "records": [write_tags(one.record) for one in ordered],
            "events": [one.event_id for one in ordered],
            "traceparents": [one.traceparent for one in ordered],
        },
    )


async def passed_news(
    connection: AsyncConnection,
    *,
    identities: Collection[str],
    numbers: Collection[str],
    until: datetime,
) -> list[Passed]:
    """What waits no longer, of these customers and of those who have these identities.

    Another unit may be about to take it: `take_news` says.
    """
    found = await connection.execute(
        _PASSED,
        {"identities": sorted(identities), "numbers": sorted(numbers), "until": until},
    )
    return [
        Passed(at, kind, name, version, customer, tuple(filter(None, identities)))
        for at, kind, name, version, customer, *identities in found
    ]


async def next_news(
    connection: AsyncConnection, identities: Collection[str], *, after: datetime
) -> list[tuple[str, datetime]]:
    """For those of these identities of which something waits still: until when."""
    found = await connection.execute(_NEXT, {"identities": sorted(identities), "after": after})
    return [(identity, at) for identity, at in found]


async def take_news(connection: AsyncConnection, passed: Collection[Passed]) -> list[News]:
    """These news, in order of instant: they wait no longer. Their customers must be locked."""
    if not passed:
        return []
    taken = await connection.execute(
        _TAKE,
        {
            "kinds": [one.kind for one in passed],
            "names": [one.name for one in passed],
            "versions": [one.version for one in passed],
        },
    )
    return sorted(map(_news, taken))


def _news(row: Any) -> News:
    at, kind, name, version, identity, customer, facts, record, *event = row
    told = read_facts(facts), read_tags(record)
    return News(at, kind, name, version, identity, customer, *told, *event)
