"""What scoring does with activities, merges and timers: load whom they touch, decide, save, say."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter

from careline_contracts.events.operations import PolicyPublished
from careline_contracts.events.profile import (
    Activity,
    CustomerErased,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
    is_identity,
)
from careline_contracts.events.ticketing import TicketState
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.topics import ACTIVITIES, CUSTOMERS, OUTREACH_RESULTS, POLICIES, TICKETS
from careline_runtime.batch import Heard, Hears
from careline_runtime.followed_policy import Timeline
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_scoring import metrics, news, store
from careline_scoring.deciding import RESCORE, Deciding
from careline_scoring.facts import whom
from careline_scoring.histories import Histories
from careline_scoring.rescoring import RESCORE_ALL, await_policy, next_batch
from careline_scoring.rules import Rulebook
from careline_scoring.store.news import take_news

HEARS = (
    Hears(
        ACTIVITIES,
        types={event.type: event for event in (CustomersMerged, CustomersSplit, CustomerErased)},
        otherwise=Activity,
    ),
    Hears(OUTREACH_RESULTS, types={OutreachAnswered.type: OutreachAnswered}),
    Hears(CUSTOMERS, types={CustomerState.type: CustomerState}),
    Hears(TICKETS, types={TicketState.type: TicketState}),
    Hears(POLICIES, types={PolicyPublished.type: PolicyPublished}),
)


class Handlers:
    """Scoring by the policies of `timeline`, which is asked once a unit."""

    def __init__(self, timeline: Callable[[], Timeline[Rulebook]]) -> None:
        self._timeline = timeline
        self._histories = Histories()

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Rescores the customers that the events are about, event by event."""
        await news.keep(unit, heard, self._timeline().editions[0].made.calendar)
        while heard:
            left = await self._take(unit, heard)
            if left:
                await self._follow(unit, left[0])
            heard = left[1:]

    async def _take(self, unit: Unit, heard: Sequence[Heard]) -> Sequence[Heard]:
        """Handles events up to one that moves facts between customers; returns from that on."""
        identities, numbers = whom(heard)
        deciding = await self._begin(
            unit,
            identities=identities,
            numbers=numbers,
            instants=[h.envelope.known_at for h in heard],
        )
        left: Sequence[Heard] = ()
        for place, item in enumerate(heard):
            match item.payload:
                case Activity() as activity:
                    deciding.hear(item.envelope, activity)
                case CustomersMerged() as merge if deciding.book.unites(merge):
                    deciding.merge(item.envelope, merge)
                case CustomersMerged() | CustomersSplit():
                    left = heard[place:]
                    break
                case OutreachAnswered(customer=number):
                    # what it tells waits; but whose the number is, merges say from now on
                    deciding.book.owner(number, named=number)
                case PolicyPublished(service="scoring") as published:
                    await_policy(unit, published)
        await self._save(unit, deciding)
        return left

    async def _follow(self, unit: Unit, item: Heard) -> None:
        """Moves names as a merge or a split says, and decides again about all whom it concerns.

        Which facts go where is known by identity in the database only: what came before is saved.
        """
        assert isinstance(item.payload, CustomersMerged | CustomersSplit)
        moves = item.payload.moves
        as_of = item.envelope.known_at
        identities = {move.name for move in moves if is_identity(move.name)}
        numbers = {move.customer for move in moves} | {m.name for m in moves} - identities
        before = await self._begin(unit, identities=identities, numbers=numbers, instants=[as_of])
        live = {customer.number for customer in before.book.live_customers}
        before.catch_up_all(as_of)
        await self._save(unit, before)
        if await store.move(unit.connection, moves):
            numbers |= {customer.number for customer in before.book.customers}
            after = await self._begin(
                unit, identities=identities, numbers=numbers, instants=[as_of]
            )
            after.settle(live, as_of, item.envelope)
            await self._save(unit, after)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """Rescores the customers whose next change is due, or for whom a policy takes effect.

        What was told of them by now counts first as far as its instant comes first.
        """
        changes = [timer for timer in due if timer.kind == RESCORE]
        turns = {
            timer: await next_batch(unit, timer, self._timeline())
            for timer in due
            if timer.kind == RESCORE_ALL
        }
        numbers = {timer.key for timer in changes}.union(*turns.values())
        passed = await news.passed(unit, due, numbers)
        deciding = await self._begin(
            unit,
            identities={name for one in passed for name in one.identities},
            numbers=numbers.union(one.customer for one in passed),
            tickets={one.name for one in passed if one.kind == "ticket"},
            instants=[*(timer.due_at for timer in due), *(one.at for one in passed)],
        )
        steps = [(timer.due_at, partial(deciding.fire, timer)) for timer in changes]
        for timer, whose in turns.items():
            steps += [(timer.due_at, partial(deciding.rescore, n, timer.due_at)) for n in whose]
        for one in await take_news(unit.connection, passed):
            steps.append((one.at, partial(deciding.tell, one)))
        for _, step in sorted(steps, key=itemgetter(0)):
            step()
        await self._save(unit, deciding)

    async def _begin(
        self,
        unit: Unit,
        *,
        identities: Collection[str] = (),
        numbers: Collection[str],
        tickets: Collection[str] = (),
        instants: Collection[datetime],
    ) -> Deciding:
        timeline = self._timeline()
        book = await store.load(
            unit.connection,
            timeline,
            self._histories,
            identities=identities,
            numbers=numbers,
            tickets=tickets,
            instants=instants,
        )
        return Deciding(unit, timeline, book)

    async def _save(self, unit: Unit, deciding: Deciding) -> None:
        book = deciding.book
        deciding.audit()
        await store.save(unit.connection, book)
        unit.after_commit(lambda: metrics.count(deciding.counts))
        unit.after_commit(lambda: self._histories.keep(book.live_customers))
