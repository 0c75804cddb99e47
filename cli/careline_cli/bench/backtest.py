"""How long a back-test takes: customers and facts are made up by PostgreSQL, where they lie."""

import asyncio
import time
from datetime import date
from importlib.resources import files

import asyncpg

from careline_cli.bench.measure import empty
from careline_localstack import LocalStack
from careline_runtime.setup import migrate
from careline_scoring.backtest import Question, run

FACTS_A_CUSTOMER = 8
DAYS = 30
LAST_DAY = date(2026, 7, 1)

_SEED = (
    # every fiftieth needs special care
    """
    INSERT INTO customers (number, as_of, points, value, need, risk, tier, record)
    SELECT 'C-' || lpad(n::text, 9, '0'), '2026-07-01', '{0}', 'normal', 'none', 'low', 'edge',
        CASE WHEN n % 50 = 0 THEN '{"care": ["elderly"]}'::jsonb ELSE '{}' END
    FROM generate_series(1, $1) AS n
    """,
    """
    INSERT INTO members
    SELECT 'phone:' || n, 'C-' || lpad(n::text, 9, '0') FROM generate_series(1, $1) AS n
    """,
    # over a year and a half; hashes in place of random numbers, so that every run has the same
    f"""
    INSERT INTO buckets (identity, day, kind, currency, channel, product, hour, times, amount_minor)
    SELECT 'phone:' || n, DATE '2026-07-01' - (hashint4(n * 31 + k) & 511),
        (ARRAY['purchase.completed', 'purchase.completed', 'order.placed', 'enquiry.made',
            'complaint.raised', 'store.visited', 'app-session.started', 'sms.delivered',
            'payment.received/punctual'])[1 + (hashint4(n * 7 + k) & 65535) % 9],
        'CNY', (ARRAY['store', 'app', 'phone'])[1 + (hashint4(n * 3 + k) & 65535) % 3],
        (ARRAY['phone', 'insurance', ''])[1 + (hashint4(n * 5 + k) & 65535) % 3],
        8 + (hashint4(n * 11 + k) & 65535) % 14, 1, hashint4(n + k * 13) & 2097151
    FROM generate_series(1, $1) AS n, generate_series(1, {FACTS_A_CUSTOMER}) AS k
    ON CONFLICT DO NOTHING
    """,  # noqa: S608 (a constant)
)


async def backtest_seconds(stack: LocalStack, customers: int) -> float:
    """Of the shipped policy against one that changes a line of the tiers, over a month."""
    url = stack.endpoints.databases["scoring"]
    await empty(stack, "scoring")
    await seed(url, customers)
    live = files("careline_scoring").joinpath("policy.yaml").read_text("utf-8")
    candidate = live.replace("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 1_000_000")
    last_day = LAST_DAY.toordinal()
    began = time.perf_counter()
    found = await asyncio.to_thread(run, url, Question(live, candidate, last_day - DAYS, last_day))
    seconds = time.perf_counter() - began
    assert found.customers == customers and 0 < found.moved < customers, "everybody was compared"
    return seconds


async def seed(url: str, customers: int) -> None:
    """Migrates the empty database, and makes the customers up with their facts."""
    await asyncio.to_thread(migrate, "scoring", url)
    connection = await asyncpg.connect(url)
    for statement in _SEED:
        await connection.execute(statement, customers, timeout=1_800)
    await connection.execute("ANALYZE")
    await connection.close()
