"""What comes on other topics than activities waits until scoring's clock has passed its instant.

An activity is decided about when it is heard: that is its place among a customer's events. Tickets,
answers to outreach and records come on topics of their own. Of one of these and an activity of the
same hour either may be heard first, so hearing gives it no place; its instant does
(docs/decisions/0028).
"""

from collections.abc import Callable, Collection, Mapping, Sequence

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import CustomerState
from careline_contracts.events.ticketing import TicketState
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_runtime.batch import Heard
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_scoring.book import News, NewsKind
from careline_scoring.facts import of_answer, of_ticket
from careline_scoring.model import Fact, Tags
from careline_scoring.rules.evidence import Calendar
from careline_scoring.store.news import Passed, add_news, next_news, passed_news, who_have_told
from careline_scoring.tags import of_record

NEWS = "news"
"""The timer of an identity under which something is kept that waits: it counts now."""


async def keep(unit: Unit, heard: Sequence[Heard], calendar: Calendar) -> None:
    """Keeps what is told, and that somebody who told something no longer does."""
    news = [
        one
        for item in heard
        if (read := _READ.get(type(item.payload))) and (one := read(item, calendar))
    ]
    telling = {one.subject for one in news if one.tells}
    if silent := {one.subject for one in news} - telling:
        telling |= await who_have_told(unit.connection, silent)
    if told := [one for one in news if one.subject in telling]:
        await add_news(unit.connection, told)
    for one in told:
        unit.wake(NEWS, one.identity, one.at)


async def passed(unit: Unit, due: Sequence[Due], numbers: Collection[str]) -> list[Passed]:
    """What counts now: of the customers with these `numbers`, and of those of whom it is `due`.

    All of it for each of them, so that the order doesn't depend on which timer came first.
    """
    assert unit.passed is not None
    identities = {timer.key for timer in due if timer.kind == NEWS}
    if identities:
        for identity, at in await next_news(unit.connection, identities, after=unit.passed):
            unit.wake(NEWS, identity, at)
    return await passed_news(
        unit.connection, identities=identities, numbers=numbers, until=unit.passed
    )


def _of_ticket(item: Heard, calendar: Calendar) -> News | None:
    ticket, envelope = item.payload, item.envelope
    assert isinstance(ticket, TicketState)
    if ticket.identity is None:
        return None
    facts = of_ticket(ticket, calendar.day_of)
    whose = (ticket.identity, ticket.customer)
    return _news(envelope, "ticket", ticket.ticket, ticket.version, *whose, facts=facts)


def _of_answer(item: Heard, calendar: Calendar) -> News | None:
    answer, envelope = item.payload, item.envelope
    assert isinstance(answer, OutreachAnswered)
    facts = (of_answer(envelope, answer, calendar),)
    # a channel names the customer by number: an identity like any other, it follows merges
    whose = (answer.customer, answer.customer)
    return _news(envelope, "answer", envelope.event_key, 1, *whose, facts=facts)


def _of_record(item: Heard, calendar: Calendar) -> News | None:
    state = item.payload
    assert isinstance(state, CustomerState)
    if state.merged_into is not None:
        return None
    record = of_record(state.attributes)
    whose = (state.customer, state.customer)
    return _news(item.envelope, "record", state.customer, state.version, *whose, record=record)


def _news(
    envelope: Envelope,
    kind: NewsKind,
    name: str,
    version: int,
    identity: str,
    customer: str,
    *,
    facts: tuple[Fact, ...] = (),
    record: Tags = (),
) -> News:
    return News(
        envelope.known_at,
        kind,
        name,
        version,
        identity,
        customer,
        facts,
        record,
        envelope.id,
        envelope.traceparent,
    )


_READ: Mapping[type, Callable[[Heard, Calendar], News | None]] = {
    TicketState: _of_ticket,
    OutreachAnswered: _of_answer,
    CustomerState: _of_record,
}
"""By the payload's own type: asked of each activity, too, where `isinstance` takes a while."""
