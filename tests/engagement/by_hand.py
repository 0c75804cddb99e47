"""An engagement that is fed by hand: real database, shipped playbooks, events as others say."""

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any, cast

import yaml
from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope
from careline_contracts.events.engagement import AbsenceNoted, FollowUpRecorded
from careline_contracts.events.profile import (
    Activity,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    Move,
)
from careline_contracts.events.scoring import Became, VerdictName, VerdictsChanged
from careline_contracts.events.ticketing import TicketChange
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.payload import Payload
from careline_contracts.topics import (
    ABSENCES,
    ACTIVITIES,
    CUSTOMERS,
    FOLLOW_UPS,
    OUTREACH_RESULTS,
    SCORE_CHANGES,
    TICKET_CHANGES,
    Topic,
)
from careline_engagement.handlers import Handlers
from careline_engagement.model import ALWAYS
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules import Book, Edition
from careline_runtime.lanes import LANES
from careline_runtime.policy import Loaded, load_policy
from careline_runtime.settings import ServiceSettings
from tests.runtime.by_hand import StageInTest, fresh_database

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


def after(hours: float) -> datetime:
    """An instant so many hours after `START`."""
    return START + timedelta(hours=hours)


@cache
def shipped_policy() -> Loaded[EngagementPolicy]:
    """The policy file in the package."""
    return load_policy(EngagementPolicy, package="careline_engagement", settings=ServiceSettings())


def a_book(loaded: Loaded[EngagementPolicy]) -> Book:
    """The book of a policy that was never changed."""
    return Book([Edition(ALWAYS, loaded.policy, loaded.version)])


@cache
def shipped_with(*playbooks: str) -> Loaded[EngagementPolicy]:
    """The shipped policy with some of its playbooks only."""
    loaded = shipped_policy()
    written = yaml.safe_load(loaded.text)
    written["playbooks"] = [p for p in written["playbooks"] if p["playbook"] in playbooks]
    return replace(loaded, policy=EngagementPolicy.model_validate(written))


class Engagement(StageInTest):
    """Engagement's real stage, with builders of what it hears. Hours count from `START`."""

    def __init__(self, engine: AsyncEngine, loaded: Loaded[EngagementPolicy]) -> None:
        book = a_book(loaded)
        self.handlers = Handlers(lambda: book)
        super().__init__(
            engine,
            service="engagement",
            hears=self.handlers.hears,
            handle=self.handlers.handle,
            fire=self.handlers.fire,
            timer_lanes=LANES,
        )
        self.hears = self.handlers.hears
        self._events = 0
        self._decisions: dict[str, int] = {}

    def touchpoint(
        self,
        customer: str,
        hours: float,
        type: str,
        *,
        identity: str | None = None,
        recorded_hours: float | None = None,
        **body: Any,
    ) -> ConsumerRecord:
        """`type` is short, as in policies: `call.completed`."""
        activity = Activity(
            customer=customer,
            identity=identity or f"phone:{customer}",
            channel="app",
            body=body,
        )
        return self._heard(
            ACTIVITIES,
            activity,
            hours,
            type=f"careline.{type}.v1",
            recorded_at=None if recorded_hours is None else after(recorded_hours),
        )

    def merge(
        self, customer: str, *absorbed: str, hours: float, moves: Sequence[Move] = ()
    ) -> ConsumerRecord:
        merged = CustomersMerged(
            customer=customer, version=2, absorbed=absorbed, moves=tuple(moves)
        )
        return self._heard(ACTIVITIES, merged, hours)

    def split(self, *parts: str, hours: float, moves: Sequence[Move]) -> ConsumerRecord:
        """Said under the number of the last part."""
        split = CustomersSplit(customer=parts[-1], version=3, parts=parts, moves=tuple(moves))
        return self._heard(ACTIVITIES, split, hours)

    def answer(self, customer: str, hours: float, result: str, **more: Any) -> ConsumerRecord:
        answered = OutreachAnswered.model_validate(
            {"request": "r", "customer": customer, "result": result, **more}
        )
        return self._heard(OUTREACH_RESULTS, answered, hours)

    def customer(self, number: str, hours: float, **attributes: str) -> ConsumerRecord:
        """What profile says of a customer."""
        state = CustomerState(
            customer=number,
            version=1,
            identities={"phone": 1},
            created_at=after(hours),
            attributes=attributes,
        )
        return self._heard(CUSTOMERS, state, hours)

    def ticket(
        self, change: type[TicketChange], customer: str, hours: float, **more: Any
    ) -> ConsumerRecord:
        """A first change of the customer's only ticket."""
        said = change.model_validate(
            {
                "ticket": f"T-{customer}",
                "customer": customer,
                "version": 1,
                "as_of": after(hours),
                "policy_version": "ticketing-1",
                **more,
            }
        )
        return self._heard(TICKET_CHANGES, said, hours)

    def follow_up(self, customer: str, hours: float, result: str, **more: Any) -> ConsumerRecord:
        noted = {"contact_channel": "phone", "by": "wang.li", "result": result, **more}
        said = FollowUpRecorded.model_validate({"customer": customer, **noted})
        return self._heard(FOLLOW_UPS, said, hours)

    def absence(
        self, owner: str, hours: float, begins: float, ends: float, *, deputy: str
    ) -> ConsumerRecord:
        """Said `hours` after the start; of one owner's absences the same one."""
        said = AbsenceNoted(
            owner=owner,
            absence="leave",
            begins_at=after(begins),
            ends_at=after(ends),
            deputy=deputy,
            by=owner,
        )
        return self._heard(ABSENCES, said, hours)

    def tier(self, customer: str, hours: float, to: str) -> ConsumerRecord:
        return self.decision(customer, hours, tier=to)

    def need(self, customer: str, hours: float, to: str) -> ConsumerRecord:
        return self.decision(customer, hours, need=to)

    def risk(self, customer: str, hours: float, to: str, *reasons: str) -> ConsumerRecord:
        return self.decision(customer, hours, *reasons, risk=to)

    def decision(
        self,
        customer: str,
        hours: float,
        *reasons: str,
        before: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
        **to: str | tuple[str, ...],
    ) -> ConsumerRecord:
        """What one decision of scoring changed, into what, and which tags had values before."""
        version = self._decisions[customer] = self._decisions.get(customer, 0) + 1
        changes = {
            cast(VerdictName, verdict): Became(
                from_=before.get(verdict), to=to[verdict], reasons=reasons
            )
            for verdict in to
        }
        decided = VerdictsChanged(
            customer=customer,
            version=version,
            as_of=after(hours),
            policy_version="scoring-1",
            changes=changes,
        )
        return self._heard(SCORE_CHANGES, decided, hours)

    def again(self, records: Sequence[ConsumerRecord]) -> list[ConsumerRecord]:
        """The same events in new records."""
        return [self.raw(r.topic, headers=r.headers, value=r.value) for r in records]

    def _heard(
        self,
        topic: Topic,
        payload: Payload,
        hours: float,
        *,
        type: str | None = None,
        recorded_at: datetime | None = None,
    ) -> ConsumerRecord:
        self._events += 1
        at = after(hours)
        envelope = Envelope(
            f"e{self._events}", "/test", type or payload.type, at, recorded_at or at
        )
        return self.record(topic.name, envelope, payload)


@contextlib.asynccontextmanager
async def fresh_engagement(admin_url: str, *playbooks: str) -> AsyncIterator[Engagement]:
    """Engagement with some of the shipped playbooks, on a database of its own."""
    async with fresh_database(admin_url, "engagement") as engine:
        yield Engagement(engine, shipped_with(*playbooks))
