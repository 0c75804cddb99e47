"""Decides about customers event by event: catch up, fold, decide, say what differs.

Timers due before an event come first, each at its own instant, and so does a policy that took
effect. So it does not show in what is published whether the event or the clock came first, nor
where a batch ended.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime

import structlog

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_runtime.followed_policy import Timeline
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Cause, Unit
from careline_scoring.announcements import announce_changes, announce_score
from careline_scoring.book import Book, Customer, News, Published, TierMove
from careline_scoring.facts import of_activity
from careline_scoring.model import NEVER, Decision, Fact
from careline_scoring.rules import Rulebook
from careline_scoring.tags import all_of

log = structlog.get_logger(__name__)

RESCORE = "rescore"
"""The one timer of a customer: its key is the number, its instant the next change."""


class Deciding:
    """What one unit decides about the customers of `book`, which it saves afterwards."""

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
