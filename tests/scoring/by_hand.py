"""A scoring that is fed by hand: real database, the shipped policy, no Kafka."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope
from careline_contracts.events.operations import PolicyPublished
from careline_contracts.events.profile import (
    Activity,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    Move,
)
from careline_contracts.events.ticketing import Clock, Rating, Target, TicketState
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.payload import Payload
from careline_contracts.topics import (
    ACTIVITIES,
    CUSTOMERS,
    OUTREACH_RESULTS,
    POLICIES,
    TICKETS,
    Topic,
)
from careline_runtime.followed_policy import BEFORE_ALL, Edition, Timeline
from careline_runtime.policy import Loaded, load_policy
from careline_runtime.settings import ServiceSettings
from careline_scoring.handlers import HEARS, Handlers
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from tests.runtime.by_hand import StageInTest, fresh_database

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YEAR = datetime(2024, 1, 1, 12, tzinfo=SHANGHAI)


def shipped_policy() -> Loaded[ScoringPolicy]:
    """The handbooks' policy."""
    return load_policy(ScoringPolicy, package="careline_scoring", settings=ServiceSettings())


def noon(day: int) -> datetime:
    """Noon in Shanghai, so many days after New Year's Day 2024."""
    return NEW_YEAR + timedelta(days=day)


def midnight(day: int) -> datetime:
    """The instant at which that day begins."""
    return noon(day) - timedelta(hours=12)


class Scoring(StageInTest):
    """Activities, merges and policies in, everything that scoring says out."""

    timeline: Timeline[Rulebook]
    """As this instance has heard it; a test may let it hear later, or not at all."""

    def activity(
        self,
        customer: str,
        type: str = "careline.app-session.started.v1",
        *,
        day: int,
        identity: str | None = None,
        recorded_day: int | None = None,
        id: str | None = None,
        **body: object,
    ) -> ConsumerRecord:
        """Something that a customer did at noon, recorded at once unless said otherwise."""
        self._named += 1
        envelope = Envelope(
            id or f"e{self._named}",
            "/careline/profile",
            type,
            occurred_at=noon(day),
            recorded_at=noon(day if recorded_day is None else recorded_day),
            key=customer,
        )
        known_as = identity or f"app_user:{customer}"
        activity = Activity(customer=customer, identity=known_as, channel="app", body=dict(body))
        return self.record(ACTIVITIES.name, envelope, activity)

    def purchase(
        self, customer: str, yuan: int, *, day: int, currency: str = "CNY", **more: object
    ) -> ConsumerRecord:
        """A purchase of so many yuan (or whole units of another currency)."""
        type = "careline.purchase.completed.v1"
        money = {"amount_minor": yuan * 100, "currency": currency}
        return self.activity(customer, type, day=day, **(money | more))  # type: ignore[arg-type]

    def merge(
        self, survivor: str, *absorbed: str, day: int, moves: Sequence[Move] = ()
    ) -> ConsumerRecord:
        """Customers were found to be one."""
        merged = CustomersMerged(
            customer=survivor, version=1, absorbed=absorbed, moves=tuple(moves)
        )
        return self._from_profile(merged, survivor, day=day)

    def split(self, *parts: str, day: int, moves: Sequence[Move]) -> ConsumerRecord:
        """A customer was found to be several; said under the number of the last."""
        split = CustomersSplit(customer=parts[-1], version=1, parts=parts, moves=tuple(moves))
        return self._from_profile(split, parts[-1], day=day)

    def _from_profile(self, payload: Payload, key: str, *, day: int) -> ConsumerRecord:
        return self._said(ACTIVITIES, payload, source="/careline/profile", day=day, key=key)

    def _said(
        self, topic: Topic, payload: Payload, *, source: str, day: int, key: str
    ) -> ConsumerRecord:
        """It is said at noon of that day."""
        self._named += 1
        instant = noon(day)
        envelope = Envelope(
            f"e{self._named}",
            source,
            payload.type,
            occurred_at=instant,
            recorded_at=instant,
            key=key,
        )
        return self.record(topic.name, envelope, payload)

    def answer(self, customer: str, result: str, *, day: int) -> ConsumerRecord:
        """What became of an outreach request, as the channel system says."""
        answer = OutreachAnswered.model_validate(
            {"request": "O-1", "customer": customer, "result": result}
        )
        return self._said(OUTREACH_RESULTS, answer, source="/sms", day=day, key=customer)

    def ticket(
        self,
        customer: str,
        version: int,
        *,
        day: int,
        broken: Mapping[Target, int] | None = None,
        rated: Mapping[int, int] | None = None,
        identity: str | None = None,
        merged_into: str | None = None,
    ) -> ConsumerRecord:
        """The customer's ticket at noon of that day: promises and ratings, each with its day."""
        state = TicketState(
            ticket=f"T-{customer}",
            customer=customer,
            identity=identity or f"app_user:{customer}",
            version=version,
            kind="complaint",
            level="L3",
            status="open" if merged_into is None else "merged",
            merged_into=merged_into,
            opened_at=noon(0),
            clocks=tuple(
                Clock(target=target, started_at=noon(0), due_at=noon(at), breached_at=noon(at))
                for target, at in (broken or {}).items()
            ),
            ratings=tuple(
                Rating(score=score, rated_at=noon(at)) for score, at in (rated or {}).items()
            ),
            touchpoints=1,
            policy_version="1",
        )
        return self._said(
            TICKETS, state, source="/careline/ticketing", day=day, key=f"T-{customer}"
        )

    def state(
        self, customer: str, version: int, *, day: int, **attributes: str | tuple[str, ...]
    ) -> ConsumerRecord:
        """Profile's record of a customer, as it is from noon of that day on."""
        state = CustomerState(
            customer=customer,
            version=version,
            identities={},
            attributes=attributes,
            created_at=noon(0),
        )
        return self._said(CUSTOMERS, state, source="/careline/profile", day=day, key=customer)

    def policy(self, loaded: Loaded[ScoringPolicy], *, day: int) -> ConsumerRecord:
        """A policy from noon of that day on, of which this instance knows."""
        self.timeline = self.timeline.and_also(edition(noon(day), loaded))
        published = PolicyPublished(
            service="scoring", version=loaded.version, effective_at=noon(day), text=loaded.text
        )
        return self._said(
            POLICIES, published, source="/careline/operations", day=day - 1, key=published.key
        )

    _named = 0


def edition(effective_at: datetime, loaded: Loaded[ScoringPolicy]) -> Edition[Rulebook]:
    """The policy as it is in force from an instant on."""
    rulebook = Rulebook(loaded.policy, version=loaded.version)
    return Edition(effective_at, loaded.version, loaded.path, loaded.text, rulebook)


def timeline_of(loaded: Loaded[ScoringPolicy]) -> Timeline[Rulebook]:
    """This policy and no other."""
    return Timeline([edition(BEFORE_ALL, loaded)])


def on(
    engine: AsyncEngine, timeline: Timeline[Rulebook] | None = None, *, most_events: int = 1_000
) -> Scoring:
    """One instance of scoring on this database."""
    handlers = Handlers(lambda: scoring.timeline)
    scoring = Scoring(
        engine,
        service="scoring",
        hears=HEARS,
        handle=handlers.handle,
        fire=handlers.fire,
        most_events=most_events,
    )
    scoring.timeline = timeline or timeline_of(shipped_policy())
    return scoring


@contextlib.asynccontextmanager
async def fresh_scoring(admin_url: str) -> AsyncIterator[Scoring]:
    """Scoring on a database of its own."""
    async with fresh_database(admin_url, "scoring") as engine:
        yield on(engine)
