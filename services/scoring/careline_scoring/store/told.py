"""What tickets have told, waiting for its instant and counting by now; what outreach has told."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.book import Answer, News, Told
from careline_scoring.model import Fact
from careline_scoring.store.days import DATE

_TOLD = text("""
    SELECT ticket, version, identity, CAST(facts AS text), event_id FROM tickets
    WHERE ticket = ANY(CAST(:tickets AS text[]))
""")
_SAVE_TOLD = text("""
    INSERT INTO tickets (ticket, version, identity, facts, event_id)
    SELECT ticket, version, identity, CAST(facts AS jsonb), event_id FROM unnest(
        CAST(:tickets AS text[]), CAST(:versions AS int[]), CAST(:identities AS text[]),
        CAST(:facts AS text[]), CAST(:events AS text[])
    ) AS told (ticket, version, identity, facts, event_id)
    ON CONFLICT (ticket) DO UPDATE SET version = excluded.version, identity = excluded.identity,
        facts = excluded.facts, event_id = excluded.event_id
""")
_HAVE_TOLD = text("""
    SELECT ticket FROM tickets WHERE ticket = ANY(CAST(:tickets AS text[]))
    UNION
    SELECT ticket FROM ticket_news WHERE ticket = ANY(CAST(:tickets AS text[]))
""")
_KEEP = text("""
    INSERT INTO ticket_news (ticket, version, at, identity, customer, facts, event_id, traceparent)
    SELECT ticket, version, at, identity, customer, CAST(facts AS jsonb), event_id, traceparent
    FROM unnest(
        CAST(:tickets AS text[]), CAST(:versions AS int[]), CAST(:instants AS timestamptz[]),
        CAST(:identities AS text[]), CAST(:customers AS text[]), CAST(:facts AS text[]),
        CAST(:events AS text[]), CAST(:traceparents AS text[])
    ) AS news (ticket, version, at, identity, customer, facts, event_id, traceparent)
    ON CONFLICT DO NOTHING
""")
# all news of a customer together: no unit may take one that another one comes before
_PASSED = text("""
    WITH whose AS (
        SELECT unnest(CAST(:numbers AS text[])) AS customer
        UNION
        SELECT COALESCE(members.customer, news.customer)
        FROM ticket_news AS news LEFT JOIN members USING (identity)
        WHERE identity = ANY(CAST(:identities AS text[]))
    ), names AS (
        SELECT unnest(CAST(:identities AS text[])) AS identity
        UNION
        SELECT identity FROM members JOIN whose USING (customer)
    )
    SELECT at, ticket, news.version, news.customer, news.identity, tickets.identity
    FROM ticket_news AS news JOIN names USING (identity) LEFT JOIN tickets USING (ticket)
    WHERE at <= :until
""")
_NEXT = text("""
    SELECT identity, min(at) FROM ticket_news
    WHERE identity = ANY(CAST(:identities AS text[])) AND at > :after
    GROUP BY identity
""")
_TAKE = text("""
    DELETE FROM ticket_news WHERE (ticket, version) IN (
        SELECT * FROM unnest(CAST(:tickets AS text[]), CAST(:versions AS int[])))
    RETURNING at, ticket, version, identity, customer, CAST(facts AS text), event_id, traceparent
""")


_SAVE_ANSWERS = text(f"""
    INSERT INTO answers (event_key, event_id, identity, day, kind)
    SELECT CAST(key AS uuid), event_id, identity, {DATE}, kind FROM unnest(
        CAST(:keys AS text[]), CAST(:events AS text[]), CAST(:identities AS text[]),
        CAST(:days AS int[]), CAST(:kinds AS text[])
    ) AS answer (key, event_id, identity, day, kind)
    ON CONFLICT DO NOTHING
""")  # noqa: S608 (a constant)


class Passed(NamedTuple):
    """News that wait no longer: of whom, and under which identities the ticket tells and told."""

    at: datetime
    ticket: str
    version: int
    customer: str
    identities: tuple[str, ...]


async def told(connection: AsyncConnection, tickets: Collection[str]) -> dict[str, Told]:
    """What counts of these tickets by now; those that never told of anything are left out."""
    if not tickets:
        return {}
    rows = await connection.execute(_TOLD, {"tickets": sorted(tickets)})
    return {
        ticket: Told(version, identity, read_facts(facts), event_id)
        for ticket, version, identity, facts, event_id in rows
    }


async def save_told(connection: AsyncConnection, told: dict[str, Told]) -> None:
    """Keeps what these tickets tell now."""
    ordered = sorted(told.items())
    await connection.execute(
        _SAVE_TOLD,
        {
            "tickets": [ticket for ticket, _ in ordered],
            "versions": [now.version for _, now in ordered],
            "identities": [now.identity for _, now in ordered],
            "facts": [json.dumps(now.facts) for _, now in ordered],
            "events": [now.event_id for _, now in ordered],
        },
    )


async def have_told(connection: AsyncConnection, tickets: Collection[str]) -> set[str]:
    """Those of these tickets of which something counts, or waits."""
    return set((await connection.execute(_HAVE_TOLD, {"tickets": sorted(tickets)})).scalars())


async def keep_news(connection: AsyncConnection, news: Iterable[News]) -> None:
    """Lets news wait for the instant."""
    ordered = sorted(news)
    await connection.execute(
        _KEEP,
        {
            "tickets": [one.ticket for one in ordered],
            "versions": [one.version for one in ordered],
            "instants": [one.at for one in ordered],
            "identities": [one.identity for one in ordered],
            "customers": [one.customer for one in ordered],
            "facts": [json.dumps(one.facts) for one in ordered],
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
        Passed(at, ticket, version, customer, tuple(filter(None, identities)))
        for at, ticket, version, customer, *identities in found
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
        {"tickets": [one.ticket for one in passed], "versions": [one.version for one in passed]},
    )
    return sorted(
        News(at, ticket, version, identity, customer, read_facts(facts), *rest)
        for at, ticket, version, identity, customer, facts, *rest in taken
    )


async def save_answers(connection: AsyncConnection, answers: Collection[Answer]) -> None:
    """Keeps which events the facts of outreach came from."""
    ordered = sorted(answers)
    await connection.execute(
        _SAVE_ANSWERS,
        {
            "keys": [one.event_key for one in ordered],
            "events": [one.event_id for one in ordered],
            "identities": [one.identity for one in ordered],
            "days": [one.day for one in ordered],
            "kinds": [one.kind for one in ordered],
        },
    )


def read_facts(text: str) -> tuple[Fact, ...]:
    """Facts as they are kept of a ticket."""
    return tuple(Fact(*fact) for fact in json.loads(text))
