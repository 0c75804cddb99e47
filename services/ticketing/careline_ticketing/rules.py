"""Which tickets a customer's facts make, and what others must be told when they turn out so.

Facts are read in the order in which they happened, so the order in which they arrive cannot
matter: a late one is put in its place and everything is read again.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from careline_contracts.events.ticketing import (
    TicketBreached,
    TicketChange,
    TicketCorrected,
    TicketJoined,
    TicketOpened,
    TicketReopened,
    TicketResolved,
    TicketResponded,
)
from careline_ticketing import clocks
from careline_ticketing.model import (
    FOLLOW_UPS,
    RESOLVED,
    RESPONDED,
    Act,
    Clock,
    Fact,
    PromiseName,
    Said,
    Step,
    Ticket,
    ticket_id,
)
from careline_ticketing.policy import Policy, Promise, Rule


class Problem:
    """One ticket while the facts are being read."""

    def __init__(self, opener: Fact, rule: Rule, policy: Policy) -> None:
        self.kind, self.level = rule.kind, rule.level
        self.category, self.product = opener.category, opener.product
        self.opened_at = self.last_reported_at = opener.occurred_at
        self.resolved_at: datetime | None = None
        self._policy = policy
        self._id = ticket_id(opener.key)
        self._steps = [Step("opened", opener.occurred_at, opener.key)]
        self._clocks: dict[PromiseName, Clock] = {}
        self._promises = policy.promises[rule.promises]
        self._round = 0
        self._ticket: Ticket | None = None
        self._promise(self._promises, opener.occurred_at)

    @property
    def ticket(self) -> Ticket:
        """The ticket as far as the facts have been read."""
        if self._ticket is None:
            self._ticket = Ticket(
                id=self._id,
                kind=self.kind,
                level=self.level,
                opened_at=self.opened_at,
                resolved_at=self.resolved_at,
                steps=tuple(self._steps),
                clocks=tuple(self._clocks.values()),
            )
        return self._ticket

    def is_reported_by(self, fact: Fact, rule: Rule) -> bool:
        """Whether a report without a known reference is about this problem."""
        return (
            self.resolved_at is None
            and self.kind == rule.kind
            and self.category == fact.category
            # an agent on the phone often leaves the product out
            and (self.product == fact.product or None in (self.product, fact.product))
            and fact.occurred_at - self.last_reported_at <= self._policy.same_problem.joins_within
        )

    def takes_reference(self, at: datetime) -> bool:
        """Whether a report that carries this problem's reference still means this problem."""
        resolved_at = self.resolved_at
        return resolved_at is None or at - resolved_at <= self._policy.same_problem.reopens_within

    def join(self, fact: Fact, rule: Rule) -> None:
        """Another report: it re-opens what was resolved, and a graver one raises the level."""
        self._step("joined", fact.occurred_at, fact)
        self.last_reported_at = fact.occurred_at
        self.product = self.product or fact.product
        if self.resolved_at is not None:
            self._reopen(fact.occurred_at, fact)
        if rule.level < self.level:
            self.level, self._promises = rule.level, self._policy.promises[rule.promises]
            self._promise(self._promises, fact.occurred_at)

    def follow_up(self, fact: Fact, at: datetime) -> None:
        """An answer, a resolution or a re-opening; one that changes nothing leaves no trace."""
        if fact.type == RESPONDED:
            self._step("responded", at, fact)
            self._stop(at, answered_only=True)
        elif fact.type == RESOLVED:
            if self.resolved_at is None:
                self._step("resolved", at, fact)
                self.resolved_at = at
                self._stop(at, answered_only=False)
        elif self.resolved_at is not None:
            self._reopen(at, fact)

    def _reopen(self, at: datetime, fact: Fact) -> None:
        self._step("reopened", at, fact)
        self.resolved_at = None
        self._round += 1
        restarts = self._policy.reopening.restarts
        for promised in self._promises:
            if promised.target in restarts:
                self._start(promised, at, self._round)

    def _promise(self, promises: Iterable[Promise], at: datetime) -> None:
        """Promises made at `at`: new ones start, a running one is only ever brought forward."""
        for promised in promises:
            current = self._current(promised)
            if current is None:
                self._start(promised, at, self._round)
            elif current.stopped_at is None:
                sooner = clocks.start(promised, at, current.round, self._policy.calendar.working)
                if sooner.due_at < current.due_at:
                    self._clocks[current.target, current.round] = sooner

    def _current(self, promised: Promise) -> Clock | None:
        mine = (clock for clock in self._clocks.values() if clock.target == promised.target)
        return max(mine, key=lambda clock: clock.round, default=None)

    def _start(self, promised: Promise, at: datetime, round: int) -> None:
        clock = clocks.start(promised, at, round, self._policy.calendar.working)
        self._clocks[promised.target, round] = clock

    def _stop(self, at: datetime, *, answered_only: bool) -> None:
        for name, clock in self._clocks.items():
            if clock.kept_by == "response" or not answered_only:
                self._clocks[name] = clocks.stop(clock, at)

    def _step(self, act: Act, at: datetime, fact: Fact) -> None:
        self._steps.append(Step(act, at, fact.key))
        self._ticket = None


class Reading:
    """The facts of one customer read so far, in the order in which they happened."""

    def __init__(self, facts: Iterable[Fact], policy: Policy) -> None:
        self._policy = policy
        self._problems: list[Problem] = []
        self._by_reference: dict[str, Problem] = {}
        self._early: dict[str, list[Fact]] = {}
        for fact in facts:
            self.read(fact)

    @property
    def tickets(self) -> list[Ticket]:
        """What the facts make, oldest first."""
        return [problem.ticket for problem in self._problems]

    def read(self, fact: Fact) -> None:
        """Goes on with the next fact; it happened after all that were read."""
        if fact.type in FOLLOW_UPS:
            self._follow_up(fact)
        elif rule := self._policy.rule_for(fact):
            self._report(fact, rule)

    def _follow_up(self, fact: Fact) -> None:
        reference = fact.reference or ""
        if problem := self._by_reference.get(reference):
            problem.follow_up(fact, fact.occurred_at)
        else:
            self._early.setdefault(reference, []).append(fact)

    def _report(self, fact: Fact, rule: Rule) -> None:
        problem = self._same_problem(fact, rule)
        if problem is None:
            problem = Problem(fact, rule, self._policy)
            self._problems.append(problem)
        else:
            problem.join(fact, rule)
        if fact.reference is not None:
            self._by_reference[fact.reference] = problem
            for early in self._early.pop(fact.reference, ()):
                if fact.occurred_at - early.occurred_at <= self._policy.same_problem.clock_skew:
                    problem.follow_up(early, fact.occurred_at)

    def _same_problem(self, fact: Fact, rule: Rule) -> Problem | None:
        known = self._by_reference.get(fact.reference or "")
        if known is not None and known.takes_reference(fact.occurred_at):
            return known
        problems = reversed(self._problems)
        return next((p for p in problems if p.is_reported_by(fact, rule)), None)


class Change(NamedTuple):
    """One thing to tell others about a ticket: an event and the fields that are its own."""

    event: type[TicketChange]
    fields: dict[str, Any]


_EVENTS: dict[Act, type[TicketChange]] = {
    "opened": TicketOpened,
    "joined": TicketJoined,
    "responded": TicketResponded,
    "resolved": TicketResolved,
    "reopened": TicketReopened,
}


def breached(ticket: Ticket, as_of: datetime) -> dict[PromiseName, Clock]:
    """The promises that were not kept in time, as known at `as_of`."""
    return {
        (clock.target, clock.round): clock
        for clock in ticket.clocks
        if clocks.verdict(clock, as_of) == "missed"
    }


def changes(said: Said | None, ticket: Ticket, as_of: datetime) -> list[Change]:
    """What to tell about `ticket`, given what was said before: steps, breaches, corrections."""
    live = said if said is not None and said.merged_into is None else None
    steps_before = frozenset(live.ticket.steps) if live else frozenset()
    breached_before = live.breached if live else ()
    found = [
        Change(_EVENTS[step.act], _opened_as(ticket) if step.act == "opened" else {})
        for step in ticket.steps
        if step not in steps_before
    ]
    missed = breached(ticket, as_of)
    found += [
        Change(TicketBreached, {"target": clock.target, "due_at": clock.due_at})
        for name, clock in missed.items()
        if name not in breached_before
    ]
    withdrawn = tuple(target for target, _ in sorted(set(breached_before) - missed.keys()))
    unsaid = steps_before.difference(ticket.steps)
    if withdrawn or unsaid or (live and not found and live.ticket != ticket):
        found.append(Change(TicketCorrected, {"withdrawn": withdrawn}))
    return found


def _opened_as(ticket: Ticket) -> dict[str, Any]:
    return {"kind": ticket.kind, "level": ticket.level}
