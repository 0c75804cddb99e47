"""What is counted of a month, of all customers at once, from facts as they are known now.

A scan: it is asked by people, and once an hour for the gauges, never by a decision.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_scoring.kpis.model import Answers, Totals
from careline_scoring.store.days import ORDINAL

_TOTALS = text(f"""
    WITH rates AS (
        SELECT * FROM unnest(CAST(:currencies AS text[]), CAST(:rates AS bigint[]))
            AS of_money (currency, rate)
    ), standing AS (
        SELECT number,
            (array_agg(to_tier ORDER BY version DESC) FILTER (WHERE as_of < :begins_at))[1] AS was,
            (array_agg(to_tier ORDER BY version DESC))[1] AS now
        FROM tier_moves WHERE as_of < :ends_at GROUP BY number
    ), said AS (
        SELECT m.customer, {ORDINAL} AS day, b.times, b.product,
            b.kind = ANY(CAST(:contact AS text[])) AS is_contact,
            b.kind = ANY(CAST(:complaint AS text[])) AS is_complaint,
            b.kind = ANY(CAST(:purchase AS text[])) AS is_purchase,
            CASE WHEN b.kind = ANY(CAST(:purchase AS text[])) THEN b.amount_minor
                WHEN b.kind = ANY(CAST(:refund AS text[])) THEN - b.amount_minor END
                * CAST(r.rate AS numeric) AS worth
        FROM members m JOIN buckets b USING (identity) LEFT JOIN rates r USING (currency)
        WHERE {ORDINAL} < :ends
    ), each AS (
        SELECT customer,
            coalesce(bool_or(is_contact AND day >= :begins - CAST(:silent_days AS int)
                AND day < :begins), false) AS was_in_contact,
            coalesce(bool_or(is_contact AND day >= :ends - CAST(:silent_days AS int)), false)
                AS is_in_contact,
            coalesce(sum(times) FILTER (WHERE is_contact AND day >= :begins), 0) AS contacts,
            coalesce(sum(times) FILTER (WHERE is_complaint AND day >= :begins), 0) AS complaints,
            coalesce(bool_or(is_purchase AND day >= :begins), false) AS bought,
            bool_or(is_purchase) AS ever_bought,
            coalesce(sum(worth) FILTER (WHERE day >= :begins), 0) AS spend_of_month,
            coalesce(sum(worth), 0) AS spend
        FROM said GROUP BY customer
    ), ranked AS (
        SELECT customer,
            row_number() OVER (ORDER BY spend_of_month DESC, customer) AS place,
            count(*) OVER () AS buyers
        FROM each WHERE bought
    ), products AS (
        SELECT customer, bool_or(first_day < :begins) AS had_before,
            bool_or(first_day >= :begins) AS has_new, bool_or(last_day >= :begins) AS bought
        FROM (
            SELECT customer, product, min(day) AS first_day, max(day) AS last_day
            FROM said WHERE is_purchase AND product <> '' GROUP BY customer, product
        ) AS one GROUP BY customer
    ), whole AS (
        SELECT each.*, was, now, 10 * (place - 1) < buyers AS is_top, had_before, has_new,
            products.bought AS bought_product
        FROM each LEFT JOIN standing ON number = customer
            LEFT JOIN ranked USING (customer) LEFT JOIN products USING (customer)
    )
    SELECT count(*), count(now),
        count(*) FILTER (WHERE is_top),
        count(*) FILTER (WHERE is_top AND now IN ('core', 'potential')),
        count(*) FILTER (WHERE was = 'core'),
        count(*) FILTER (WHERE was = 'core' AND now = 'core'),
        count(*) FILTER (WHERE was = 'core' AND bought),
        count(*) FILTER (WHERE was_in_contact),
        count(*) FILTER (WHERE was_in_contact AND NOT is_in_contact),
        coalesce(sum(contacts), 0), coalesce(sum(complaints), 0),
        count(*) FILTER (WHERE had_before AND bought_product),
        count(*) FILTER (WHERE had_before AND has_new),
        count(*) FILTER (WHERE ever_bought),
        coalesce(sum(spend), 0)
    FROM whole
""")  # noqa: S608 (a constant)
_ANSWERS = text(f"""
    SELECT split_part(split_part(kind, '/', 2), '-', 1), CAST(split_part(kind, '-', 2) AS int),
        CAST(sum(times) AS bigint)
    FROM buckets
    WHERE kind LIKE 'survey.answered/%' AND {ORDINAL} >= :begins AND {ORDINAL} < :ends
    GROUP BY kind ORDER BY kind
""")  # noqa: S608 (a constant)


class Month(NamedTuple):
    """The days from `begins` until before `ends`, as ordinals, and the instants they begin at."""

    begins: int
    ends: int
    begins_at: datetime
    ends_at: datetime


class Counted(NamedTuple):
    """What counts as what: kinds of fact by evidence, rates in ten-thousandths by currency."""

    contact: Sequence[str]
    complaint: Sequence[str]
    purchase: Sequence[str]
    refund: Sequence[str]
    rates: dict[str, int]
    silent_days: int


async def totals(connection: AsyncConnection, month: Month, counted: Counted) -> Totals:
    """Everybody in a month."""
    asked = {
        **month._asdict(),
        **counted._asdict(),
        "currencies": list(counted.rates),
        "rates": list(counted.rates.values()),
    }
    return Totals._make((await connection.execute(_TOTALS, asked)).one())


async def answers(connection: AsyncConnection, month: Month) -> Answers:
    """What was answered to surveys in a month."""
    found: Answers = {"nps": {}, "csat": {}}
    between = {"begins": month.begins, "ends": month.ends}
    for survey, score, times in await connection.execute(_ANSWERS, between):
        found[survey][score] = times
    return found
