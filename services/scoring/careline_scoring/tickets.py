"""What tickets tell waits until scoring's clock has passed its instant, and counts then, in order.

An activity is decided about when it is heard: that is its place among a customer's events. Tickets
come on a topic of their own. Of a broken promise and an activity of the same hour either may be
heard first, so hearing gives a ticket no place; its instant does (docs/decisions/0023).
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime

from careline_contracts.events.ticketing import TicketState
from careline_runtime.batch import Heard
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_scoring.book import News
from careline_scoring.facts import known_at, of_ticket
from careline_scoring.store.told import Passed, have_told, keep_news, next_news, passed_news

TICKET = "ticket"
"""The timer of an identity under which a ticket is kept: something that one told counts now."""


async def keep(unit: Unit, heard: Sequence[Heard], day_of: Callable[[datetime], int]) -> None:
    """Keeps what tickets tell of promises and satisfaction, and that they no longer do."""
    news = [_news(item, day_of) for item in heard if type(item.payload) is TicketState]
    telling = {one.ticket for one in news if one.facts}
    if silent := {one.ticket for one in news} - telling:
        telling |= await have_told(unit.connection, silent)
    if told := [one for one in news if one.ticket in telling and one.identity]:
        await keep_news(unit.connection, told)
    for one in told:
        unit.wake(TICKET, one.identity, one.at)


async def passed(unit: Unit, due: Sequence[Due], numbers: Collection[str]) -> list[Passed]:
    """What counts now: of the customers with these `numbers`, and of those of whom it is `due`.

    All of it for each of them, so that the order doesn't depend on which timer came first.
    """
    assert unit.passed is not None
    identities = {timer.key for timer in due if timer.kind == TICKET}
    if identities:
        for identity, at in await next_news(unit.connection, identities, after=unit.passed):
            unit.wake(TICKET, identity, at)
    return await passed_news(
        unit.connection, identities=identities, numbers=numbers, until=unit.passed
    )


def _news(item: Heard, day_of: Callable[[datetime], int]) -> News:
    ticket, envelope = item.payload, item.envelope
    assert isinstance(ticket, TicketState)
    return News(
        known_at(envelope),
        ticket.ticket,
        ticket.version,
        ticket.identity or "",
        ticket.customer,
        of_ticket(ticket, day_of),
        envelope.id,
        envelope.traceparent,
    )
