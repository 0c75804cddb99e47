"""What a unit found out, saved as sets in order of key."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from types import MappingProxyType
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
    Pair,
    Ref,
    Refused,
    Split,
    Verdict,
)
from careline_profile.rules import link_name
from careline_profile.store import witnesses
from careline_profile.store.witnesses import Witnesses
from careline_runtime.errors import TryLater

# like facts, neither becomes known at an instant that was answered for (record/store.py)
_ADD_IDENTITIES = text("""
    INSERT INTO identities (ref, sealed, customer, recorded_at, event_key, known_at)
    SELECT ref, sealed, customer, recorded_at, event_key, nullif(greatest(recorded_at,
        (SELECT until + interval '1 microsecond' FROM answered FOR SHARE)), recorded_at)
    FROM unnest(
        CAST(:refs AS text[]), CAST(:sealed AS text[]), CAST(:customers AS text[]),
        CAST(:recorded AS timestamptz[]), CAST(:events AS uuid[])
    ) AS found (ref, sealed, customer, recorded_at, event_key)
    ON CONFLICT DO NOTHING
    RETURNING 1
""")
_MOVE_IDENTITIES = text("""
    UPDATE identities SET customer = moved.customer, moves = moved.moves
    FROM unnest(CAST(:refs AS text[]), CAST(:customers AS text[]), CAST(:moves AS int[]))
        AS moved (ref, customer, moves)
    WHERE identities.ref = moved.ref
""")
_ADD_MOVES = text("""
    INSERT INTO moves (ref, move, customer, previous, known_at)
    SELECT ref, move, customer, previous, greatest(known_at,
        (SELECT until + interval '1 microsecond' FROM answered FOR SHARE))
    FROM unnest(
        CAST(:refs AS text[]), CAST(:moves AS int[]), CAST(:customers AS text[]),
        CAST(:previous AS text[]), CAST(:known AS timestamptz[])
    ) AS moved (ref, move, customer, previous, known_at)
""")
_MARK_SHARED = text("""
    UPDATE identities SET is_shared = true
    WHERE ref = ANY(CAST(:refs AS text[])) AND NOT is_shared
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
_HOLD = text("""
    INSERT INTO reviews (a, b, name, reason, kind, recorded_at)
    SELECT * FROM unnest(
        CAST(:a_refs AS text[]), CAST(:b_refs AS text[]), CAST(:names AS text[]),
        CAST(:reasons AS text[]),
        CAST(:kinds AS text[]), CAST(:recorded AS timestamptz[]))
    ON CONFLICT (a, b) DO UPDATE SET reason = excluded.reason, kind = excluded.kind
""")
_RELEASE = text("""
    DELETE FROM reviews
    WHERE (a, b) IN (SELECT * FROM unnest(CAST(:a_refs AS text[]), CAST(:b_refs AS text[])))
""")
_ADD_VERDICT = text("""
    INSERT INTO verdicts (a, b, decided_at, is_one, waives, by, reason)
    VALUES (:a, :b, :decided_at, :is_one, CAST(:waives AS text[]), :by, :reason)
""")


class Cause(NamedTuple):
    """What brought a change about, and when that was recorded."""

    recorded_at: datetime
    event_key: str = ""
    """Empty where a person did it."""


class Effects:
    """What a unit adds; gathered event by event, saved once."""

    def __init__(self, witnesses: Witnesses = MappingProxyType({})) -> None:
        self.witnesses = witnesses
        self.sealed: dict[Ref, str] = {}
        self.changes: list[tuple[Change, Cause]] = []

    def add(self, cause: Envelope, touchpoint: Touchpoint, attachment: Attachment) -> None:
        """What one event adds."""
        if attachment.changes:
            why = Cause(cause.recorded_at, cause.event_key)
            self.changes += [(change, why) for change in attachment.changes]
            self.sealed |= {identity.ref: identity.sealed for identity in touchpoint.identities}


async def save(connection: AsyncConnection, effects: Effects, graph: Graph) -> None:
    """Adds what the unit found out; raises `TryLater` when another instance was first."""
    if effects.changes:
        await _save_identities(connection, effects, graph)
        await _save_moves(connection, effects.changes, graph)
        await _save_customers(connection, graph)
        await _save_reviews(connection, effects.changes, graph)
    await witnesses.add(connection, effects.witnesses)


async def save_verdict(
    connection: AsyncConnection, link: Pair, verdict: Verdict, *, by: str, reason: str
) -> None:
    """Adds what a person decided; earlier verdicts on the link stay, the latest holds."""
    await connection.execute(
        _ADD_VERDICT,
        {
            "a": link[0],
            "b": link[1],
            "is_one": verdict.is_one,
            "decided_at": verdict.decided_at,
            # a space is in no identity
            "waives": sorted(" ".join(waived) for waived in verdict.waives),
            "by": by,
            "reason": reason,
        },
    )


async def _save_identities(connection: AsyncConnection, effects: Effects, graph: Graph) -> None:
    found = sorted(
        (change.identity, cause)
        for change, cause in effects.changes
        if isinstance(change, (Created, Linked))
    )
    if found:
        added = await connection.execute(
            _ADD_IDENTITIES,
            {
                "refs": [ref for ref, _ in found],
                "sealed": [effects.sealed[ref] for ref, _ in found],
                "customers": [graph.owners[ref] for ref, _ in found],
                "recorded": [cause.recorded_at for _, cause in found],
                "events": [cause.event_key for _, cause in found],
            },
        )
        if len(added.all()) < len(found):
            raise TryLater("another instance saw one of these identities first")
    if shared := sorted(graph.shared - graph.loaded.shared):
        await connection.execute(_MARK_SHARED, {"refs": shared})


async def _save_moves(
    connection: AsyncConnection, changes: Iterable[tuple[Change, Cause]], graph: Graph
) -> None:
    moved = [
        (move, change.moved_from, cause.recorded_at)
        for change, cause in changes
        if isinstance(change, (Merged, Split))
        for move in change.moves
        if move.name in graph.known
    ]
    if not moved:
        return
    refs = sorted({move.name for move, _, _ in moved})
    await connection.execute(
        _MOVE_IDENTITIES,
        {
            "refs": refs,
            "customers": [graph.owners[ref] for ref in refs],
            "moves": [graph.known[ref].moves for ref in refs],
        },
    )
    await connection.execute(
        _ADD_MOVES,
        {
            "refs": [move.name for move, _, _ in moved],
            "moves": [move.move for move, _, _ in moved],
            "customers": [move.customer for move, _, _ in moved],
            "previous": [previous for _, previous, _ in moved],
            "known": [recorded_at for _, _, recorded_at in moved],
        },
    )


async def _save_customers(connection: AsyncConnection, graph: Graph) -> None:
    created = sorted(graph.changed - graph.loaded.numbers)
    if created:
        rows = [graph.customers[number] for number in created]
        await connection.execute(
            _ADD_CUSTOMERS, {**_columns(rows), "created": [c.created_at for c in rows]}
        )
    if changed := sorted(graph.changed & graph.loaded.numbers):
        rows = [graph.customers[number] for number in changed]
        await connection.execute(_CHANGE_CUSTOMERS, _columns(rows))


def _columns(customers: Sequence[Customer]) -> dict[str, list[Any]]:
    return {
        "numbers": [c.number for c in customers],
        "versions": [c.version for c in customers],
        "survivors": [c.merged_into for c in customers],
    }


async def _save_reviews(
    connection: AsyncConnection, changes: Sequence[tuple[Change, Cause]], graph: Graph
) -> None:
    before, now = graph.loaded.held, graph.held
    if released := sorted(before.keys() - now.keys()):
        await connection.execute(_RELEASE, _pairs(released))
    held = sorted(link for link, why in now.items() if before.get(link) != why)
    if held:
        since = {c.pair: cause.recorded_at for c, cause in changes if isinstance(c, Refused)}
        at = changes[-1][1].recorded_at
        await connection.execute(
            _HOLD,
            {
                **_pairs(held),
                "names": [link_name(link) for link in held],
                "reasons": [now[link].reason for link in held],
                "kinds": [now[link].kind for link in held],
                "recorded": [since.get(link, at) for link in held],
            },
        )


def _pairs(links: Sequence[Pair]) -> dict[str, list[Any]]:
    return {"a_refs": [a for a, _ in links], "b_refs": [b for _, b in links]}
