"""Every statement by which engagement decides: one for a batch, never one for an event.

What is added (aliases, facts, warnings) commutes. What is changed is locked first: the customers'
rows, in order of number, for every number that the customer has had.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import rows
from careline_engagement.model import Alias, Case, ChurnWarning, Fact, Family, Outcome
from careline_engagement.sequence import Standing

# the earliest wins: a number is absorbed once, but named again when its survivor is absorbed
_ADD_ALIASES = text("""
    INSERT INTO aliases AS known (absorbed, survivor, since)
    SELECT DISTINCT ON (absorbed) *
    FROM unnest(
        CAST(:absorbed AS text[]), CAST(:survivors AS text[]), CAST(:since AS timestamptz[])
    ) AS heard (absorbed, survivor, since)
    ORDER BY absorbed, since, survivor
    ON CONFLICT (absorbed) DO UPDATE SET survivor = excluded.survivor, since = excluded.since
    WHERE (excluded.since, excluded.survivor) < (known.since, known.survivor)
""")
# what is too old is measured against the customer's latest fact, not the batch's: what is left is
# then the same whatever the batches were
_ADD_FACTS = text("""
    WITH heard AS (
        SELECT * FROM unnest(
            CAST(:numbers AS text[]), CAST(:ats AS timestamptz[]), CAST(:kinds AS text[]),
            CAST(:events AS text[]), CAST(:identities AS text[]), CAST(:details AS text[])
        ) AS heard (number, at, kind, event_id, identity, detail)
    ), kept AS (
        SELECT number, greatest(
            max(at), (SELECT max(at) FROM facts WHERE facts.number = heard.number)
        ) - CAST(:kept AS interval) AS since
        FROM heard GROUP BY number
    ), dropped AS (
        DELETE FROM facts USING kept WHERE facts.number = kept.number AND facts.at < kept.since
    )
    INSERT INTO facts (number, at, kind, event_id, identity, detail)
    SELECT heard.* FROM heard JOIN kept USING (number) WHERE at >= since
    ORDER BY number, at, kind, event_id
    ON CONFLICT DO NOTHING
""")
_ADD_CUSTOMERS = text("""
    INSERT INTO customers (number) SELECT unnest(CAST(:numbers AS text[]))
    ON CONFLICT DO NOTHING
""")
_LOCK_CUSTOMERS = text("""
    SELECT number, version, tier, CAST(early AS text) FROM customers
    WHERE number = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_SAVE_STANDINGS = text("""
    UPDATE customers
    SET version = saved.version, tier = saved.tier, early = CAST(saved.early AS jsonb)
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:tiers AS text[]),
        CAST(:earlies AS text[])
    ) AS saved (number, version, tier, early)
    WHERE customers.number = saved.number
""")
_ADD_WARNINGS = text("""
    INSERT INTO warnings (number, version, at, trigger, tier, reasons, event_id, traceparent)
    SELECT number, version, at, trigger, tier, CAST(reasons AS jsonb), event_id, traceparent
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:ats AS timestamptz[]),
        CAST(:triggers AS text[]), CAST(:tiers AS text[]), CAST(:reasons AS text[]),
        CAST(:events AS text[]), CAST(:traceparents AS text[])
    ) AS heard (number, version, at, trigger, tier, reasons, event_id, traceparent)
    ON CONFLICT DO NOTHING
""")
_DECIDE_WARNINGS = text("""
    UPDATE warnings SET outcome = decided.outcome
    FROM unnest(CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:outcomes AS text[]))
        AS decided (number, version, outcome)
    WHERE warnings.number = decided.number AND warnings.version = decided.version
""")
# up from the numbers to those that absorbed them, down again to all that these absorbed; most
# customers have nothing undecided and end here
_FAMILIES = text("""
    WITH RECURSIVE up (number) AS (
        SELECT DISTINCT unnest(CAST(:numbers AS text[])) COLLATE "C"
        UNION
        SELECT a.survivor FROM up JOIN aliases a ON a.absorbed = up.number
    ), down (root, number) AS (
        SELECT number, number FROM up
        WHERE NOT EXISTS (SELECT FROM aliases a WHERE a.absorbed = up.number)
        UNION
        SELECT down.root, a.absorbed FROM down JOIN aliases a ON a.survivor = down.number
    )
    SELECT root, array_agg(number) FROM down GROUP BY root
    HAVING bool_or(
        EXISTS (SELECT FROM cases c WHERE c.number = down.number AND c.closed_at IS NULL)
        OR EXISTS (SELECT FROM warnings w WHERE w.number = down.number AND w.outcome IS NULL))
""")
_ALIASES = text("""
    SELECT absorbed, survivor, since FROM aliases
    WHERE absorbed = ANY(CAST(:numbers AS text[])) AND survivor = ANY(CAST(:numbers AS text[]))
""")
CASE_COLUMNS = """
    id, number, trigger, tier, CAST(reasons AS text), opened_at, ends_at, CAST(steps AS text),
    policy_version, version, status, closed_at, closed_reason, traceparent
"""
# one statement, because in a small unit a round trip costs more than what it brings. Cases of one
# number follow each other: no more than the last two can be open, or keep others from opening
_KNOWN = text(f"""
    SELECT c.number,
        ARRAY(
            SELECT (at, number, kind, event_id, detail) FROM facts WHERE facts.number = c.number),
        ARRAY(
            SELECT (
                number, version, at, trigger, tier, CAST(reasons AS text), event_id, traceparent)
            FROM warnings w WHERE w.number = c.number AND outcome IS NULL),
        ARRAY(
            SELECT ({CASE_COLUMNS}) FROM cases
            WHERE cases.number = c.number ORDER BY opened_at DESC LIMIT 2)
    FROM unnest(CAST(:numbers AS text[])) AS c (number)
""")  # noqa: S608 (a constant)
_SAVE_CASES = text("""
    INSERT INTO cases (
        id, number, trigger, tier, reasons, opened_at, ends_at, steps, policy_version, version,
        status, closed_at, closed_reason, traceparent, is_breached)
    SELECT id, number, trigger, tier, CAST(reasons AS jsonb), opened_at, ends_at,
        CAST(steps AS jsonb), policy_version, version, status, closed_at, closed_reason,
        traceparent, is_breached
    FROM unnest(
        CAST(:ids AS text[]), CAST(:numbers AS text[]), CAST(:triggers AS text[]),
        CAST(:tiers AS text[]), CAST(:reasons AS text[]), CAST(:opened AS timestamptz[]),
        CAST(:ends AS timestamptz[]), CAST(:steps AS text[]), CAST(:policies AS text[]),
        CAST(:versions AS int[]), CAST(:statuses AS text[]), CAST(:closed AS timestamptz[]),
        CAST(:closed_reasons AS text[]), CAST(:traceparents AS text[]), CAST(:breached AS boolean[])
    ) AS saved (
        id, number, trigger, tier, reasons, opened_at, ends_at, steps, policy_version, version,
        status, closed_at, closed_reason, traceparent, is_breached)
    ON CONFLICT (id) DO UPDATE SET
        steps = excluded.steps, version = excluded.version, status = excluded.status,
        closed_at = excluded.closed_at, closed_reason = excluded.closed_reason,
        is_breached = excluded.is_breached
""")


async def add_aliases(connection: AsyncConnection, aliases: Iterable[Alias]) -> None:
    """Adds that customers were found to be one."""
    listed = list(aliases)
    await connection.execute(
        _ADD_ALIASES,
        {
            "absorbed": [a.absorbed for a in listed],
            "survivors": [a.survivor for a in listed],
            "since": [a.since for a in listed],
        },
    )


async def add_facts(
    connection: AsyncConnection, facts: Mapping[Fact, str], *, kept: timedelta
) -> None:
    """Adds facts, each with the identity it came with, and drops those that are too old to matter.

    In order of key: two instances that add to the same customers wait, and don't deadlock.
    """
    await connection.execute(
        _ADD_FACTS,
        {
            "numbers": [f.number for f in facts],
            "ats": [f.at for f in facts],
            "kinds": [f.kind for f in facts],
            "events": [f.event_id for f in facts],
            "identities": list(facts.values()),
            "details": [f.detail for f in facts],
            "kept": kept,
        },
    )


async def lock_standings(
    connection: AsyncConnection, numbers: Collection[str]
) -> dict[str, Standing]:
    """How far each customer's changes were followed; locked until the unit ends."""
    return {
        number: Standing(number, version, tier, rows.to_early(early))
        for number, version, tier, early in await _lock(connection, numbers)
    }


async def _lock(connection: AsyncConnection, numbers: Collection[str]) -> Sequence[Sequence[Any]]:
    """The customers' rows; they are nearly always there, so they are added only where missing."""
    wanted = {"numbers": sorted(numbers)}
    locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    if len(locked) < len(numbers):
        await connection.execute(_ADD_CUSTOMERS, wanted)
        locked = (await connection.execute(_LOCK_CUSTOMERS, wanted)).all()
    return locked


async def save_standings(connection: AsyncConnection, standings: Sequence[Standing]) -> None:
    """Saves what `lock_standings` gave, as it is now."""
    await connection.execute(
        _SAVE_STANDINGS,
        {
            "numbers": [s.number for s in standings],
            "versions": [s.version for s in standings],
            "tiers": [s.tier for s in standings],
            "earlies": [rows.from_early(s.early) for s in standings],
        },
    )


async def add_warnings(connection: AsyncConnection, warnings: Sequence[ChurnWarning]) -> None:
    """Adds warnings that are not yet decided."""
    await connection.execute(
        _ADD_WARNINGS,
        {
            "numbers": [w.number for w in warnings],
            "versions": [w.version for w in warnings],
            "ats": [w.at for w in warnings],
            "triggers": [w.trigger for w in warnings],
            "tiers": [w.tier for w in warnings],
            "reasons": [rows.from_reasons(w.reasons) for w in warnings],
            "events": [w.event_id for w in warnings],
            "traceparents": [w.traceparent for w in warnings],
        },
    )


async def decide_warnings(
    connection: AsyncConnection, decided: Sequence[tuple[ChurnWarning, Outcome]]
) -> None:
    """Saves what became of warnings."""
    await connection.execute(
        _DECIDE_WARNINGS,
        {
            "numbers": [warning.number for warning, _ in decided],
            "versions": [warning.version for warning, _ in decided],
            "outcomes": [outcome for _, outcome in decided],
        },
    )


async def load_families(connection: AsyncConnection, numbers: Collection[str]) -> list[Family]:
    """The customers with these numbers for whom something is undecided, locked and whole."""
    if not numbers:
        return []
    found = (await connection.execute(_FAMILIES, {"numbers": sorted(numbers)})).all()
    if not found:
        return []
    root_of = {number: root for root, members in found for number in members}
    await _lock(connection, root_of)
    wanted = {"numbers": list(root_of)}
    known: dict[str, Any] = {root: ({}, [], [], []) for root, _ in found}
    if len(root_of) > len(found):
        for row in await connection.execute(_ALIASES, wanted):
            known[root_of[row.absorbed]][0][row.absorbed] = Alias(*row)
    for number, facts, warnings, cases in await connection.execute(_KNOWN, wanted):
        _, all_facts, all_warnings, all_cases = known[root_of[number]]
        all_facts += map(Fact._make, facts)
        all_warnings += map(_to_warning, warnings)
        all_cases += map(to_case, cases)
    return [Family(frozenset(members), *known[root]) for root, members in sorted(found)]


def _to_warning(row: Sequence[Any]) -> ChurnWarning:
    *first, reasons, event_id, traceparent = row
    return ChurnWarning._make((*first, rows.to_reasons(reasons), event_id, traceparent))


def to_case(row: Sequence[Any]) -> Case:
    """The case in a row of `CASE_COLUMNS`."""
    id, number, trigger, tier, reasons, opened_at, ends_at, steps, *rest = row
    return Case(
        id,
        number,
        trigger,
        tier,
        rows.to_reasons(reasons),
        opened_at,
        ends_at,
        rows.to_steps(steps),
        *rest,
    )


async def save_cases(connection: AsyncConnection, cases: Sequence[Case]) -> None:
    """Saves cases as they are now."""
    await connection.execute(
        _SAVE_CASES,
        {
            "ids": [c.id for c in cases],
            "numbers": [c.number for c in cases],
            "triggers": [c.trigger for c in cases],
            "tiers": [c.tier for c in cases],
            "reasons": [rows.from_reasons(c.reasons) for c in cases],
            "opened": [c.opened_at for c in cases],
            "ends": [c.ends_at for c in cases],
            "steps": [rows.from_steps(c.steps) for c in cases],
            "policies": [c.policy_version for c in cases],
            "versions": [c.version for c in cases],
            "statuses": [c.status for c in cases],
            "closed": [c.closed_at for c in cases],
            "closed_reasons": [c.closed_reason for c in cases],
            "traceparents": [c.traceparent for c in cases],
            "breached": [c.is_breached for c in cases],
        },
    )
