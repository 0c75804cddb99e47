"""What scoring does with activities, merges and timers: catch up, fold, decide, say what differs.

Timers due before an event come first, each at its own instant. So it does not show in what is
published whether the event or the clock came first, nor where a batch ended.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from careline_contracts.envelope import Envelope
from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.topics import ACTIVITIES
from careline_runtime.batch import Heard, Hears
from careline_runtime.errors import InvalidMessage
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_scoring import metrics, store
from careline_scoring.announcements import announce_changes, announce_score
from careline_scoring.book import Book, Customer, Published
from careline_scoring.histories import Histories
from careline_scoring.model import NEVER, Decision, Fact, kind_of
from careline_scoring.rules import Rulebook

MOST_MINOR_UNITS = 10**15
"""What the contract allows, so that sums fit a bigint."""

RESCORE = "rescore"
"""The one timer of a customer: its key is the number, its instant the next change."""

HEARS = (Hears(ACTIVITIES, types={CustomersMerged.type: CustomersMerged}, otherwise=Activity),)


class Handlers:
    """Scoring by one policy."""

    def __init__(self, rulebook: Rulebook) -> None:
        self._rulebook = rulebook
        self._histories = Histories()

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Rescores the customers that the events are about, event by event."""
        activities = [h.payload for h in heard if isinstance(h.payload, Activity)]
        merges = [h.payload for h in heard if isinstance(h.payload, CustomersMerged)]
        book = await store.load(
            unit.connection,
            self._rulebook,
            self._histories,
            identities={activity.identity for activity in activities},
            numbers={activity.customer for activity in activities}
            | {number for merge in merges for number in (merge.customer, *merge.absorbed)},
        )
        work = _Work(unit, self._rulebook, book)
        for item in heard:
            match item.payload:
                case Activity() as activity:
                    work.hear(item.envelope, activity)
                case CustomersMerged() as merge:
                    work.merge(item.envelope, merge)
        await self._save(unit, work)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """Rescores the customers whose next change is due."""
        book = await store.load(
            unit.connection,
            self._rulebook,
            self._histories,
            numbers={timer.key for timer in due},
        )
        work = _Work(unit, self._rulebook, book)
        for timer in due:
            work.fire(timer)
        await self._save(unit, work)

    async def _save(self, unit: Unit, work: "_Work") -> None:
        book = work.book
        await store.save(unit.connection, self._rulebook, book)
        unit.after_commit(lambda: metrics.count(work.counts))
        unit.after_commit(lambda: self._histories.keep(book.live_customers))


class _Work:
    """One unit's decisions."""

    def __init__(self, unit: Unit, rulebook: Rulebook, book: Book) -> None:
        self._unit = unit
        self._rulebook = rulebook
        self._day_of = rulebook.calendar.day_of
        self.book = book
        self.counts: Counter[str] = Counter()

    def hear(self, envelope: Envelope, activity: Activity) -> None:
        """An activity is one more fact about its customer."""
        customer = self.book.owner(activity.identity, named=activity.customer)
        as_of = customer.not_before(max(envelope.recorded_at, envelope.occurred_at))
        self._catch_up(customer, as_of)
        fact = _fact(envelope, activity, day=self._day_of(envelope.occurred_at))
        self.book.add(customer, activity.identity, fact)
        if fact.amount_minor and not self._rulebook.evidence.converts(fact.currency):
            self.counts["left_out"] += 1
        self._decide(customer, as_of, envelope, why="event")

    def merge(self, envelope: Envelope, merge: CustomersMerged) -> None:
        """The survivor has the facts of all; the absorbed are aliases, said for the last time."""
        book = self.book
        survivor = book.live(merge.customer)
        found = {customer.number: customer for customer in map(book.live, merge.absorbed)}
        found.pop(survivor.number, None)
        if not found:
            return  # an earlier merge has led to the same customer
        absorbed = [customer for _, customer in sorted(found.items())]
        as_of = max(envelope.recorded_at, envelope.occurred_at)
        for customer in (survivor, *absorbed):
            as_of = customer.not_before(as_of)
        for customer in (survivor, *absorbed):
            self._catch_up(customer, as_of)
        for customer in absorbed:
            self._absorb(survivor, customer, as_of, envelope)
        if survivor.history.first_day != NEVER:
            self._decide(survivor, as_of, envelope, why="merge")

    def fire(self, timer: Due) -> None:
        """What changes by time alone changes at its own instant; then the next one is awaited."""
        customer = self.book.live(timer.key)
        if customer.number == timer.key and customer.published is not None:
            self._catch_up(customer, timer.due_at)
            self._unit.set_timer(RESCORE, customer.number, customer.published.next_change_at)

    def _catch_up(self, customer: Customer, until: datetime) -> None:
        while customer.published is not None:
            due_at = customer.published.next_change_at
            if due_at is None or due_at > until:
                return
            self._decide(customer, due_at, None, why="timer")

    def _decide(
        self, customer: Customer, as_of: datetime, cause: Envelope | None, *, why: str
    ) -> None:
        decision = self._rulebook.decide(customer.history, self._day_of(as_of))
        published = self._to_publish(decision)
        before, customer.as_of = customer.published, as_of
        self.book.changed[customer.number] = customer
        self.counts[why] += 1
        if published == before:
            return
        changed = announce_changes(
            self._unit, self._rulebook, customer, decision, as_of=as_of, cause=cause
        )
        self.counts.update(changed)
        customer.published = published
        announce_score(self._unit, self._rulebook, customer, as_of=as_of, cause=cause)
        if before is None or before.next_change_at != published.next_change_at:
            self._unit.set_timer(RESCORE, customer.number, published.next_change_at)

    def _absorb(
        self, survivor: Customer, absorbed: Customer, as_of: datetime, cause: Envelope
    ) -> None:
        decision = self._rulebook.decide(absorbed.history, self._day_of(as_of))
        self.book.absorb(survivor, absorbed)
        if absorbed.published is not None:
            self.book.changed[absorbed.number] = absorbed
            absorbed.as_of = as_of
            absorbed.published = self._to_publish(decision)._replace(next_change_at=None)
            announce_score(self._unit, self._rulebook, absorbed, as_of=as_of, cause=cause)
            self._unit.set_timer(RESCORE, absorbed.number, None)

    def _to_publish(self, decision: Decision) -> Published:
        return Published(
            decision.points,
            decision.value,
            decision.need,
            decision.risk,
            decision.tier,
            self._rulebook.calendar.begins(decision.change_day),
            self._rulebook.version,
        )


def _fact(envelope: Envelope, activity: Activity, *, day: int) -> Fact:
    body = activity.body
    amount_minor, currency = body.get("amount_minor", 0), body.get("currency", "")
    if not isinstance(amount_minor, int) or not 0 <= amount_minor <= MOST_MINOR_UNITS:
        raise InvalidMessage("invalid_activity", "/body/amount_minor: not an amount")
    if not isinstance(currency, str) or len(currency) > 3:
        raise InvalidMessage("invalid_activity", "/body/currency: not an ISO 4217 code")
    return Fact(day, kind_of(envelope.type, body), currency, 1, amount_minor)
