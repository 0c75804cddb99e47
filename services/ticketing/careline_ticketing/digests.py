"""Tells people of alarms, together, once it is seen who hears of them, and when."""

from collections.abc import Sequence
from itertools import groupby, islice
from operator import attrgetter

from careline_contracts.envelope import to_text
from careline_contracts.events.ticketing import TicketDigestRaised
from careline_contracts.topics import TICKET_DIGESTS
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_ticketing.policy import InForceAt
from careline_ticketing.rules.digests import Notice, addressed
from careline_ticketing.store import agents, customers, notices

DIGEST = "digest"
"""Kind of the timers; the key is the instant."""
MOST_ENTRIES = 1_000
"""Of one digest: 250 kB. On a day when everything breaks, more entries are several digests."""


async def collect(unit: Unit, collected: Sequence[Notice]) -> None:
    """Keeps what people are to hear until it is due."""
    if collected:
        await notices.put_aside(unit.connection, collected)
    for notice in collected:
        # a timer for each instant: none is postponed by a later one
        unit.set_timer(DIGEST, to_text(notice.due_at), notice.due_at)


async def say(unit: Unit, due: Sequence[Due], in_force_at: InForceAt) -> None:
    """All that people are to hear up to the last of these timers, also what came just now."""
    if not due:
        return
    last = due[-1].due_at
    taken = await notices.take(unit.connection, last)
    of_managers = {one.entry.customer for one in taken if one.is_for_account_manager}
    managers = await customers.account_managers(unit.connection, of_managers)
    shifts = await agents.shifts(unit.connection)
    heard = [one for one in taken if one.person]
    for one in taken:
        if not one.person:
            policy, manager = in_force_at(one.due_at).policy, managers.get(one.entry.customer)
            heard += addressed(one, manager, policy, shifts)
    _say_together(unit, [one for one in heard if one.due_at <= last])
    await collect(unit, [one for one in heard if one.due_at > last])


def _say_together(unit: Unit, heard: Sequence[Notice]) -> None:
    """One digest for each person and instant."""
    ordered = sorted(heard, key=attrgetter("due_at", "person", "id"))
    for (due_at, person), found in groupby(ordered, key=attrgetter("due_at", "person")):
        while together := list(islice(found, MOST_ENTRIES)):
            entries = tuple(notice.entry for notice in together)
            digest = TicketDigestRaised(person=person, due_at=due_at, entries=entries)
            id = f"digest-{together[0].id}"
            unit.say(TICKET_DIGESTS, digest, key=person, id=id, recorded_at=due_at)
