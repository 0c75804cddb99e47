"""What an event that scoring hears states, as facts on their business days, and about whom."""

from collections.abc import Callable, Iterable
from datetime import datetime

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.events.ticketing import TicketBreached, TicketRated, TicketState
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_runtime.batch import Heard
from careline_runtime.errors import InvalidMessage
from careline_scoring.model import Fact, kind_of
from careline_scoring.rules.evidence import Calendar

MOST_MINOR_UNITS = 10**15
"""What the contract allows, so that sums fit a bigint."""


def of_activity(envelope: Envelope, activity: Activity, calendar: Calendar) -> Fact:
    """A touchpoint, with what it says of money, channel, product and hour."""
    body = activity.body
    amount_minor, currency = body.get("amount_minor", 0), body.get("currency", "")
    if not isinstance(amount_minor, int) or not 0 <= amount_minor <= MOST_MINOR_UNITS:
        raise InvalidMessage("invalid_activity", "/body/amount_minor: not an amount")
    if not isinstance(currency, str) or len(currency) > 3:
        raise InvalidMessage("invalid_activity", "/body/currency: not an ISO 4217 code")
    product = body.get("product")
    day, hour = calendar.day_and_hour(envelope.occurred_at)
    return Fact(
        day,
        kind_of(envelope.type, body),
        currency,
        1,
        amount_minor,
        activity.channel,
        product if isinstance(product, str) else "",
        hour,
    )


def of_answer(envelope: Envelope, answer: OutreachAnswered, calendar: Calendar) -> Fact:
    """What became of an outreach."""
    day, hour = calendar.day_and_hour(envelope.occurred_at)
    return Fact(day, kind_of(answer.type, {"result": answer.result}), "", 1, 0, hour=hour)


def of_ticket(state: TicketState, day_of: Callable[[datetime], int]) -> tuple[Fact, ...]:
    """The promises that a ticket shows broken, and how satisfied its customer was.

    One that was found to be another ticket says nothing: the other one says it.
    """
    if state.merged_into is not None or state.identity is None:
        return ()
    broken = [
        (clock.breached_at, kind_of(TicketBreached.type, {"target": clock.target}))
        for clock in state.clocks
        if clock.breached_at is not None
    ]
    rated = [
        (rating.rated_at, kind_of(TicketRated.type, {"score": rating.score}))
        for rating in state.ratings
    ]
    return tuple(Fact(day_of(at), kind, "", 1, 0) for at, kind in (*broken, *rated))


def whom(heard: Iterable[Heard]) -> tuple[set[str], set[str]]:
    """Identities and numbers that events are about, as far as it doesn't wait."""
    identities, numbers = set(), set()
    for item in heard:
        match item.payload:  # the most frequent first: whether it is of a model takes a while
            case Activity(customer=number, identity=identity):
                identities.add(identity)
                numbers.add(number)
            case CustomersMerged() as merge:
                identities.update(move.name for move in merge.moves)
                numbers.update((merge.customer, *merge.absorbed))
            case OutreachAnswered(customer=number):
                identities.add(number)
                numbers.add(number)
    return identities, numbers
