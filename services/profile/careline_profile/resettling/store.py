"""How far the policy has been applied, and whom it concerns next."""

from typing import NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.model import Ref
from careline_profile.resettling.rules import UNKNOWN, Concerned, PolicyInWords

# of a new database there is nothing to decide again
_BEGIN = text("""
    INSERT INTO applied_policy (one, policy, cursor)
    VALUES (1, CAST(:policy AS jsonb), '') ON CONFLICT DO NOTHING
""")
_LOCK = text("""
    SELECT CAST(policy AS text), CAST(target AS text), cursor FROM applied_policy FOR UPDATE
""")
_KEEP = text("""
    UPDATE applied_policy SET
        policy = CAST(:policy AS jsonb), target = CAST(:target AS jsonb), cursor = :cursor
""")
_NEXT = text("""
    SELECT ref FROM identities WHERE ref > :after AND (
        ref = ANY(CAST(:refs AS text[]))
        OR :everyone AND EXISTS (SELECT FROM links WHERE identities.ref IN (links.a, links.b))
        OR EXISTS (
            SELECT FROM facts
            WHERE facts.ref = identities.ref AND field = ANY(CAST(:fields AS text[]))))
    ORDER BY ref LIMIT :limit
""")


class Applied(NamedTuple):
    """The policy by which everybody was decided, and where another one has got to."""

    policy: PolicyInWords
    target: PolicyInWords | None
    cursor: Ref

    def left_for(self, policy: PolicyInWords) -> "Applied":
        """Where a policy begins; the one that was underway may not have got to everybody."""
        return Applied(self.policy if self.target is None else UNKNOWN, policy, "")


async def lock_applied(connection: AsyncConnection, policy: PolicyInWords) -> Applied:
    """What was applied; nobody else goes on with it until the unit ends."""
    await connection.execute(_BEGIN, {"policy": orjson.dumps(policy).decode()})
    applied, target, cursor = (await connection.execute(_LOCK)).one()
    return Applied(orjson.loads(applied), orjson.loads(target) if target else None, cursor)


async def next_refs(
    connection: AsyncConnection, whom: Concerned, *, after: Ref, limit: int
) -> list[Ref]:
    """The next identities that are concerned, in order of name."""
    asked = {
        "after": after,
        "refs": sorted(whom.refs),
        "everyone": whom.everyone,
        "fields": sorted(whom.fields),
        "limit": limit,
    }
    return list((await connection.execute(_NEXT, asked)).scalars())


async def keep(connection: AsyncConnection, applied: Applied) -> None:
    """What has been applied, and how far."""
    written = {
        "policy": orjson.dumps(applied.policy).decode(),
        "target": orjson.dumps(applied.target).decode() if applied.target else None,
        "cursor": applied.cursor,
    }
    await connection.execute(_KEEP, written)
