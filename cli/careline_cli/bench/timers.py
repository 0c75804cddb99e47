"""What time costs scoring: customers about whom much changes at one midnight.

They are made up where they lie, each as the decision about a visit and a purchase leaves it, so
that a quarter later need, risk and points change at once. Few and many are measured alike, for the
cost is to follow what is due and not how many customers there are; and others come by meanwhile.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from itertools import cycle, islice
from typing import Any, NamedTuple

import asyncpg

from careline_cli.bench.alone import Alone
from careline_cli.bench.measure import empty
from careline_cli.replay import Pipeline
from careline_contracts.envelope import Envelope, Record, to_headers
from careline_contracts.events.operations import PolicyPublished
from careline_contracts.events.profile import Activity
from careline_contracts.topics import ACTIVITIES, POLICIES
from careline_localstack import LocalStack, ServiceOptions
from careline_runtime.policy import parse_policy
from careline_runtime.setup import migrate
from careline_scoring.model import Fact
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.tags import write_tags

LIVE_A_SECOND = 2_000
DAY = date(2026, 7, 1).toordinal()
"""On it the first are due, on the next one the many, and a month later the rest."""

_FACTS = (
    Fact(0, "app-session.started", "", 1, 0, "app"),
    Fact(0, "purchase.completed", "CNY", 1, 50_000, "store"),
)
_POLICY = files("careline_scoring").joinpath("policy.yaml").read_text("utf-8")

_CUSTOMERS = """
    INSERT INTO customers (number, version, revision, as_of, points, value, need, risk, tier, tags,
        next_change_at, policy_version)
    SELECT 'C-' || lpad(n::text, 9, '0'), 1, 1, $3, $4, $5, $6, $7, $8, CAST($9::text AS jsonb),
        $10, $11
    FROM generate_series($1::int, $2::int) AS n
"""
_MEMBERS = """
    INSERT INTO members
    SELECT 'phone:' || n, 'C-' || lpad(n::text, 9, '0') FROM generate_series($1::int, $2::int) AS n
"""
_BUCKETS = """
    INSERT INTO buckets (identity, day, kind, channel, currency, times, amount_minor)
    SELECT 'phone:' || n, $3, $4, $5, $6, 1, $7 FROM generate_series($1::int, $2::int) AS n
"""
_TIMERS = """
    INSERT INTO timers (kind, key, due_at)
    SELECT 'rescore', 'C-' || lpad(n::text, 9, '0'), $3 FROM generate_series($1::int, $2::int) AS n
"""


@dataclass(frozen=True)
class Crowd:
    """How many customers wait, few and many; how many are due on a day among either, and then."""

    few: int = 10_000
    many: int = 1_000_000
    due_alike: int = 5_000
    due: int = 100_000
    live_seconds: int = 8
    visits: int = 20_000
    visitors: int = 5_000
    """So many of either come by so often in all: a stage by itself, among many and among few."""


class Cost(NamedTuple):
    """How long something took, and the CPU time that scoring and PostgreSQL spent meanwhile."""

    seconds: float
    cpu_seconds: float


async def measure_timers(stack: LocalStack, crowd: Crowd) -> dict[str, Any]:
    """The same timers among many customers and among few; traffic with and without timers."""
    async with _Scoring(stack, crowd, crowd.many, due=crowd.due, day=DAY) as many:
        of_many = await many.fire(DAY)
        visits_of_many = await many.visits(crowd.visitors)
        visits_of_strangers = await many.visits(crowd.visits)
        undisturbed = await many.live()
        fired, disturbed = await asyncio.gather(many.fire(DAY + 1), many.live())
    # later, for a replayed clock never goes back; last, for a policy stays on its topic
    async with _Scoring(stack, crowd, crowd.few, due=0, day=DAY + 2) as few:
        of_few = await few.fire(DAY + 2)
        visits_of_few = await few.visits(crowd.visitors)
        quiet = await few.live()
        policy, under_policy = await asyncio.gather(few.publish_policy(), few.live())
    return {
        "customers": crowd.many,
        "due": crowd.due,
        "fired_per_second": round(crowd.due / fired.seconds),
        "timer_cpu_us": round(1e6 * of_many.cpu_seconds / crowd.due_alike),
        "cost_of_size": round(of_many.cpu_seconds / of_few.cpu_seconds, 2),
        "event_cpu_us": round(1e6 * visits_of_many.cpu_seconds / crowd.visits),
        "event_cost_of_size": round(visits_of_many.cpu_seconds / visits_of_few.cpu_seconds, 2),
        "event_cpu_us_of_strangers": round(1e6 * visits_of_strangers.cpu_seconds / crowd.visits),
        "live_slowed_by": round(disturbed / undisturbed - 1, 2),
        "rescored_per_second": round(crowd.few / policy.seconds),
        "live_slowed_by_a_policy": round(under_policy / quiet - 1, 2),
    }


class _Scoring:
    """Scoring alone, with customers who wait for their days under a replayed clock."""

    def __init__(
        self, stack: LocalStack, crowd: Crowd, customers: int, *, due: int, day: int
    ) -> None:
        self._stack, self._alone = stack, Alone(stack, "scoring")
        self._crowd, self._customers, self._day = crowd, customers, day
        self._awaited = crowd.due_alike + due
        """The numbers up to here are due on `day` or the next."""
        loaded = parse_policy(ScoringPolicy, _POLICY, path="policy.yaml")
        self._rulebook = Rulebook(loaded.policy, version=loaded.version)
        self._pipeline = Pipeline(stack.endpoints, services=["scoring"])
        self._said = 0

    async def __aenter__(self) -> "_Scoring":
        await empty(self._stack, "scoring")
        url = self._stack.endpoints.databases["scoring"]
        await asyncio.to_thread(migrate, "scoring", url)
        connection = await asyncpg.connect(url)
        alike = self._crowd.due_alike
        await self._seed(connection, 1, alike, self._day)
        await self._seed(connection, alike + 1, self._awaited, self._day + 1)
        await self._seed(connection, self._awaited + 1, self._customers, self._day + 30)
        # else the database tidies up by itself while the first timers fire
        await connection.execute("VACUUM (ANALYZE)", timeout=600)
        await connection.close()
        options = ServiceOptions(clock="replay")
        await asyncio.to_thread(self._stack.start_services, options, names=["scoring"])
        await self._pipeline.__aenter__()
        self._clock = self._midnight(self._day) - timedelta(hours=1)
        await self._pipeline.tick(self._clock)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._pipeline.__aexit__(None, None, None)
        await asyncio.to_thread(self._stack.services["scoring"].stop)

    async def fire(self, day: int) -> Cost:
        """The day begins: until everything that is due by then has been said."""
        self._clock = self._midnight(day)
        return await self._ticked()

    async def publish_policy(self) -> Cost:
        """Another policy takes effect, and everybody is decided about again."""
        self._clock += timedelta(hours=1)
        text = _POLICY.replace("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 1_000_000")
        version = parse_policy(ScoringPolicy, text, path="policy.yaml").version
        published = PolicyPublished(
            service="scoring", version=version, effective_at=self._clock, text=text
        )
        envelope = self._envelope(PolicyPublished.type, published.key)
        record = Record(POLICIES.name, published.key, to_headers(envelope), published.to_json())
        await self._pipeline.publish([record])
        await self._pipeline.drain()
        return await self._ticked()

    async def visits(self, visitors: int) -> Cost:
        """So many people of those who are not due, from all over the database, come by in turn."""
        not_due = self._customers - self._awaited
        apart = max(1, not_due // visitors)
        places = [self._customers - n * apart for n in range(min(visitors, not_due))]
        visits = [self._activity(place) for place in islice(cycle(places), self._crowd.visits)]
        used, began = self._alone.cpu_seconds(), time.perf_counter()
        await self._pipeline.publish(visits)
        await self._pipeline.drain()
        return Cost(time.perf_counter() - began, self._alone.cpu_seconds() - used)

    async def live(self) -> float:
        """How long a steady traffic of others takes, from the first event until all are handled."""
        began = time.perf_counter()
        for step in range(self._crowd.live_seconds * 10):
            await self._pipeline.publish([self._passer_by() for _ in range(LIVE_A_SECOND // 10)])
            await asyncio.sleep(max(0.0, began + (step + 1) / 10 - time.perf_counter()))
        while True:
            lags = await self._pipeline.lags(await self._pipeline.statuses())
            if not any(lags.values()):
                return time.perf_counter() - began
            await asyncio.sleep(0.02)

    async def _ticked(self) -> Cost:
        used, began = self._alone.cpu_seconds(), time.perf_counter()
        await self._pipeline.tick(self._clock)
        return Cost(time.perf_counter() - began, self._alone.cpu_seconds() - used)

    def _passer_by(self) -> Record:
        """A visit of the next one who is not due."""
        return self._activity(self._customers - self._said % (self._customers - self._awaited))

    def _activity(self, place: int) -> Record:
        self._said += 1
        number = f"C-{place:09}"
        envelope = self._envelope("careline.app-session.started.v1", number)
        activity = Activity(customer=number, identity=f"phone:{place}", channel="app", body={})
        return Record(ACTIVITIES.name, number, to_headers(envelope), activity.to_json())

    def _envelope(self, type: str, key: str) -> Envelope:
        id = f"{self._customers}-{self._said}-{key}"
        return Envelope(id, "/careline/bench", type, self._clock, self._clock, key=key)

    def _midnight(self, day: int) -> datetime:
        begins = self._rulebook.calendar.begins(day)
        assert begins is not None
        return begins

    async def _seed(
        self, connection: asyncpg.Connection, first: int, last: int, due_day: int
    ) -> None:
        """Customers as one decision leaves them whose next change is on `due_day`."""
        decide, history = self._rulebook.decide, self._rulebook.evidence.history
        day = due_day - decide(history(_FACTS), 0).change_day
        found = decide(history(fact._replace(day=day) for fact in _FACTS), day)
        assert found.change_day == due_day
        due_at = self._midnight(due_day)
        verdicts = (found.points, found.value, found.need, found.risk, found.tier)
        decided = (*verdicts, write_tags(found.tags), due_at, self._rulebook.version)
        many = {"timeout": 600}
        await connection.execute(_CUSTOMERS, first, last, self._midnight(day), *decided, **many)
        await connection.execute(_MEMBERS, first, last, **many)
        for fact in _FACTS:
            columns = (date.fromordinal(day), fact.kind, fact.channel, fact.currency)
            await connection.execute(_BUCKETS, first, last, *columns, fact.amount_minor, **many)
        await connection.execute(_TIMERS, first, last, due_at, **many)
