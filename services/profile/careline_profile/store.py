"""Every statement of profile: identities and links are added, customers are locked and changed.

Two instances at once: what is never changed (identities) is read without a lock; whoever creates
the same identity second rolls back and finds it on the next try; customers that an event may
change are locked in order of number until the unit ends, so their versions have no gaps and what
is said about them goes out in order.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import Touchpoint
from careline_profile.model import (
    Attachment,
    Change,
    Created,
    Customer,
    Graph,
    Linked,
    Merged,
    Ref,
    Refused,
    pair,
)
from careline_runtime.errors import TryLater

_KNOWN = text("""
    SELECT i.ref, i.customer, c.merged_into
    FROM identities i
    LEFT JOIN customers c ON c.number = i.customer AND c.merged_into IS NOT NULL
    WHERE i.ref = ANY(CAST(:refs AS text[]))
""")
_LOCK = text("""
    SELECT number, version, created_at, merged_into FROM customers
    WHERE number = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_MEMBERS = text("""
    SELECT coalesce(c.merged_into, c.number), i.ref, c.number
    FROM customers c JOIN identities i ON i.customer = c.number
    WHERE c.number = ANY(CAST(:numbers AS text[])) OR c.merged_into = ANY(CAST(:numbers AS text[]))
""")
_HELD = text("""
    SELECT a, b FROM reviews
    WHERE a = ANY(CAST(:refs AS text[])) AND b = ANY(CAST(:refs AS text[]))
""")
_ADD_IDENTITIES = text("""
    INSERT INTO identities (ref, sealed, customer, recorded_at, event_key)
    SELECT * FROM unnest(
        CAST(:refs AS text[]), CAST(:sealed AS text[]), CAST(:customers AS text[]),
        CAST(:recorded AS timestamptz[]), CAST(:events AS uuid[]))
    ON CONFLICT DO NOTHING
    RETURNING 1
""")
_ADD_CUSTOMERS = text("""
    INSERT INTO customers (number, version, created_at, merged_into)
    SELECT * FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:created AS timestamptz[]),
        CAST(:survivors AS text[]))
""")
_CHANGE_CUSTOMERS = text("""
    UPDATE customers SET version = changed.version, merged_into = changed.survivor
    FROM unnest(CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:survivors AS text[]))
        AS changed (number, version, survivor)
    WHERE customers.number = changed.number
""")
# numbers that were merged before into a customer that is absorbed now: always one step to go
_REDIRECT = text("""
    UPDATE customers SET merged_into = moved.survivor
    FROM unnest(CAST(:absorbed AS text[]), CAST(:survivors AS text[])) AS moved (absorbed, survivor)
    WHERE customers.merged_into = moved.absorbed
""")
# where an earlier event of the month is known, looking is all: an upsert locks, and so writes,
# also the row that it leaves as it is
_ADD_LINKS = text("""
    INSERT INTO links AS known (a, b, source, month, event_key, occurred_at)
    SELECT * FROM unnest(
        CAST(:a_refs AS text[]), CAST(:b_refs AS text[]), CAST(:sources AS text[]),
        CAST(:months AS date[]), CAST(:events AS uuid[]), CAST(:occurred AS timestamptz[])
    ) AS heard (a, b, source, month, event_key, occurred_at)
    WHERE NOT EXISTS (
        SELECT FROM links
        WHERE (links.a, links.b, links.source, links.month)
            = (heard.a, heard.b, heard.source, heard.month)
        AND (links.occurred_at, links.event_key) <= (heard.occurred_at, heard.event_key))
    ON CONFLICT (a, b, source, month) DO UPDATE
    SET event_key = excluded.event_key, occurred_at = excluded.occurred_at
    WHERE (excluded.occurred_at, excluded.event_key) < (known.occurred_at, known.event_key)
""")
_ADD_REVIEWS = text("""
    INSERT INTO reviews (a, b, customer, other, reason, kind, event_key, recorded_at)
    SELECT * FROM unnest(
        CAST(:a_refs AS text[]), CAST(:b_refs AS text[]), CAST(:customers AS text[]),
        CAST(:others AS text[]), CAST(:reasons AS text[]), CAST(:kinds AS text[]),
        CAST(:events AS uuid[]), CAST(:recorded AS timestamptz[]))
    ON CONFLICT DO NOTHING
""")
_COUNT_CONTACTS = text("""
    INSERT INTO contacts AS known (ref, channel, touchpoints, first_at, last_at)
    SELECT * FROM unnest(
        CAST(:refs AS text[]), CAST(:channels AS text[]), CAST(:counts AS bigint[]),
        CAST(:firsts AS timestamptz[]), CAST(:lasts AS timestamptz[]))
    ON CONFLICT (ref, channel) DO UPDATE SET
        touchpoints = known.touchpoints + excluded.touchpoints,
        first_at = least(known.first_at, excluded.first_at),
        last_at = greatest(known.last_at, excluded.last_at)
""")


class Contacts(NamedTuple):
    """Touchpoints of one identity in one channel."""

    touchpoints: int
    first_at: datetime
    last_at: datetime


Evidence = tuple[Ref, Ref, str, date]
"""Two identities, in order of name, that a source says in a month to be one customer."""


class Effects:
    """What a batch adds; gathered event by event, saved once."""

    def __init__(self) -> None:
        self.sealed: dict[Ref, str] = {}
        self.links: dict[Evidence, Envelope] = {}
        """The first event of each."""
        self.changes: list[tuple[Change, Envelope]] = []
        self.contacts: dict[tuple[Ref, str], Contacts] = {}

    def add(
        self, cause: Envelope, touchpoint: Touchpoint, refs: Sequence[Ref], attachment: Attachment
    ) -> None:
        """What one event adds, `refs` being the identities that count."""
        at = cause.occurred_at
        name = (attachment.identity, touchpoint.channel)
        known = self.contacts.get(name)
        self.contacts[name] = (
            Contacts(1, at, at)
            if known is None
            else Contacts(known.touchpoints + 1, min(known.first_at, at), max(known.last_at, at))
        )
        for other in refs[1:]:
            evidence = (*pair(refs[0], other), cause.source, date(at.year, at.month, 1))
            first = self.links.setdefault(evidence, cause)
            if first is not cause and _is_before(cause, first):
                self.links[evidence] = cause
        if attachment.changes:
            self.changes += [(change, cause) for change in attachment.changes]
            self.sealed |= {identity.ref: identity.sealed for identity in touchpoint.identities}


def _is_before(one: Envelope, other: Envelope) -> bool:
    return (one.occurred_at, one.event_key) < (other.occurred_at, other.event_key)


async def load(
    connection: AsyncConnection,
    events: Collection[Sequence[Ref]],
    *,
    told_about: Collection[Ref] = (),
) -> Graph:
    """What these events touch, each given by its `usable` identities.

    Only an event with an unknown identity, with identities of several customers, or that tells
    something about whom it names (`told_about`), can change a customer: those customers are locked
    and loaded whole, all others are known by number only.
    """
    graph = Graph()
    refs = sorted({ref for event in events for ref in event})
    for ref, number, merged_into in await connection.execute(_KNOWN, {"refs": refs}):
        graph.labels[ref] = number
        if merged_into is not None:
            graph.survivors[number] = merged_into
    linking = [event for event in events if len(event) > 1 and _may_change(event, graph)]
    named = {ref for event in linking for ref in event}.union(told_about)
    numbers = {number for ref in named if (number := graph.find(ref)) is not None}
    if numbers:
        await _load_customers(connection, numbers, graph)
        linked = sorted({ref for event in linking for ref in event})
        graph.held = {(a, b) for a, b in await connection.execute(_HELD, {"refs": linked})}
    return graph


def _may_change(event: Sequence[Ref], graph: Graph) -> bool:
    numbers = {graph.find(ref) for ref in event}
    return len(numbers) > 1 or None in numbers


async def _load_customers(connection: AsyncConnection, numbers: set[str], graph: Graph) -> None:
    wanted = set(numbers)
    while wanted:
        rows = (await connection.execute(_LOCK, {"numbers": sorted(wanted)})).all()
        for number, version, created_at, merged_into in rows:
            if merged_into is None:
                graph.customers[number] = Customer(number, version, created_at)
            else:
                graph.survivors[number] = merged_into
        # merged while we waited for the lock: lock the survivor too
        merged = {merged_into for *_, merged_into in rows if merged_into is not None}
        wanted = merged - graph.customers.keys()
    roots = sorted(graph.customers)
    for root, ref, number in await connection.execute(_MEMBERS, {"numbers": roots}):
        customer = graph.customers[root]
        customer.refs.add(ref)
        if number != root:
            customer.aliases.add(number)


async def save(connection: AsyncConnection, effects: Effects, graph: Graph) -> None:
    """Adds what the batch found out; raises `TryLater` when another instance was first."""
    await _save_identities(connection, effects, graph)
    await _save_customers(connection, effects, graph)
    await _save_links(connection, effects.links)
    await _save_reviews(connection, effects.changes)
    # in order of key: two instances that count the same identities wait, and don't deadlock
    contacts = sorted(effects.contacts.items())
    await connection.execute(
        _COUNT_CONTACTS,
        {
            "refs": [ref for (ref, _), _ in contacts],
            "channels": [channel for (_, channel), _ in contacts],
            "counts": [c.touchpoints for _, c in contacts],
            "firsts": [c.first_at for _, c in contacts],
            "lasts": [c.last_at for _, c in contacts],
        },
    )


async def _save_identities(connection: AsyncConnection, effects: Effects, graph: Graph) -> None:
    found = sorted(
        (change.identity, cause)
        for change, cause in effects.changes
        if isinstance(change, (Created, Linked))
    )
    if not found:
        return
    added = await connection.execute(
        _ADD_IDENTITIES,
        {
            "refs": [ref for ref, _ in found],
            "sealed": [effects.sealed[ref] for ref, _ in found],
            "customers": [graph.labels[ref] for ref, _ in found],
            "recorded": [cause.recorded_at for _, cause in found],
            "events": [cause.event_key for _, cause in found],
        },
    )
    if len(added.all()) < len(found):
        raise TryLater("another instance saw one of these identities first")


async def _save_customers(connection: AsyncConnection, effects: Effects, graph: Graph) -> None:
    created = {c.customer for c, _ in effects.changes if isinstance(c, Created)}
    merges = [c for c, _ in effects.changes if isinstance(c, Merged)]
    touched = {c.customer for c, _ in effects.changes} | {m.absorbed[0] for m in merges}
    if created:
        rows = [graph.customers[number] for number in sorted(created)]
        await connection.execute(
            _ADD_CUSTOMERS, {**_columns(rows, graph), "created": [c.created_at for c in rows]}
        )
    if changed := sorted(touched - created):
        rows = [graph.customers[number] for number in changed]
        await connection.execute(_CHANGE_CUSTOMERS, _columns(rows, graph))
    if merges:
        absorbed = sorted(m.absorbed[0] for m in merges)
        await connection.execute(
            _REDIRECT,
            {"absorbed": absorbed, "survivors": [graph.resolve(n) for n in absorbed]},
        )


def _columns(customers: Sequence[Customer], graph: Graph) -> dict[str, list[Any]]:
    survivors = [graph.resolve(c.number) for c in customers]
    return {
        "numbers": [c.number for c in customers],
        "versions": [c.version for c in customers],
        "survivors": [
            None if survivor == c.number else survivor
            for c, survivor in zip(customers, survivors, strict=True)
        ],
    }


async def _save_links(connection: AsyncConnection, links: Mapping[Evidence, Envelope]) -> None:
    if not links:
        return
    # in order of key, as all that is written, so that two instances wait and don't deadlock
    first = sorted(links.items())
    await connection.execute(
        _ADD_LINKS,
        {
            "a_refs": [a for (a, _, _, _), _ in first],
            "b_refs": [b for (_, b, _, _), _ in first],
            "sources": [source for (_, _, source, _), _ in first],
            "months": [month for (_, _, _, month), _ in first],
            "events": [cause.event_key for _, cause in first],
            "occurred": [cause.occurred_at for _, cause in first],
        },
    )


async def _save_reviews(
    connection: AsyncConnection, changes: Iterable[tuple[Change, Envelope]]
) -> None:
    refused = [(c, cause) for c, cause in changes if isinstance(c, Refused)]
    if not refused:
        return
    await connection.execute(
        _ADD_REVIEWS,
        {
            "a_refs": [c.pair[0] for c, _ in refused],
            "b_refs": [c.pair[1] for c, _ in refused],
            "customers": [c.customer for c, _ in refused],
            "others": [c.other for c, _ in refused],
            "reasons": [c.reason for c, _ in refused],
            "kinds": [c.kind for c, _ in refused],
            "events": [cause.event_key for _, cause in refused],
            "recorded": [cause.recorded_at for _, cause in refused],
        },
    )
