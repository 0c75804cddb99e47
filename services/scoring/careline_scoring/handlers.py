"""What scoring does with activities, merges and timers: catch up, fold, decide, say what differs.

Timers due before an event come first, each at its own instant, and so does a policy that took
effect. So it does not show in what is published whether the event or the clock came first, nor
where a batch ended.
"""

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter

import structlog

from careline_contracts.envelope import Envelope
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
from careline_runtime.unit_of_work import Cause, Unit
from careline_scoring import metrics, news, store
from careline_scoring.announcements import announce_changes, announce_score
from careline_scoring.book import Book, Customer, News, Published, TierMove
from careline_scoring.facts import of_activity, whom
from careline_scoring.histories import Histories
from careline_scoring.model import NEVER, Decision, Fact
from careline_scoring.rescoring import RESCORE_ALL, await_policy, next_batch
from careline_scoring.rules import Rulebook
from careline_scoring.store.news import take_news
from careline_scoring.tags import all_of

log = structlog.get_logger(__name__)

RESCORE = "rescore"
"""The one timer of a customer: its key is the number, its instant the next change."""

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
        work = await self._begin(
            unit,
            identities=identities,
            numbers=numbers,
            instants=[h.envelope.known_at for h in heard],
        )
        left: Sequence[Heard] = ()
        for place, item in enumerate(heard):
            match item.payload:
                case Activity() as activity:
                    work.hear(item.envelope, activity)
                case CustomersMerged() as merge if work.book.unites(merge):
                    work.merge(item.envelope, merge)
                case CustomersMerged() | CustomersSplit():
                    left = heard[place:]
                    break
                case OutreachAnswered(customer=number):
                    # what it tells waits; but whose the number is, merges say from now on
                    work.book.owner(number, named=number)
                case PolicyPublished(service="scoring") as published:
                    await_policy(unit, published)
        await self._save(unit, work)
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
        work = await self._begin(
            unit,
            identities={name for one in passed for name in one.identities},
            numbers=numbers.union(one.customer for one in passed),
            tickets={one.name for one in passed if one.kind == "ticket"},
            instants=[*(timer.due_at for timer in due), *(one.at for one in passed)],
        )
        steps = [(timer.due_at, partial(work.fire, timer)) for timer in changes]
        for timer, whose in turns.items():
            steps += [(timer.due_at, partial(work.rescore, n, timer.due_at)) for n in whose]
        for one in await take_news(unit.connection, passed):
            steps.append((one.at, partial(work.tell, one)))
        for _, step in sorted(steps, key=itemgetter(0)):
            step()
        await self._save(unit, work)

    async def _begin(
        self,
        unit: Unit,
        *,
        identities: Collection[str] = (),
        numbers: Collection[str],
        tickets: Collection[str] = (),
        instants: Collection[datetime],
    ) -> "_Work":
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
        return _Work(unit, timeline, book)

    async def _save(self, unit: Unit, work: "_Work") -> None:
        book = work.book
        work.audit()
        await store.save(unit.connection, book)
        unit.after_commit(lambda: metrics.count(work.counts))
        unit.after_commit(lambda: self._histories.keep(book.live_customers))


class _Work:
    """One unit's decisions."""

    def __init__(self, unit: Unit, timeline: Timeline[Rulebook], book: Book) -> None:
        self._unit = unit
        self._timeline = timeline
        # no policy that follows another has other days (rules/succession.py)
        self._calendar = timeline.editions[0].made.calendar
        self._day_of = self._calendar.day_of
        self.book = book
        self.counts: Counter[str] = Counter()

    def hear(self, envelope: Envelope, activity: Activity) -> None:
        """An activity is one more fact about its customer."""
        customer = self.book.owner(activity.identity, named=activity.customer)
        fact = of_activity(envelope, activity, self._calendar)
        as_of = customer.not_before(envelope.known_at)
        self._catch_up(customer, as_of)
        self.book.add(customer, activity.identity, fact)
        self._decide(customer, as_of, envelope, why="event")
        if fact.amount_minor and not customer.rulebook.evidence.converts(fact.currency):
            self.counts["left_out"] += 1

    def tell(self, news: News) -> None:
        """What was told counts from its instant on."""
        match news.kind:
            case "ticket":
                self._count(news, self.book.retell(news))
            case "answer":
                self._count(news, self.book.answer(news))
            case "record":
                self._carry(news)

    def _count(self, news: News, changes: Sequence[tuple[str, Fact]]) -> None:
        """Adds facts, and takes back others, and decides anew about whom they are.

        Nobody is made up by a channel, which may name any number, nor by what the policy doesn't
        count; it is kept, for an activity and for a policy that will come.
        """
        learnt = [
            (self.book.owner(identity, named=news.customer), identity, fact)
            for identity, fact in changes
        ]
        affected = {
            customer.number: customer
            for customer, _, fact in learnt
            if customer.published is not None
            or (news.kind == "ticket" and customer.rulebook.evidence.names(fact.kind))
        }.values()
        for customer in affected:
            self._catch_up(customer, customer.not_before(news.at))
        for customer, identity, fact in learnt:
            self.book.add(customer, identity, fact)
        for customer in affected:
            self._decide(customer, customer.not_before(news.at), news.cause, why=news.kind)

    def _carry(self, news: News) -> None:
        """What the customer's record says is carried as tags, and decided about anew."""
        customer = self.book.record(news)
        if customer is not None and customer.published is not None:
            as_of = customer.not_before(news.at)
            self._catch_up(customer, as_of)
            self._decide(customer, as_of, news.cause, why="record")

    def merge(self, envelope: Envelope, merge: CustomersMerged) -> None:
        """The survivor has the facts of all; the absorbed are aliases, said for the last time."""
        book = self.book
        book.note_moves(merge.moves)
        survivor = book.live(merge.customer)
        found = {customer.number: customer for customer in map(book.live, merge.absorbed)}
        found.pop(survivor.number, None)
        if not found:
            return  # an earlier merge has led to the same customer
        absorbed = [customer for _, customer in sorted(found.items())]
        as_of = envelope.known_at
        for customer in (survivor, *absorbed):
            as_of = customer.not_before(as_of)
        for customer in (survivor, *absorbed):
            self._catch_up(customer, as_of)
        for customer in absorbed:
            self._absorb(survivor, customer, as_of, envelope)
        if survivor.history.first_day != NEVER:
            self._decide(survivor, as_of, envelope, why="merge")

    def catch_up_all(self, as_of: datetime) -> None:
        """Everything that was due before something is decided about all these customers."""
        for customer in self.book.live_customers:
            self._catch_up(customer, customer.not_before(as_of))

    def settle(self, live_before: Collection[str], as_of: datetime, cause: Envelope) -> None:
        """Decides about each by the facts that it has now; an alias says so for the last time."""
        for customer in self.book.customers:
            at = customer.not_before(as_of)
            if customer.merged_into is None:
                if customer.published is not None or customer.history.first_day != NEVER:
                    self._decide(customer, at, cause, why="split")
            elif customer.number in live_before and customer.published is not None:
                self._say_for_the_last_time(customer, customer.published, at, cause)

    def fire(self, timer: Due) -> None:
        """What changes by time alone changes at its own instant; then the next one is awaited."""
        customer = self.book.live(timer.key)
        if customer.number == timer.key and customer.published is not None:
            self._catch_up(customer, timer.due_at)
            self._unit.set_timer(RESCORE, customer.number, self._due_at(customer))

    def rescore(self, number: str, effective_at: datetime) -> None:
        """A policy takes effect, and nothing else has come by for the customer since."""
        customer = self.book.live(number)
        if customer.number != number or customer.published is None or customer.as_of is None:
            return
        self._catch_up(customer, effective_at)
        if customer.published.policy_version != customer.rulebook.version:
            # decided about after the instant, before the policy was heard
            self._decide(customer, customer.as_of, None, why="policy")

    def audit(self) -> None:
        """Takes one of the scores apart before it is saved: every measure read anew must agree."""
        customer = next((c for c in self.book.changed.values() if c.merged_into is None), None)
        if customer is None or customer.published is None or customer.as_of is None:
            return
        readings = customer.rulebook.readings(customer.history, self._day_of(customer.as_of))
        if tuple(reading.points for reading in readings) != customer.published.points:
            self.counts["mismatches"] += 1
            log.error("score.mismatch", customer=customer.number, version=customer.version)

    def _catch_up(self, customer: Customer, until: datetime) -> None:
        """Decides at each instant up to `until` at which something changes by itself."""
        while (due_at := self._due_at(customer)) is not None and due_at <= until:
            is_change = customer.published is not None and (
                due_at == customer.published.next_change_at
            )
            self.counts["due"] += is_change
            self._decide(customer, due_at, None, why="timer" if is_change else "policy")
        customer.adopt(self._timeline.at(customer.not_before(until)))

    def _due_at(self, customer: Customer) -> datetime | None:
        """When time alone, or another policy, may change something next."""
        if customer.published is None or customer.as_of is None:
            return None
        change_at = customer.published.next_change_at
        turn = self._timeline.next_after(customer.as_of)
        return change_at if turn is None else min(turn, change_at or turn)

    def _decide(
        self, customer: Customer, as_of: datetime, cause: Cause | None, *, why: str
    ) -> None:
        was_due_at = self._due_at(customer)
        customer.adopt(self._timeline.at(as_of))
        rulebook = customer.rulebook
        decision = rulebook.decide(customer.history, self._day_of(as_of))
        published = self._to_publish(customer, decision)
        before, customer.as_of = customer.published, as_of
        self.book.changed[customer.number] = customer
        self.counts[why] += 1
        if published == before:
            self.counts["unchanged"] += why == "timer"
            return
        changed = announce_changes(
            self._unit, customer, decision, published, as_of=as_of, cause=cause
        )
        self.counts.update(changed)
        if "tier" in changed:
            was = before.tier if before else None
            move = TierMove(customer.number, customer.version, as_of, was, published.tier)
            self.book.tier_moves.append(move)
        customer.published = published
        announce_score(self._unit, rulebook, customer, as_of=as_of, cause=cause)
        due_at = self._due_at(customer)
        if before is None or due_at != was_due_at:
            self._unit.set_timer(RESCORE, customer.number, due_at)

    def _absorb(
        self, survivor: Customer, absorbed: Customer, as_of: datetime, cause: Envelope
    ) -> None:
        rulebook = absorbed.rulebook
        decision = rulebook.decide(absorbed.history, self._day_of(as_of))
        self.book.absorb(survivor, absorbed)
        if absorbed.published is not None:
            published = self._to_publish(absorbed, decision)
            self._say_for_the_last_time(absorbed, published, as_of, cause)

    def _say_for_the_last_time(
        self, absorbed: Customer, published: Published, as_of: datetime, cause: Envelope
    ) -> None:
        self.book.changed[absorbed.number] = absorbed
        absorbed.as_of = as_of
        absorbed.published = published._replace(next_change_at=None)
        announce_score(self._unit, absorbed.rulebook, absorbed, as_of=as_of, cause=cause)
        self._unit.set_timer(RESCORE, absorbed.number, None)

    def _to_publish(self, customer: Customer, decision: Decision) -> Published:
        return Published(
            decision.points,
            decision.value,
            decision.need,
            decision.risk,
            decision.tier,
            all_of(decision.tags, customer.rulebook.care.with_handling(customer.record)),
            self._calendar.begins(decision.change_day),
            customer.rulebook.version,
        )
