"""What a check counts, each with one statement over all records, and the checks that are kept."""

from datetime import date, datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile.quality.model import Check, Share
from careline_profile.quality.rules import Agreed, Counts, Duplicate, Told
from careline_profile.record.model import CONSENTS, CONTRACTS
from careline_profile.record.rules.fold import FieldRules

# Staff are one source together: how well each of them types is not measured here.
_TOLD = text("""
    SELECT field, CASE WHEN source LIKE 'staff:%' THEN 'staff' ELSE source END AS by,
        count(*), count(*) FILTER (WHERE flaw IS NULL)
    FROM facts WHERE known_at <= :at AND field <> ALL(CAST(:others AS text[]))
    GROUP BY 1, 2
""")
_CUSTOMERS = text("""
    SELECT count(*) FROM customers WHERE merged_into IS NULL AND created_at <= :at
""")
# what holds is what the record says: the order of record/rules/fold.py
_HOLDING = """
    WITH declared AS (
        SELECT * FROM unnest(CAST(:declared AS text[]), CAST(:merges AS text[])) AS d (field, merge)
    ), told AS (
        SELECT coalesce(c.merged_into, c.number) AS customer, f.field, f.item, f.source, f.value,
            coalesce(f.token::text, f.value) AS same, f.verified_by IS NOT NULL AS is_verified,
            f.occurred_at, f.event_key, d.merge, f.source LIKE 'staff:%' AS is_by_staff,
            CASE WHEN d.merge = 'most_trusted' THEN
                CASE WHEN f.verified_by IS NULL THEN 0 ELSE cardinality(trusted) + 1 END
                + coalesce((
                    SELECT max(cardinality(trusted) + 1 - place)
                    FROM unnest(trusted) WITH ORDINALITY AS t (beginning, place)
                    WHERE starts_with(f.source, beginning)), 0)
            ELSE 0 END AS trust
        FROM facts f CROSS JOIN (SELECT CAST(:trusted AS text[]) AS trusted) AS trusting
            JOIN declared d USING (field) JOIN identities i USING (ref)
            JOIN customers c ON c.number = i.customer
        WHERE f.flaw IS NULL AND f.known_at <= :at
    ), holding AS (
        SELECT DISTINCT ON (customer, field, item) customer, field, value, occurred_at
        FROM told ORDER BY customer, field, item, trust DESC,
            merge = 'earliest' AND is_by_staff DESC,
            extract(epoch FROM occurred_at)
                * CASE WHEN merge = 'earliest' AND NOT is_by_staff THEN -1 ELSE 1 END DESC,
            event_key DESC
    )
"""
_HAVING = text(
    _HOLDING  # noqa: S608 - a part of this file
    + """
    , party AS (SELECT customer, value FROM holding WHERE field = 'party' AND value <> '')
    SELECT h.field, coalesce(p.value, ''), count(DISTINCT h.customer)
    FROM holding h LEFT JOIN party p USING (customer)
    WHERE h.value <> '' GROUP BY 1, 2
"""
)
_FRESH = text(
    _HOLDING  # noqa: S608 - a part of this file
    + """
    SELECT h.field, count(*),
        count(*) FILTER (
            WHERE h.occurred_at > CAST(:at AS timestamptz) - make_interval(days => f.days))
    FROM holding h JOIN unnest(CAST(:aging AS text[]), CAST(:days AS int[])) AS f (field, days)
        USING (field)
    WHERE h.value <> '' GROUP BY 1
"""
)
_AGREED = text(
    _HOLDING  # noqa: S608 - a part of this file
    + """
    , verified AS (
        SELECT DISTINCT ON (customer, field) customer, field, same FROM told
        WHERE is_verified AND value <> '' AND merge <> 'collect'
        ORDER BY customer, field, occurred_at DESC, event_key DESC
    ), unchecked AS (
        SELECT DISTINCT ON (customer, field, by) customer, field, same,
            CASE WHEN source LIKE 'staff:%' THEN 'staff' ELSE source END AS by
        FROM told WHERE NOT is_verified AND value <> ''
        ORDER BY customer, field, by, occurred_at DESC, event_key DESC
    )
    SELECT u.field, u.by, count(*), count(*) FILTER (WHERE u.same = v.same)
    FROM unchecked u JOIN verified v USING (customer, field) GROUP BY 1, 2
"""
)
_OPEN = """
    FROM duplicates d
    JOIN customers a ON a.number = d.a AND a.merged_into IS NULL
    JOIN customers b ON b.number = d.b AND b.merged_into IS NULL
    WHERE d.dismissed_at IS NULL
"""
_OPEN_DUPLICATES = text(
    "SELECT d.a, d.b, d.similarity, d.kind, d.found_at"
    + _OPEN
    + "ORDER BY d.similarity DESC, d.a, d.b LIMIT :limit"
)
_OPEN_PAIRS = text("SELECT count(*)" + _OPEN)
_IN_DUPLICATES = text(
    "SELECT count(DISTINCT one) FROM (SELECT unnest(ARRAY[d.a, d.b]) AS one"  # noqa: S608 - as above
    + _OPEN
    + ") AS proposed"
)
_KEPT = text("""
    SELECT figures FROM quality_checks WHERE week >= :since AND week < :until ORDER BY week
""")
_LATEST_WEEK = text("SELECT max(week) FROM quality_checks")
_TAKE_TIME = text("SET LOCAL statement_timeout = '10min'")


async def take_time(connection: AsyncConnection) -> None:
    """Statements over all records may run longer than those that something waits for."""
    await connection.execute(_TAKE_TIME)


async def count(connection: AsyncConnection, rules: FieldRules, *, at: datetime) -> Counts:
    """Counts all records as they were known at an instant."""
    fields = rules.declared
    holding = {
        "at": at,
        "declared": list(fields),
        "merges": [field.merge for field in fields.values()],
        "trusted": list(rules.trusted_sources),
    }
    having = {
        (field, party): number
        for field, party, number in await connection.execute(_HAVING, holding)
    }
    can_age = {name: field.fresh_days for name, field in fields.items() if field.fresh_days}
    aging = {"aging": list(can_age), "days": list(can_age.values())}
    fresh = await connection.execute(_FRESH, {**holding, **aging})
    agreed = await connection.execute(_AGREED, holding)
    told = await connection.execute(_TOLD, {"at": at, "others": [CONSENTS, CONTRACTS]})
    return Counts(
        at=at,
        customers=(await connection.execute(_CUSTOMERS, {"at": at})).scalar_one(),
        parties={p: number for (field, p), number in having.items() if field == "party"},
        having=having,
        fresh={name: Share(good=good, of=of) for name, of, good in fresh},
        told=[Told(*row) for row in told],
        agreed=[Agreed(*row) for row in agreed],
        in_duplicates=(await connection.execute(_IN_DUPLICATES)).scalar_one(),
    )


async def checks(connection: AsyncConnection, *, since: date, until: date) -> list[Check]:
    """The checks of the weeks that begin in this time, oldest first; `until` is exclusive."""
    rows = await connection.execute(_KEPT, {"since": since, "until": until})
    return [Check.model_validate_json(figures) for figures in rows.scalars()]


async def latest_week(connection: AsyncConnection) -> date | None:
    """The Monday of the last week that has a check."""
    week: date | None = (await connection.execute(_LATEST_WEEK)).scalar_one()
    return week


async def open_duplicates(
    connection: AsyncConnection, *, limit: int
) -> list[tuple[Duplicate, datetime]]:
    """The pairs on the list who are two customers still, most alike first."""
    rows = await connection.execute(_OPEN_DUPLICATES, {"limit": limit})
    return [(Duplicate(*pair), found_at) for *pair, found_at in rows]


async def open_pairs(connection: AsyncConnection) -> int:
    """How many pairs are on the list."""
    pairs: int = (await connection.execute(_OPEN_PAIRS)).scalar_one()
    return pairs
