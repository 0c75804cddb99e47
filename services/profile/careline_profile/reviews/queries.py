"""What a person looks at before deciding: links with their evidence, and both customers."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Apart
from careline_profile.model import Pair, Ref

# one that a person has decided about, or that only repeats their decision, asks nobody
_OPEN = text("""
    SELECT name, a, b, reason, kind, recorded_at FROM reviews r
    WHERE name > :after AND NOT EXISTS (SELECT FROM verdicts v WHERE (v.a, v.b) = (r.a, r.b))
    ORDER BY name LIMIT :limit
""")
_HELD = text("SELECT name, a, b, reason, kind, recorded_at FROM reviews WHERE name = :name")
_LINKS = text("""
    SELECT DISTINCT l.a, l.b, r.reason, r.kind
    FROM identities i JOIN links l ON i.ref IN (l.a, l.b) LEFT JOIN reviews r USING (a, b)
    WHERE i.customer = :number
    ORDER BY l.a, l.b
""")
_EVIDENCE = text("""
    SELECT a, b, source, occurred_at, replace(CAST(event_key AS text), '-', '') FROM links
    WHERE (a, b) IN (SELECT * FROM unnest(CAST(:a_refs AS text[]), CAST(:b_refs AS text[])))
    ORDER BY occurred_at, event_key
""")
_VERDICTS = text("""
    SELECT a, b, is_one, decided_at, by, reason FROM verdicts
    WHERE (a, b) IN (SELECT * FROM unnest(CAST(:a_refs AS text[]), CAST(:b_refs AS text[])))
    ORDER BY decided_at
""")
_SIDE = text("""
    SELECT owner.customer, other.ref, other.recorded_at,
        (SELECT count(*) FROM timeline t WHERE t.token = own.token)
        + (SELECT CAST(coalesce(sum(touchpoints), 0) AS bigint)
            FROM forgotten_touchpoints f WHERE f.token = own.token)
    FROM identities owner JOIN identities other USING (customer)
    CROSS JOIN LATERAL (SELECT CAST(right(other.ref, 32) AS uuid) AS token) own
    WHERE owner.ref = :ref
    ORDER BY other.recorded_at, other.ref
""")


class HeldLink(NamedTuple):
    """A link that joins nobody, and since when a rule or a person holds it."""

    name: str
    link: Pair
    reason: Apart
    kind: str | None
    since: datetime


class CustomerLink(NamedTuple):
    """A link of a customer's identity; `reason` says why it is held, None that it joins."""

    link: Pair
    reason: Apart | None
    kind: str | None


class Witnessed(NamedTuple):
    """The first event of a source in a month that named two identities together."""

    source: str
    occurred_at: datetime
    event_key: str


class Decided(NamedTuple):
    """A verdict as it was given; the reason is sealed."""

    is_one: bool
    decided_at: datetime
    by: str
    sealed_reason: str


class Member(NamedTuple):
    """An identity of a customer."""

    ref: Ref
    since: datetime
    touchpoints: int


async def open_reviews(
    connection: AsyncConnection, *, after: str = "", limit: int
) -> list[HeldLink]:
    """Held links that wait for a person, in order of name."""
    rows = await connection.execute(_OPEN, {"after": after, "limit": limit})
    return [HeldLink(name, (a, b), *rest) for name, a, b, *rest in rows]


async def held_link(connection: AsyncConnection, name: str) -> HeldLink | None:
    """The held link of this name, decided or not."""
    row = (await connection.execute(_HELD, {"name": name})).one_or_none()
    return None if row is None else HeldLink(row[0], (row[1], row[2]), *row[3:])


async def links_of(connection: AsyncConnection, number: str) -> list[CustomerLink]:
    """All links of a customer, those that join it and those that are held."""
    rows = await connection.execute(_LINKS, {"number": number})
    return [CustomerLink((a, b), reason, kind) for a, b, reason, kind in rows]


async def evidence_of(
    connection: AsyncConnection, links: Collection[Pair]
) -> dict[Pair, list[Witnessed]]:
    """Who said so, first to last."""
    found: dict[Pair, list[Witnessed]] = {link: [] for link in links}
    for a, b, *witnessed in await connection.execute(_EVIDENCE, _pairs(links)):
        found[a, b].append(Witnessed(*witnessed))
    return found


async def verdicts_on(
    connection: AsyncConnection, links: Collection[Pair]
) -> dict[Pair, list[Decided]]:
    """What people decided, first to last: the last holds."""
    found: dict[Pair, list[Decided]] = {link: [] for link in links}
    for a, b, *decided in await connection.execute(_VERDICTS, _pairs(links)):
        found[a, b].append(Decided(*decided))
    return found


async def side_of(connection: AsyncConnection, ref: Ref) -> tuple[str, list[Member]]:
    """The customer who has an identity, and all of its identities."""
    rows = (await connection.execute(_SIDE, {"ref": ref})).all()
    return rows[0][0], [Member(*member) for _, *member in rows]


def _pairs(links: Collection[Pair]) -> dict[str, list[str]]:
    return {"a_refs": [a for a, _ in links], "b_refs": [b for _, b in links]}
