"""What tickets teach: root causes by weight, how often problems come back, what articles changed.

A repeat is a customer who has the same problem (category and product) again soon after a solution.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from careline_ticketing.model import Said, Ticket

UNKNOWN = "unknown"
"""The cause of what is not resolved, or was without a word."""


@dataclass(frozen=True)
class RootCause:
    """One line of the Pareto table: the causes above it and it are `cumulative` of all tickets."""

    category: str
    product: str | None
    cause: str
    tickets: int
    share: float
    cumulative: float
    repeats: int
    reopened: int
    breached: int
    articles: tuple[str, ...]


@dataclass(frozen=True)
class ArticleEffect:
    """How often a problem came back before an article was linked to its kind, and since."""

    article: str
    linked_at: datetime
    tickets_before: int
    repeat_rate_before: float
    tickets_since: int
    repeat_rate_since: float


def root_causes(tickets: Sequence[Said], start: datetime, within: timedelta) -> list[RootCause]:
    """The causes of the tickets opened from `start` on, the most frequent first.

    `tickets` reach back `within` further, so that the month's first repeats are seen.
    """
    again = repeats(tickets, within)
    groups: dict[tuple[str, str, str], list[Said]] = {}
    for said in tickets:
        if said.ticket.opened_at >= start:
            ticket = said.ticket
            key = (ticket.category, ticket.product or "", _cause(ticket))
            groups.setdefault(key, []).append(said)
    total, so_far, found = sum(map(len, groups.values())), 0, []
    for key, group in sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])):
        so_far += len(group)
        category, product, cause = key
        found.append(
            RootCause(
                category=category,
                product=product or None,
                cause=cause,
                tickets=len(group),
                share=len(group) / total,
                cumulative=so_far / total,
                repeats=sum(said.ticket.id in again for said in group),
                reopened=sum(_happened(said.ticket, "reopened") for said in group),
                breached=sum(bool(said.breached) for said in group),
                articles=tuple(sorted({a for said in group for a, _ in _articles(said.ticket)})),
            )
        )
    return found


def repeats(tickets: Iterable[Said], within: timedelta) -> set[str]:
    """The tickets that are a problem which their customer had before."""
    solved: dict[tuple[str, str, str | None], datetime] = {}
    found = set()
    for said in sorted(tickets, key=lambda one: (one.ticket.opened_at, one.ticket.id)):
        ticket = said.ticket
        key = (said.customer, ticket.category, ticket.product)
        last = solved.get(key)
        if last is not None and last <= ticket.opened_at <= last + within:
            found.add(ticket.id)
        if ticket.resolved_at is not None:
            solved[key] = ticket.resolved_at
    return found


def article_effects(tickets: Sequence[Said], within: timedelta) -> list[ArticleEffect]:
    """For each linked article: repeats of its problem before the first link, and since."""
    again = repeats(tickets, within)
    first: dict[str, tuple[datetime, tuple[str, str | None]]] = {}
    for said in tickets:
        for article, at in _articles(said.ticket):
            about = (said.ticket.category, said.ticket.product)
            first[article] = min(first.get(article, (at, about)), (at, about))
    return [_effect(article, *first[article], tickets, again) for article in sorted(first)]


def _effect(
    article: str,
    linked_at: datetime,
    about: tuple[str, str | None],
    tickets: Iterable[Said],
    again: set[str],
) -> ArticleEffect:
    count: Counter[tuple[bool, bool]] = Counter()
    for said in tickets:
        ticket = said.ticket
        if (ticket.category, ticket.product) == about:
            count[ticket.opened_at >= linked_at, ticket.id in again] += 1
    before, since = (count[is_since, False] + count[is_since, True] for is_since in (False, True))
    return ArticleEffect(
        article=article,
        linked_at=linked_at,
        tickets_before=before,
        repeat_rate_before=count[False, True] / before if before else 0.0,
        tickets_since=since,
        repeat_rate_since=count[True, True] / since if since else 0.0,
    )


def _cause(ticket: Ticket) -> str:
    resolution = ticket.resolution
    return (resolution.detail if resolution else None) or UNKNOWN


def _happened(ticket: Ticket, act: str) -> bool:
    return any(step.act == act for step in ticket.steps)


def _articles(ticket: Ticket) -> list[tuple[str, datetime]]:
    return [
        (step.detail, step.at)
        for step in ticket.steps
        if step.act == "linked" and step.detail and step.detail.startswith("kb:")
    ]
