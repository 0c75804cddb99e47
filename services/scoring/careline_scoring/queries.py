"""What people may ask of scoring's database: a customer with all facts, who carries what, sums."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.scoring import Need, Risk, Tier, Value
from careline_scoring.model import Fact, Source, Tags
from careline_scoring.store import FACT_COLUMNS, FACTS
from careline_scoring.store.days import ORDINAL
from careline_scoring.store.told import read_facts
from careline_scoring.tags import read_tags

REACH = 20_000
"""How many numbers are looked at for one page of customers."""

# up from an absorbed number to the customer that it has become
_FIND = text("""
    WITH RECURSIVE up (number) AS (
        SELECT CAST(:number AS text) COLLATE "C"
        UNION
        SELECT c.merged_into FROM up JOIN customers c USING (number)
        WHERE c.merged_into IS NOT NULL
    )
    SELECT number, version, as_of, (SELECT sum(p) FROM unnest(points) AS p), policy_version,
        CAST(record AS text)
    FROM up JOIN customers USING (number)
    WHERE merged_into IS NULL AND as_of IS NOT NULL
""")
_FACTS = text(f"""
    SELECT {FACT_COLUMNS} FROM members m JOIN buckets b USING (identity)
    WHERE m.customer = :number
""")  # noqa: S608 (a constant)
_TOLD_BY_TICKETS = text("""
    SELECT event_id, ticket, CAST(facts AS text)
    FROM members JOIN tickets USING (identity) WHERE customer = :number
""")
_ANSWERS = text(f"""
    SELECT event_id, kind, {ORDINAL}
    FROM members JOIN answers USING (identity) WHERE customer = :number
""")  # noqa: S608 (a constant)
_REACH = text("""
    SELECT number FROM customers WHERE number > :after
    ORDER BY number OFFSET :passed LIMIT 1
""")
# all tags at once: a JSON object contains another if each of its lists contains the other's
_CARRYING = text("""
    SELECT number, as_of, (SELECT sum(p) FROM unnest(points) AS p), tier, value, need, risk,
        CAST(tags AS text)
    FROM customers
    WHERE merged_into IS NULL AND tier IS NOT NULL
        AND number > :after AND (CAST(:last AS text) IS NULL OR number <= :last)
        AND (CAST(:tier AS text) IS NULL OR tier = :tier)
        AND (CAST(:value AS text) IS NULL OR value = :value)
        AND (CAST(:need AS text) IS NULL OR need = :need)
        AND (CAST(:risk AS text) IS NULL OR risk = :risk)
        AND tags @> CAST(:tags AS jsonb)
    ORDER BY number LIMIT :limit
""")
_COUNT = text("""
    SELECT tier, value, need, risk, count(*) FROM customers
    WHERE tier IS NOT NULL AND merged_into IS NULL
    GROUP BY tier, value, need, risk
""")


_COUNT_TAGS = text("""
    SELECT tag, carried_value, count(*) FROM customers
    CROSS JOIN LATERAL jsonb_each(tags) AS carried (tag, said)
    CROSS JOIN LATERAL jsonb_array_elements_text(said) AS one (carried_value)
    WHERE merged_into IS NULL
    GROUP BY tag, carried_value ORDER BY tag, carried_value
""")


# who has no tier counts if any fact may be known of them: a number alone is nobody yet
_TIERS = text("""
    SELECT tier, count(*) AS customers FROM customers
    WHERE merged_into IS NULL
        AND (tier IS NOT NULL
            OR EXISTS (SELECT FROM members WHERE customer = number AND identity <> number))
    GROUP BY tier
""")


_STANDINGS = text("""
    WITH standing AS (
        SELECT number,
            (array_agg(to_tier ORDER BY version DESC) FILTER (WHERE as_of < :begins))[1] AS was,
            (array_agg(to_tier ORDER BY version DESC))[1] AS now
        FROM tier_moves WHERE as_of < :ends GROUP BY number
    )
    SELECT was, CASE WHEN merged_into IS NOT NULL AND as_of < :ends THEN 'merged' ELSE now END,
        count(*)
    FROM standing JOIN customers USING (number)
    WHERE merged_into IS NULL OR as_of >= :begins
    GROUP BY 1, 2
""")
# A move back to where the move before had come from, soon after it. In days of the policy, like
# what is held: else a tier that fell when it had been held for all its days would be a flap.
_MOVES = text("""
    WITH moves AS (
        SELECT as_of, from_tier, to_tier, lag(from_tier) OVER each AS came_from,
            CAST(as_of AT TIME ZONE :zone AS date) AS day,
            CAST(lag(as_of) OVER each AT TIME ZONE :zone AS date) AS came_on
        FROM tier_moves WHERE as_of < :ends
        WINDOW each AS (PARTITION BY number ORDER BY version)
    )
    SELECT count(*), count(*) FILTER (WHERE to_tier = came_from AND day < came_on + 30)
    FROM moves WHERE from_tier IS NOT NULL AND as_of >= :begins
""")
_DUE = text("""
    SELECT number, as_of FROM timers JOIN customers ON number = key
    WHERE kind = 'rescore' AND due_at < :until AND merged_into IS NULL AND as_of IS NOT NULL
    ORDER BY due_at, number LIMIT :limit
""")
_COUNT_DUE = text("SELECT count(*) FROM timers WHERE kind = 'rescore' AND due_at < :until")


class Standing(NamedTuple):
    """How many customers were in one tier, none when they are new, and are in another now."""

    was: str | None
    now: str
    customers: int


class Due(NamedTuple):
    """A customer about whom something will change, and as of when was decided last."""

    number: str
    as_of: datetime


class Found(NamedTuple):
    """A customer as last published."""

    number: str
    version: int
    as_of: datetime
    hundredths: int
    """The total."""
    policy_version: str
    record: Tags


class Listed(NamedTuple):
    """A customer among others, as last published."""

    number: str
    as_of: datetime
    hundredths: int
    """The total."""
    tier: Tier
    value: Value
    need: Need
    risk: Risk
    tags: Tags


async def find(
    connection: AsyncConnection, number: str
) -> tuple[Found, list[Fact], list[Source]] | None:
    """The customer with this number, or the one that absorbed it, with all facts.

    With those, which events told what tickets and outreach told.
    """
    # decision and facts of one instant, or they would not match
    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    row = (await connection.execute(_FIND, {"number": number})).one_or_none()
    if row is None:
        return None
    found = Found._make((*row[:5], read_tags(row[5])))
    facts = await connection.execute(_FACTS, {"number": found.number})
    return found, [Fact._make(fact) for fact in facts], await _sources(connection, found.number)


async def _sources(connection: AsyncConnection, number: str) -> list[Source]:
    tickets = await connection.execute(_TOLD_BY_TICKETS, {"number": number})
    answers = await connection.execute(_ANSWERS, {"number": number})
    sources = [
        Source(event, fact.kind, fact.day, ticket)
        for event, ticket, facts in tickets
        for fact in read_facts(facts)
    ]
    sources += [Source(*answer) for answer in answers]
    return sorted(sources, key=lambda source: (-source.day, source.event, source.kind))


async def carrying(
    connection: AsyncConnection,
    verdicts: Mapping[str, str | None],
    tags: Mapping[str, list[str]],
    *,
    after: str,
    limit: int,
) -> tuple[list[Listed], str | None]:
    """Customers after a number with these verdicts and tags, and where the next page begins.

    Absorbed numbers are left out. A page ends when it is full, or after `REACH` numbers: a tenth of
    a second among a million, whatever is asked for. Without an end, what nobody has took seconds;
    an index on the tags would be written with every decision.
    """
    begin = {"after": after, "passed": REACH - 1}
    last: str | None = (await connection.execute(_REACH, begin)).scalar_one_or_none()
    wanted = {**verdicts, "tags": json.dumps(tags), "after": after, "last": last, "limit": limit}
    rows = await connection.execute(_CARRYING, wanted)
    found = [Listed._make((*row[:7], read_tags(row[7]))) for row in rows]
    return found, found[-1].number if len(found) == limit else last


async def count(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many customers are in each tier and carry each tag; absorbed numbers don't count."""
    sums: dict[str, dict[str, int]] = {"tiers": {}, "value": {}, "need": {}, "risk": {}}
    for *verdicts, customers in await connection.execute(_COUNT):
        for counted, verdict in zip(sums.values(), verdicts, strict=True):
            counted[verdict] = counted.get(verdict, 0) + customers
    return sums


async def count_tags(connection: AsyncConnection) -> dict[str, dict[str, int]]:
    """How many customers carry each value of each tag of TAG-4."""
    sums: dict[str, dict[str, int]] = {}
    for tag, value, customers in await connection.execute(_COUNT_TAGS):
        sums.setdefault(tag, {})[value] = customers
    return sums


async def tiers(connection: AsyncConnection) -> dict[Tier | None, int]:
    """How many customers are in each tier; None: of whom something is known, without a tier."""
    return {row.tier: row.customers for row in await connection.execute(_TIERS)}


async def standings(
    connection: AsyncConnection, begins_at: datetime, ends_at: datetime
) -> list[Standing]:
    """In which tiers customers were at one instant and are at a later one."""
    between = {"begins": begins_at, "ends": ends_at}
    return [Standing(*row) for row in await connection.execute(_STANDINGS, between)]


async def moves_and_flaps(
    connection: AsyncConnection, begins_at: datetime, ends_at: datetime, *, zone: str
) -> tuple[int, int]:
    """How often customers changed tier between two instants, and how often back again."""
    between = {"begins": begins_at, "ends": ends_at, "zone": zone}
    moves, flaps = (await connection.execute(_MOVES, between)).one()
    return moves, flaps


async def due(
    connection: AsyncConnection, until: datetime, *, limit: int
) -> tuple[int, list[Due], dict[str, list[Fact]]]:
    """How many customers change before an instant; the first of them, with all their facts."""
    await connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
    in_all: int = (await connection.execute(_COUNT_DUE, {"until": until})).scalar_one()
    rows = await connection.execute(_DUE, {"until": until, "limit": limit})
    first = [Due(*row) for row in rows]
    facts: dict[str, list[Fact]] = {one.number: [] for one in first}
    for number, *fact in await connection.execute(FACTS, {"numbers": list(facts)}):
        facts[number].append(Fact._make(fact))
    return in_all, first, facts
