"""What ticketing counts: tickets, promises broken and taken back, and how far the calendar goes."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

import structlog
from prometheus_client import Counter, Gauge, Histogram

from careline_contracts.events.ticketing import (
    Target,
    TicketBreached,
    TicketCorrected,
    TicketFixed,
    TicketOpened,
    TicketRated,
    TicketResolved,
    TicketResponded,
    TicketResumed,
)
from careline_ticketing import clocks
from careline_ticketing.desk import Decision
from careline_ticketing.model import Ticket
from careline_ticketing.policy import InForceAt, Policy
from careline_ticketing.rules.pauses import doubtful

log = structlog.get_logger(__name__)

HOUR = 3600
SPANS = tuple(hours * HOUR for hours in (0.25, 0.5, 1, 2, 4, 8, 24, 48, 96))
"""With the promises' own times among them, so that the share kept can be read off."""
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
response_seconds = Histogram(
    "careline_ticket_response_seconds",
    "From a report to the first answer, in the time that counts for it.",
    ["level"],
    buckets=SPANS,
)
resolution_seconds = Histogram(
    "careline_ticket_resolution_seconds",
    "From a report or a re-opening to the solution, in the time that counts for it.",
    ["level"],
    buckets=SPANS,
)
ratings = Counter(
    "careline_ticket_ratings_total",
    "Satisfaction with a resolution, from 0 to 10.",
    ["kind", "score"],
)
pauses_doubtful = Counter(
    "careline_ticket_pauses_doubtful_total",
    "Pauses that began shortly before a promise was due, and that the customer did not end.",
    ["level"],
)
tickets_open = Gauge("careline_tickets_active", "Tickets that are not resolved.", ["level", "team"])
queue_age = Gauge(
    "careline_ticket_queue_age_seconds",
    "How long the ticket has waited that waits the longest for somebody to take it.",
    ["team"],
)
unassignable = Gauge(
    "careline_tickets_unassignable_active",
    "Tickets that nobody fits: the team's on-call is told.",
    ["team"],
)
forecasts = Counter(
    "careline_ticket_forecasts_total",
    "What was foreseen of a solution's promise, against what became of it.",
    ["foreseen", "actual"],
)
forecast_error_seconds = Histogram(
    "careline_ticket_forecast_error_seconds",
    "Between the instant at which a ticket was foreseen to be solved, and when it was.",
    buckets=SPANS,
)
calendar_known_until = Gauge(
    "careline_calendar_known_until_timestamp_seconds",
    "From here on the official list of make-up working days is missing: copy it into the policy.",
)
tickets_beyond_calendar = Counter(
    "careline_tickets_beyond_calendar_total",
    "Tickets opened in a year whose official list of working days is missing.",
)


def count(decision: Decision, in_force_at: InForceAt) -> None:
    """Counts a decision that is durable."""
    ticket, policy = decision.said.ticket, in_force_at(decision.as_of).policy
    for change in decision.changes:
        name = change.event.type.removeprefix("careline.ticket.").removesuffix(".v1")
        ticket_changes.labels(name, ticket.kind, ticket.level).inc()
        if change.event is TicketOpened:
            _warn_beyond(policy, ticket.opened_at.year)
        elif change.event is TicketBreached:
            breaches.labels(change.fields["target"], ticket.level).inc()
        elif change.event is TicketResponded:
            _observe(response_seconds, "first_response", ticket, in_force_at)
        elif change.event is TicketResolved:
            _observe(resolution_seconds, "resolution", ticket, in_force_at)
        elif change.event is TicketRated:
            ratings.labels(ticket.kind, change.fields["score"]).inc()
        elif change.event in (TicketResumed, TicketFixed):
            _count_doubtful(ticket, in_force_at)
        elif change.event is TicketCorrected:
            for target in change.fields["withdrawn"]:
                breaches_withdrawn.labels(target, ticket.level).inc()


def _count_doubtful(ticket: Ticket, in_force_at: InForceAt) -> None:
    """Counts the pause that this very step ended, if it is doubtful."""
    if any(pause.until == ticket.steps[-1].at for pause in doubtful(ticket, in_force_at)):
        pauses_doubtful.labels(ticket.level).inc()


def _observe(histogram: Histogram, target: Target, ticket: Ticket, in_force_at: InForceAt) -> None:
    """How long the last promise of this kind took, if this very step kept it."""
    last = next((clock for clock in reversed(ticket.clocks) if clock.target == target), None)
    if last is None or last.stopped_at is None or last.stopped_at != ticket.steps[-1].at:
        return
    timetable = in_force_at(last.given_at or last.started_at).policy.timetable(last.hours)
    took = clocks.used(last, ticket.waits, timetable, last.stopped_at)
    histogram.labels(ticket.level).observe(took.total_seconds())


def show_calendars(policy: Policy) -> None:
    """How far the policy's calendars can be trusted."""
    end = _end_of_calendars(policy)
    calendar_known_until.set(end.timestamp() if end else float("inf"))


def warn_of_the_end(policy: Policy, now: datetime) -> None:
    """Warns in time to copy the next year's list."""
    end = _end_of_calendars(policy)
    if end is not None and end - now < WARN_BEFORE:
        log.warning("calendar.ends", last_year=end.year - 1, action=_ACTION.format(year=end.year))


def _end_of_calendars(policy: Policy) -> datetime | None:
    year = policy.known_through
    return None if year is None else datetime(year + 1, 1, 1, tzinfo=UTC)


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
