"""What a split takes back: whatever was said of a case on account of somebody else.

Two customers were taken for one and are two again. Each case goes back to where it was when they
became one, and is worked out anew from its own customer's facts. One thing can't be had again:
time. An outreach that should have gone meanwhile goes at the first free instant after the split, if
it would have waited that long by itself: nobody is wished a happy birthday in another month.
"""

from datetime import datetime

from careline_engagement.model import Case, Entry, Family, Move, Parting, Step
from careline_engagement.rules.owners import MOMENT, owner_of

PARTED = "parted"


def look(number: str, parting: Parting) -> Entry:
    """Decides, before all else since then, what is taken back."""
    name = f"{PARTED}-{parting.at:%Y%m%dT%H%M%S.%f}"
    return Entry(number, "", name, parting.since, PARTED, "", 0, (PARTED,), "")


def rewound(case: Case, since: datetime, family: Family) -> Case:
    """The case as it was before an instant, but for the outreach that has gone out."""
    steps = {name: _rewound(step, since) for name, step in case.steps.items()}
    case = case._replace(steps={name: step for name, step in steps.items() if step})
    if case.owned_since is not None and case.owned_since >= since:
        before = since - MOMENT
        owner = owner_of(family, case.number, before) or ""
        case = case._replace(owner=owner, owned_since=before)
    if case.closed_at is None or case.closed_at < since:
        return case
    return case._replace(status="open", closed_at=None, closed_reason="")


def is_same(one: Case, other: Case) -> bool:
    """Whether the same holds of both, however often it was said."""
    return one._replace(version=other.version) == other


def revision(case: Case, parting: Parting) -> Move:
    """Says that what was said of a case no longer holds."""
    since = max(parting.since, case.opened_at)
    return Move(parting.at, "revised", "open", until=since)


def unfounded(case: Case, family: Family) -> Move | None:
    """The end of a case that began with a verdict on both which doesn't hold for one alone.

    What scoring says of a customer alone counts from the split on.
    """
    parting = family.parting
    if parting is None or not parting.covers(case.opened_at):
        return None
    name, _, value = case.trigger.partition("/")
    said_alone = family.verdict(case.number, name, parting.at)
    if said_alone is None or value in family.tag(case.number, name, parting.at):
        return None
    return Move(parting.at, "closed", "withdrawn", f"{case.trigger} was said of two customers")


def _rewound(step: Step, since: datetime) -> Step | None:
    if step.sent_at is not None:
        return step
    if step.began_at >= since:
        return None
    if step.breached_at is not None and step.breached_at >= since:
        step = step._replace(breached_at=None)
    if max(step.instants) >= since:
        step = step._replace(done_at=None, suppressed_at=None, held_until=None, detail="")
    return step
