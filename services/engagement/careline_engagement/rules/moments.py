"""When something comes by itself: a birthday, a date, a contract's end, a contact that is due.

Each is an entry with an instant in the future. When that has come it is worked out again from what
is known then: if it has moved, the entry is dropped for one at the new instant.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache
from itertools import product
from operator import attrgetter
from typing import NamedTuple

from careline_engagement.model import Entry, Family, Record
from careline_engagement.policy import EngagementPolicy
from careline_engagement.policy.cadence import Cadence
from careline_engagement.policy.words import CONTRACT, FOLLOW_UP, MOMENT, UNDELIVERED
from careline_engagement.rules.book import Book
from careline_engagement.rules.entry import fits, short
from careline_engagement.rules.owners import owner_of
from careline_engagement.rules.zones import zone_of

CONTACT_DUE = f"{MOMENT}/contact_due"
CONTRACT_END = f"{MOMENT}/contract_end"
TERMINATED = "terminated"
_FOLLOW_UPS = f"{FOLLOW_UP}/"


class Missed(NamedTuple):
    """Nobody contacted a customer by when it was due, as was found at `at`."""

    customer: str
    at: datetime
    tier: str | None
    due_at: datetime
    last_contact_at: datetime | None
    owner: str | None


class _Plan(NamedTuple):
    """By when the next contact is to be, when it is asked for, from when on it is too late."""

    due_at: datetime
    asked_at: datetime
    late_at: datetime


def contact_look(number: str, at: datetime, policy: EngagementPolicy) -> Iterator[Entry]:
    """A look at when the customer is to be contacted: one for all playbooks that ask for it."""
    if CONTACT_DUE in policy.triggers:
        yield _entry(number, "", CONTACT_DUE, at)


def looked(look: Entry, family: Family, book: Book) -> tuple[list[Entry], Missed | None]:
    """What a look finds: nothing, a later look, or that a contact is due, and the next look too;
    and whether nobody contacted the customer in time.

    A look is on behalf of every playbook: each is asked only when the contact is due.
    """
    plan = _plan(family, look.number, look.at, book)
    if plan is None:
        return [], None
    return list(_coming(look, plan, family, book)), _missed(look, plan, family, book)


def _coming(look: Entry, plan: _Plan, family: Family, book: Book) -> Iterator[Entry]:
    """What a look leads to."""
    if look.at < plan.asked_at:
        yield moved(look, plan.asked_at)
        return
    # who was asked with notice isn't asked again when it is too late
    if look.at != plan.late_at or plan.asked_at == plan.late_at:
        for playbook in book.at(look.at).policy.triggers.get(CONTACT_DUE, ()):
            yield _entry(look.number, playbook.playbook, CONTACT_DUE, look.at)
    if look.at < plan.late_at:
        yield moved(look, plan.late_at)
    elif cadence := _cadence(family, look.number, look.at, book):
        yield moved(look, look.at + cadence.at_most)


def _missed(look: Entry, plan: _Plan, family: Family, book: Book) -> Missed | None:
    """What there is to say if nobody contacted the customer in time."""
    number, at = look.number, look.at
    if at < plan.late_at or family.holder(number, at) != number:
        return None
    return Missed(
        number,
        at,
        family.verdict(number, "tier", at),
        plan.late_at,
        last_contact(family, number, at, book),
        owner_of(family, number, at),
    )


def _plan(family: Family, number: str, at: datetime, book: Book) -> _Plan | None:
    cadence = _cadence(family, number, at, book)
    if promised := _promised(family, number, at, book):
        notice = cadence.notice if cadence else timedelta(0)
        return _Plan(promised, promised, promised + notice)
    if cadence is None or (last := last_contact(family, number, at, book)) is None:
        return None
    due_at = last + cadence.at_most
    return _Plan(due_at, due_at - cadence.notice, due_at)


def days_to_come(number: str, record: Record, book: Book) -> Iterator[Entry]:
    """The next of each day that follows from a record: which it is needs nothing else."""
    policy = book.at(record.at).policy
    known, since = Family(frozenset([number]), {}, records={number: [record]}), _before(record.at)
    for trigger in sorted(policy.moments - {CONTRACT_END, CONTACT_DUE}):
        at = _next_day(number, trigger, known, book, known_at=record.at, since=since)
        if at is not None:
            for playbook in policy.triggers[trigger]:
                yield _entry(number, playbook.playbook, trigger, at)


def contract_ends(
    number: str,
    contract: str,
    ends_at: datetime,
    event_id: str,
    policy: EngagementPolicy,
    *,
    known_at: datetime,
) -> Iterator[Entry]:
    """The notice of a contract's end, unless it is over by when that is known.

    Less than a notice before the end it comes at once, and not in a past of which all is decided.
    """
    if ends_at <= known_at:
        return
    at = max(known_at, ends_at - timedelta(days=policy.contract_notice_days))
    for playbook in policy.triggers.get(CONTRACT_END, ()):
        name = f"{short(contract)}-{ends_at:%Y%m%d}"
        reasons = (CONTRACT_END, contract)
        yield Entry(
            number, playbook.playbook, name, at, CONTRACT_END, contract, 0, reasons, event_id
        )


def comes_at(entry: Entry, family: Family, book: Book) -> datetime | None:
    """When a moment comes, as far as is known at its entry's instant; None: not at all."""
    at = entry.at
    if entry.trigger == CONTRACT_END:
        return None if _is_void(entry, family) else at
    if entry.trigger == CONTACT_DUE:
        return at  # a look has found it due at this very instant
    return _next_day(entry.number, entry.trigger, family, book, known_at=at, since=_before(at))


def following(entry: Entry, family: Family, book: Book) -> Entry | None:
    """The next time after one that has come."""
    if entry.trigger in (CONTRACT_END, CONTACT_DUE):
        return None
    number, trigger, since = entry.number, entry.trigger, entry.at
    at = _next_day(number, trigger, family, book, known_at=since, since=since)
    return moved(entry, at) if at else None


def moved(entry: Entry, at: datetime) -> Entry:
    """The entry at the instant at which its moment really comes."""
    return _entry(entry.number, entry.playbook, entry.trigger, at)


def next_contact(family: Family, number: str, at: datetime, book: Book) -> datetime | None:
    """By when the customer is to be contacted, as of an instant; None if nobody has to."""
    plan = _plan(family, number, at, book)
    return plan.due_at if plan else None


def _promised(family: Family, number: str, at: datetime, book: Book) -> datetime | None:
    """The instant that the last follow-up set for the next contact, if none has been since."""
    said = [
        fact
        for fact in family.facts_for(number)
        if fact.detail and fact.kind.startswith(_FOLLOW_UPS) and fact.at <= at
    ]
    if not said:
        return None
    promise, last = max(said, key=attrgetter("happened_at")), last_contact(family, number, at, book)
    if last is not None and promise.happened_at < last:
        return None
    return datetime.fromisoformat(promise.detail)


def last_contact(family: Family, number: str, at: datetime, book: Book) -> datetime | None:
    """The last contact before an instant; of whom nobody contacted, when we came to know them."""
    counts = book.at(at).policy.cadence.counts
    contacts = [
        fact.happened_at
        for fact in family.facts_for(number)
        if fact.kind in counts and fact.at <= at
    ]
    failed = _failed(family, number, at) if family.contacts else ()
    contacts += [
        contact.at
        for contact in family.contacts
        if max(contact.at, family.joined_at(number, contact.number)) <= at
        and contact.request not in failed
    ]
    if contacts:
        return max(contacts)
    record = family.record(number, at)
    rulings = family.rulings.get(family.holder(number, at), ())
    known = [record.created_at] if record else []
    return min([*known, *(ruling.at for ruling in rulings[:1])], default=None)


def _failed(family: Family, number: str, at: datetime) -> set[str]:
    """The outreach of which the channel has said by an instant that it reached nobody."""
    return {
        fact.request
        for fact in family.facts_for(number)
        if fact.kind == UNDELIVERED and fact.at <= at
    }


def _cadence(family: Family, number: str, at: datetime, book: Book) -> Cadence | None:
    policy, tier = book.at(at).policy.cadence, family.verdict(number, "tier", at)
    by_tier = policy.tiers.get(tier) if tier else None  # type: ignore[call-overload]
    besides = [one for one in policy.besides if fits(one.when, family, number, at)]
    wanted = [*([by_tier] if by_tier else []), *besides]
    return min(wanted, key=attrgetter("at_most_days"), default=None)


def _next_day(
    number: str, trigger: str, family: Family, book: Book, *, known_at: datetime, since: datetime
) -> datetime | None:
    """The first instant after `since` at which the moment's day begins for the customer, by what
    was known at an instant."""
    zone = zone_of(family, number, known_at, book)
    policy, record = book.at(known_at).policy, family.record(number, known_at)
    days = _days(trigger, record, policy, since.astimezone(zone).year, zone)
    begins = (_begins(written, year, policy.moments_at, zone) for written, year in days)
    at = min((at for at in begins if at is not None and at > since), default=None)
    return at.astimezone(since.tzinfo) if at else None


def _days(
    trigger: str, record: Record | None, policy: EngagementPolicy, this_year: int, zone: tzinfo
) -> Iterable[tuple[str, int]]:
    """The days on which a moment may come, as they are written, in this year and the next."""
    years = [this_year, this_year + 1]
    match trigger.removeprefix(f"{MOMENT}/"):
        case "birthday":
            written = record.values("birthday") if record else ()
        case "anniversary":
            # the day that it was where the customer is
            met = record.created_at.astimezone(zone) if record else None
            written = (f"--{met:%m-%d}",) if met else ()
            years = [year for year in years if met and year > met.year]
        case name:
            written = policy.dates.get(name, ())
    return product(written, years)


@lru_cache(maxsize=10_000)
def _begins(written: str, year: int, at: time, zone: tzinfo) -> datetime | None:
    """When a day as policies write it begins in a year and a zone, the same for most customers."""
    day = _on(written, year)
    return datetime.combine(day, at, tzinfo=zone).astimezone(UTC) if day else None


def _on(written: str, year: int) -> date | None:
    """A day as policies write it, in a year; 29 February is kept on the 28th elsewhere."""
    *own_year, month, day = written.replace("--", "").split("-")
    if own_year and int(own_year[0]) != year:
        return None
    try:
        return date(year, int(month), int(day))
    except ValueError:
        return date(year, 2, 28) if (month, day) == ("02", "29") else None


def _is_void(entry: Entry, family: Family) -> bool:
    """Whether the contract has another end by now, or none."""
    another = any(
        (one.playbook, one.key) == (entry.playbook, entry.key) and one.at > entry.at
        for one in family.entries
    )
    ended = f"{entry.key}/{TERMINATED}"
    return another or any(
        fact.kind == CONTRACT and fact.detail == ended and fact.at <= entry.at
        for fact in family.facts_for(entry.number)
    )


def _entry(number: str, playbook: str, trigger: str, at: datetime) -> Entry:
    """Named by its instant: who comes to the same one from two sides finds one entry."""
    name = f"{trigger.removeprefix(MOMENT + '/')}-{_stamp(at)}"
    return Entry(number, playbook, name, at, trigger, "", 0, (trigger,), "")


@lru_cache(maxsize=1_000)
def _stamp(at: datetime) -> str:
    """Most moments come at one of few instants, and to write it takes longer than the rest."""
    return at.astimezone(UTC).isoformat()[:19].replace("-", "").replace(":", "")


def _before(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=1)
