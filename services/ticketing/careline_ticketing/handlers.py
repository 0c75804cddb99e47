"""What ticketing does with what it hears: open the desk, bring customers forward, say, save."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from functools import partial
from typing import Any, NamedTuple

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.topics import TICKET_CHANGES, TICKETS
from careline_runtime.batch import Heard
from careline_runtime.errors import InvalidMessage
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_ticketing import messages, metrics, store
from careline_ticketing.desk import Decision, Desk
from careline_ticketing.model import FOLLOW_UPS, Fact
from careline_ticketing.policy import InForceAt

BREACH = "breach"
"""Kind of the timers; the key is the ticket's id."""


class News(NamedTuple):
    """A readable activity: the fact that it brings, and about whom."""

    fact: Fact
    identity: str
    number: str


class Handlers:
    """Ticketing under the policies in force."""

    def __init__(self, in_force_at: InForceAt) -> None:
        self._in_force_at = in_force_at

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Reports, answers, resolutions and merges of customers, in the order heard."""
        readable = list(_readable(unit, heard))
        named: dict[str, str] = {}
        numbers: set[str] = set()
        for _, news in readable:
            if isinstance(news, News):
                named.setdefault(news.identity, news.number)
            else:
                numbers.update((news.customer, *news.absorbed))
        desk = Desk(self._in_force_at)
        await store.open_desk(unit.connection, desk, named=named, numbers=numbers)
        for envelope, news in readable:
            recorded_at = envelope.recorded_at.astimezone(UTC)
            if isinstance(news, News):
                decisions = desk.hear(*news, recorded_at=recorded_at)
            else:
                decisions = desk.unite(news.customer, news.absorbed, recorded_at=recorded_at)
            self._say(unit, decisions, cause=envelope)
        await _save(unit, desk)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """The instant has come at which a promise is broken, if nobody kept it."""
        desk = Desk(self._in_force_at)
        tickets = [timer.key for timer in due]
        await store.open_desk_of_tickets(unit.connection, desk, tickets)
        for timer in due:
            self._say(unit, desk.fire(timer.key, timer.due_at))
        await _save(unit, desk)

    def _say(
        self, unit: Unit, decisions: Iterable[Decision], cause: Envelope | None = None
    ) -> None:
        for decision in decisions:
            said, at = decision.said, decision.recorded_at
            # what time alone brought about was not caused by the event that came after it
            why = None if decision.by_time else cause
            for id, change in messages.changes(decision):
                unit.say(
                    TICKET_CHANGES, change, key=said.customer, id=id, recorded_at=at, cause=why
                )
            state = messages.state(said)
            id = f"{state.ticket}-{state.version}-state"
            unit.say(TICKETS, state, key=state.ticket, id=id, recorded_at=at, cause=why)
            unit.after_commit(
                partial(metrics.count, decision, self._in_force_at(decision.as_of).policy)
            )


async def _save(unit: Unit, desk: Desk) -> None:
    await store.save_desk(unit.connection, desk)
    for ticket, due_at in desk.timers().items():
        unit.set_timer(BREACH, ticket, due_at)


def _readable(
    unit: Unit, heard: Sequence[Heard]
) -> Iterator[tuple[Envelope, News | CustomersMerged]]:
    for event in heard:
        if isinstance(event.payload, CustomersMerged):
            yield event.envelope, event.payload
        elif isinstance(event.payload, Activity):
            try:
                yield event.envelope, news(event.envelope, event.payload)
            except InvalidMessage as error:
                unit.refuse(event.record, error.reason, error.detail)


def news(envelope: Envelope, activity: Activity) -> News:
    """What an activity says about a problem; raises `InvalidMessage` without a usable body."""
    type_ = envelope.type.removeprefix("careline.").removesuffix(".v1")
    body = activity.body
    follows_up = type_ in FOLLOW_UPS
    fact = Fact(
        occurred_at=envelope.occurred_at.astimezone(UTC),
        key=envelope.event_key,
        type=type_,
        channel=activity.channel,
        impact=_text(body, "impact"),
        # an enquiry has a subject where a complaint has a category
        category=_text(body, "category") or _text(body, "subject") or "general",
        product=_text(body, "product"),
        reference=_text(body, "reference"),
        agent=_text(body, "agent") if follows_up else None,
        team=_text(body, "team") if follows_up else None,
        detail=_detail(body) if follows_up else None,
    )
    if follows_up and fact.reference is None:
        raise InvalidMessage("invalid_data", "/body/reference: which problem is it about?")
    return News(fact, activity.identity, activity.customer)


def _detail(body: dict[str, Any]) -> str | None:
    """The one word that a follow-up's act needs; each type has one of these at most."""
    if isinstance(score := body.get("score"), int):
        return str(score)
    return _text(body, "waiting_for") or _text(body, "level") or _text(body, "cause")


def _text(body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidMessage("invalid_data", f"/body/{name}: is not text")
    return value or None
