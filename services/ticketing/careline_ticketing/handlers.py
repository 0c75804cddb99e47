"""What ticketing does with what it hears: open the desk, bring customers forward, say, save."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import CustomersMerged, CustomersSplit, is_identity
from careline_contracts.events.scoring import TierChanged
from careline_contracts.events.ticketing import AgentState, TicketActed
from careline_contracts.topics import TICKET_ACTIONS, TICKET_CHANGES, TICKETS
from careline_runtime.batch import Heard
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_ticketing import assignments, crises, digests, messages, metrics, store
from careline_ticketing.desk import Decision, Desk
from careline_ticketing.hearing import AnsweredFor, Moving, News, Readable, done, read
from careline_ticketing.policy import InForceAt
from careline_ticketing.rules.digests import Notice, notices
from careline_ticketing.store import agents, customers, moves

BREACH = "breach"
"""Kind of the timers of promises; the key is the ticket's id."""


class Handlers:
    """Ticketing under the policies in force."""

    def __init__(self, in_force_at: InForceAt) -> None:
        self._in_force_at = in_force_at

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Reports, answers, resolutions and merges of customers, in the order heard."""
        payloads = [event.payload for event in heard]
        if tiers := {p.customer: p.to for p in payloads if isinstance(p, TierChanged)}:
            await customers.save_tiers(unit.connection, tiers)
        if records := [p.as_record for p in payloads if isinstance(p, AnsweredFor)]:
            await customers.save_records(unit.connection, records)
        if states := [p for p in payloads if isinstance(p, AgentState)]:
            await agents.save(unit.connection, states)
        await self._take(unit, list(read(unit, heard)))

    async def act(self, unit: Unit, envelope: Envelope, acted: TicketActed) -> bool:
        """What somebody did over the API; False if that was heard before."""
        if await unit.has_seen(envelope):
            return False
        await self._take(unit, [(envelope, done(envelope, acted))])
        return True

    async def _take(self, unit: Unit, readable: Sequence[Readable]) -> None:
        """In the order heard; where tickets may move, what came before is saved first."""
        readable = await self._without_idle_moves(unit, readable)
        together: list[tuple[Envelope, News | CustomersMerged]] = []
        for envelope, news in readable:
            if isinstance(news, CustomersSplit) or (
                isinstance(news, CustomersMerged) and news.moves
            ):
                await self._take_together(unit, together)
                await self._follow(unit, envelope, news)
                together = []
            else:
                together.append((envelope, news))
        await self._take_together(unit, together)

    async def _without_idle_moves(
        self, unit: Unit, readable: Sequence[Readable]
    ) -> Sequence[Readable]:
        """Most who merge have no tickets and nothing new: they are moved together, at once."""
        moving = [news for _, news in readable if not isinstance(news, News) and news.moves]
        if not moving:
            return readable
        known = await moves.known(unit.connection, {m.name for news in moving for m in news.moves})
        busy = {name for name in known if is_identity(name)}
        for _, news in readable:
            if isinstance(news, News):
                busy.update((news.identity, news.number))
        idle = {
            id(news): news
            for news in moving
            if busy.isdisjoint(name for move in news.moves for name in (move.name, move.customer))
        }
        still = [move for news in idle.values() for move in news.moves]
        await store.move_idle(unit.connection, still)
        return [(envelope, news) for envelope, news in readable if id(news) not in idle]

    async def _follow(self, unit: Unit, envelope: Envelope, moved: Moving) -> None:
        """Moves names as a merge or a split says, and reads again for all whom it concerns."""
        names = {move.name for move in moved.moves}
        owners = await moves.known(unit.connection, names)
        numbers = {move.customer for move in moved.moves}
        numbers |= {name for name in names if not is_identity(name)}
        numbers |= {customer for _, customer in owners.values()}
        before = Desk(self._in_force_at)
        await store.open_desk(unit.connection, before, named={}, numbers=numbers)
        recorded_at = envelope.recorded_at.astimezone(UTC)
        is_staffed = await agents.are_any(unit.connection)
        to_tell = self._say(unit, before.catch_up(max(recorded_at, before.as_of)), is_staffed)
        await _save(unit, before, to_tell)
        if await moves.apply(unit.connection, moved.moves):
            after = Desk(self._in_force_at)
            numbers |= before.customers.keys()
            await store.open_desk(unit.connection, after, named={}, numbers=numbers)
            decisions = after.settle(recorded_at=recorded_at)
            await _save(unit, after, self._say(unit, decisions, is_staffed, cause=envelope))

    async def _take_together(
        self, unit: Unit, readable: Sequence[tuple[Envelope, News | CustomersMerged]]
    ) -> None:
        if not readable:
            return
        named: dict[str, str] = {}
        numbers: set[str] = set()
        for _, news in readable:
            if isinstance(news, News):
                named.setdefault(news.identity, news.number)
            else:
                numbers.update((news.customer, *news.absorbed))
        desk = Desk(self._in_force_at)
        await store.open_desk(unit.connection, desk, named=named, numbers=numbers)
        is_staffed = await agents.are_any(unit.connection)
        to_tell: list[Notice] = []
        for envelope, news in readable:
            recorded_at = envelope.recorded_at.astimezone(UTC)
            if isinstance(news, News):
                decisions = desk.hear(*news, recorded_at=recorded_at)
            else:
                decisions = desk.unite(news.customer, news.absorbed, recorded_at=recorded_at)
            to_tell += self._say(unit, decisions, is_staffed, cause=envelope)
        await _save(unit, desk, to_tell)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """The instant has come at which time brings something to a ticket, or a digest is due.

        The queue is looked at in its turn: after a stop what came due before it is said first.
        """
        looks = [n for n, timer in enumerate(due) if timer.kind == assignments.ASSIGN]
        for start, end in pairwise([0, *looks, len(due)]):
            await self._fire_in_order(unit, due[start:end], before=due[:start])

    async def _fire_in_order(self, unit: Unit, due: Sequence[Due], before: Sequence[Due]) -> None:
        """A look at the queue, if it is one's turn, and the alarms and digests after it."""
        if due and due[0].kind == assignments.ASSIGN:
            await self._assign(unit, due[0].due_at)
        digests_due = [timer for timer in due if timer.kind == digests.DIGEST]
        await self._fire_alarms(unit, _alarms(due), digests_due, before=_alarms(before))
        await digests.say(unit, digests_due, self._in_force_at)
        for timer in due:
            if timer.kind == crises.CRISIS:
                await crises.look(unit, timer.due_at, self._in_force_at(timer.due_at))

    async def _assign(self, unit: Unit, as_of: datetime) -> None:
        """Gives the queue's tickets to agents; each choice counts like an action of a person."""
        served = await assignments.serve(unit, self._in_force_at(as_of).policy, as_of)
        for envelope, acted in served:
            unit.say(
                TICKET_ACTIONS,
                acted,
                key=acted.customer,
                id=envelope.id,
                recorded_at=envelope.recorded_at,
            )
        if served:
            await self._take(unit, [(both[0], done(*both)) for both in served])

    async def _fire_alarms(
        self,
        unit: Unit,
        alarms: Sequence[Due],
        digests_due: Sequence[Due],
        before: Sequence[Due],
    ) -> None:
        """Alarms, and what these tickets and those `before` have to tell in the digests due."""
        looked_at = [*alarms, *(before if digests_due else ())]
        if not looked_at:
            return
        desk = Desk(self._in_force_at)
        await store.open_desk_of_tickets(unit.connection, desk, [one.key for one in looked_at])
        is_staffed = await agents.are_any(unit.connection)
        fired = desk.fire((alarm.key, alarm.due_at) for alarm in alarms)
        to_tell = self._say(unit, fired, is_staffed)
        # what still comes before a digest of this unit belongs in it
        for digest in digests_due[-1:]:
            to_tell += self._say(unit, desk.catch_up(digest.due_at), is_staffed)
        await _save(unit, desk, to_tell)

    def _say(
        self,
        unit: Unit,
        decisions: Iterable[Decision],
        is_staffed: bool,
        cause: Envelope | None = None,
    ) -> list[Notice]:
        """Tells others of decisions; what people are to hear of them comes back."""
        to_tell: list[Notice] = []
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
            policy = self._in_force_at(decision.as_of).policy
            crises.watch(unit, decision)
            if is_staffed or policy.agents:
                assignments.watch(unit, decision)
            to_tell += notices(said, decision.changes, at, policy)
            unit.after_commit(partial(metrics.count, decision, self._in_force_at))
        return to_tell


def _alarms(due: Sequence[Due]) -> list[Due]:
    return [timer for timer in due if timer.kind == BREACH]


async def _save(unit: Unit, desk: Desk, to_tell: Sequence[Notice]) -> None:
    await store.save_desk(unit.connection, desk)
    for ticket, due_at in desk.timers().items():
        unit.set_timer(BREACH, ticket, due_at)
    await digests.collect(unit, to_tell)
