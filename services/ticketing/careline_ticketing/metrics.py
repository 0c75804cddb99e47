"""What ticketing counts: tickets, promises broken and taken back, and how far the calendar goes."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import structlog
from prometheus_client import Counter, Gauge

from careline_contracts.events.ticketing import TicketBreached, TicketCorrected, TicketOpened
from careline_ticketing.desk import Decision
from careline_ticketing.policy import Policy

log = structlog.get_logger(__name__)

WARN_BEFORE = timedelta(days=60)
"""The next year's list comes in November."""

_ACTION = "copy the official list into the policy, calendars.<name>.years.{year}"

ticket_changes = Counter(
    "careline_ticket_changes_total", "Changes said of tickets.", ["change", "kind", "level"]
)
breaches = Counter(
    "careline_ticket_breaches_total", "Promises not kept in time.", ["target", "level"]
)
breaches_withdrawn = Counter(
    "careline_ticket_breaches_withdrawn_total",
    "Breaches that a late event showed to be none.",
    ["target", "level"],
)
unassignable = Gauge(
    "careline_tickets_unassignable_active", "Tickets that nobody fits: the team's on-call is told."
)
calendar_known_until = Gauge(
    "careline_calendar_known_until_timestamp_seconds",
    "From here on the official list of make-up working days is missing: copy it into the policy.",
)
tickets_beyond_calendar = Counter(
    "careline_tickets_beyond_calendar_total",
    "Tickets opened in a year whose official list of working days is missing.",
)


def count(decision: Decision, policy: Policy) -> None:
    """Counts a decision that is durable."""
    ticket = decision.said.ticket
    for change in decision.changes:
        name = change.event.type.removeprefix("careline.ticket.").removesuffix(".v1")
        ticket_changes.labels(name, ticket.kind, ticket.level).inc()
        if change.event is TicketOpened:
            _warn_beyond(policy, ticket.opened_at.year)
        elif change.event is TicketBreached:
            breaches.labels(change.fields["target"], ticket.level).inc()
        elif change.event is TicketCorrected:
            for target in change.fields["withdrawn"]:
                breaches_withdrawn.labels(target, ticket.level).inc()


def show(policy: Policy, now: datetime) -> None:
    """Says how far the calendars can be trusted, and warns in time to copy the next list."""
    year = policy.known_through
    if year is None:
        calendar_known_until.set(float("inf"))
        return
    known_until = datetime(year + 1, 1, 1, tzinfo=UTC)
    calendar_known_until.set(known_until.timestamp())
    if known_until - now < WARN_BEFORE:
        log.warning("calendar.ends", last_year=year, action=_ACTION.format(year=year + 1))


def _warn_beyond(policy: Policy, year: int) -> None:
    if policy.known_through is None or year <= policy.known_through:
        return
    tickets_beyond_calendar.inc()
    _warn_once(year)


@lru_cache(maxsize=100)
def _warn_once(year: int) -> None:
    log.warning(
        "calendar.year_missing",
        year=year,
        effect="working-hours promises count without make-up working days",
        action=_ACTION.format(year=year),
    )
