"""Whether a customer may be contacted now, and if not, why and when the earliest (CARE-2).

A cap holds for every stretch of time of its length, wherever it begins: no calendar day at whose
end the count starts anew. Whoever asks is told the very instant at which there is room.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple

from careline_engagement.model import Consent
from careline_engagement.policy.budget import BudgetPolicy


class Spent(NamedTuple):
    """A contact that uses up budget, whoever made it."""

    at: datetime
    channel: str
    known_at: datetime
    """Later than `at` for a number that was found to be the same customer since."""


class Wish(NamedTuple):
    """Somebody wants to contact a customer, from an instant on."""

    since: datetime
    channel: str
    purpose: str
    tier: str | None = None
    on_holidays: bool = False
    """Whether it may be granted on a public holiday."""


class Slot(NamedTuple):
    """The earliest instant that is free, None if only the customer can change that."""

    at: datetime | None
    reason: str = ""
    """What stands against an earlier one: the last thing that was in the way."""


class Fate(NamedTuple):
    """What becomes of a wish, as far as can be seen."""

    at: datetime
    is_sent: bool
    slot: Slot
    """As seen at `at`."""
    first: Slot
    """As seen when the wish came up; what it had to wait for."""


def fate(
    wish: Wish,
    patience: timedelta,
    spent: Sequence[Spent],
    consents: Sequence[Consent],
    zone: tzinfo,
    policy: BudgetPolicy,
) -> Fate:
    """Whether and when a wish is granted.

    At each instant only what was known then counts: a wish waits for its slot until another takes
    it or the customer objects, and is refused at that very instant if the next one is too late.
    """
    known_at = [*(c.known_at for c in spent), *(c.at for c in consents)]
    changes = {at for at in known_at if wish.since < at <= wish.since + patience}
    instants = [wish.since, *sorted(changes)]
    first: Slot | None = None
    for instant, following in zip(instants, [*instants[1:], None], strict=True):
        used = [c for c in spent if c.known_at <= instant]
        slot = earliest(wish, used, [c for c in consents if c.at <= instant], zone, policy)
        first = first or slot
        if slot.at is None:
            return Fate(instant, False, slot, first)
        if slot.at > (last := wish.since + patience):
            # of several things in a row the one that outlasts the patience is the reason
            # (over before the wish came up: nothing stands against it but that)
            lasting = max(last, wish.since)
            _, reason = _in_the_way(lasting, wish, used, zone, policy)
            return Fate(instant, False, slot._replace(reason=reason or slot.reason), first)
        if following is None or slot.at < following:
            break
    assert slot.at is not None and first is not None
    return Fate(slot.at, True, slot, first)


def earliest(
    wish: Wish,
    spent: Sequence[Spent],
    consents: Sequence[Consent],
    zone: tzinfo,
    policy: BudgetPolicy,
) -> Slot:
    """The first instant from `wish.since` on at which nothing stands against the contact."""
    if policy.purposes[wish.purpose].duty:
        allowed = permitted(wish, consents, policy)
        return Slot(wish.since) if allowed else Slot(None, "no_consent")
    at, reason = wish.since, ""
    while True:
        if not permitted(wish._replace(since=at), consents, policy):
            return Slot(None, "no_consent")
        free, why = _in_the_way(at, wish, spent, zone, policy)
        if free == at:
            return Slot(at, reason)
        at, reason = free, why


def permitted(wish: Wish, consents: Iterable[Consent], policy: BudgetPolicy) -> bool:
    """Whether the customer lets us; the latest word on this channel and purpose counts."""
    words = [
        consent
        for consent in consents
        if consent.at <= wish.since
        and consent.channel in (wish.channel, "any")
        and consent.purpose in (wish.purpose, "any")
    ]
    purpose = policy.purposes[wish.purpose]
    if not words:
        return purpose.consent == "not_refused"
    last = max(words, key=lambda consent: (consent.at, consent.event_id))
    expired = last.expires_at is not None and last.expires_at <= wish.since
    return last.granted and not expired


def _in_the_way(
    at: datetime, wish: Wish, spent: Sequence[Spent], zone: tzinfo, policy: BudgetPolicy
) -> tuple[datetime, str]:
    """When what stands against the contact at `at` is over, and what it is; `at` if nothing is."""
    free, why = _after_caps(at, wish, spent, policy)
    if free > at:
        return free, why
    if not wish.on_holidays and policy.is_holiday((local := at.astimezone(zone)).date()):
        return _tomorrow(local).astimezone(at.tzinfo), "holiday"
    return _after_quiet(at, zone, policy)


def _after_caps(
    at: datetime, wish: Wish, spent: Sequence[Spent], policy: BudgetPolicy
) -> tuple[datetime, str]:
    """When the first cap that is full at `at` frees a place; `at` itself if none is."""
    for cap in policy.caps_on(wish.channel, wish.tier):
        ats = sorted(c.at for c in spent if cap.channel in (None, c.channel))
        inside = ats[bisect_right(ats, at - cap.span) : bisect_right(ats, at)]
        if len(inside) >= cap.most:
            return inside[-cap.most] + cap.span, f"cap_{cap.most}_in_{cap.days}_days"
    return at, ""


def _tomorrow(local: datetime) -> datetime:
    """When the next day begins."""
    return local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


def _after_quiet(at: datetime, zone: tzinfo, policy: BudgetPolicy) -> tuple[datetime, str]:
    """When the quiet hours around `at` are over; `at` itself outside of them."""
    local = at.astimezone(zone)
    begin, end = policy.quiet_hours.begin, policy.quiet_hours.end
    now = local.time()
    over_midnight = begin > end
    quiet = now >= begin or now < end if over_midnight else begin <= now < end
    if not quiet:
        return at, ""
    day = local.date() + timedelta(days=1 if over_midnight and now >= begin else 0)
    over = datetime.combine(day, end, tzinfo=zone).astimezone(at.tzinfo)
    # an hour that a clock change skips: the first one there is after it
    return max(over, at + timedelta(microseconds=1)), "quiet_hours"
