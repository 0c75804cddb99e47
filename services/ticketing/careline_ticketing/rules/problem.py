"""One ticket while the facts are being read: its state, its waits and its promises.

A fact does what the table of moves says (`model.MOVES`); what has no place there is void and leaves
no trace. A promise is judged by the policy that was in force when it was given.
"""

from datetime import datetime
from typing import assert_never

from careline_calendar.working import Timetable
from careline_ticketing import clocks
from careline_ticketing.model import (
    DONE,
    MOVES,
    Act,
    Clock,
    Fact,
    KeptBy,
    PromiseName,
    State,
    Step,
    Ticket,
    Wait,
    act_of,
    ticket_id,
)
from careline_ticketing.policy import Policy, Promise, Rule


class Problem:
    """One ticket as far as the facts have been read."""

    def __init__(self, opener: Fact, rule: Rule, policy: Policy) -> None:
        self.kind, self.level = rule.kind, rule.level
        self.category, self.product = opener.category, opener.product
        self.opened_at = self.last_reported_at = opener.occurred_at
        self.resolved_at: datetime | None = None
        self.state: State = "open"
        self._rule = rule
        self._id = ticket_id(opener.key)
        self._steps = [Step("opened", opener.occurred_at, opener.key, opener.agent)]
        self._waits: list[Wait] = []
        self._clocks: dict[PromiseName, Clock] = {}
        self._given_by: dict[PromiseName, Policy] = {}
        self._promises = policy.promises[rule.promises]
        self._round = 0
        self._rated_round = -1
        self._ticket: Ticket | None = None
        self._promise(opener.occurred_at, policy)

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
                state=self.state,
                category=self.category,
                product=self.product,
                waits=tuple(self._waits),
            )
        return self._ticket

    def is_reported_by(self, fact: Fact, rule: Rule, policy: Policy) -> bool:
        """Whether a report without a known reference is about this problem."""
        return (
            self.state not in DONE
            and self.kind == rule.kind
            and self.category == fact.category
            # an agent on the phone often leaves the product out
            and (self.product == fact.product or None in (self.product, fact.product))
            and fact.occurred_at - self.last_reported_at <= policy.same_problem.joins_within
        )

    def takes_reference(self, at: datetime, policy: Policy) -> bool:
        """Whether a report that carries this problem's reference still means this problem."""
        resolved_at = self.resolved_at
        return resolved_at is None or at - resolved_at <= policy.same_problem.reopens_within

    def join(self, fact: Fact, rule: Rule, policy: Policy) -> None:
        """Another report: it re-opens what was resolved, and a graver one raises the level."""
        self.last_reported_at = fact.occurred_at
        self.product = self.product or fact.product
        self._take("joined", fact, fact.occurred_at, policy)
        if rule.level < self.level:
            self._rule, self.level = rule, rule.level
            self._promises = policy.promises[rule.promises]
            self._promise(fact.occurred_at, policy)

    def follow_up(self, fact: Fact, at: datetime, policy: Policy) -> None:
        """What became of it; a follow-up that the state has no place for leaves no trace."""
        act = act_of(fact)
        if act == "rated" and self._rated_round == self._round:
            return  # satisfaction is asked once per resolution
        if act == "assigned" and self._is_held_by(fact):
            return  # logs repeat who holds it in every row
        if act == "unassignable" and self.ticket.unassignable_since is not None:
            return  # on-call knows
        self._take(act, fact, at, policy)

    def _is_held_by(self, fact: Fact) -> bool:
        holder = next((step for step in reversed(self._steps) if step.act == "assigned"), None)
        return holder is not None and (holder.team, holder.agent) == (fact.team, fact.agent)

    def _take(self, act: Act, fact: Fact, at: datetime, policy: Policy) -> None:
        before, following = self.state, MOVES[self.state].get(act)
        if following is None:
            return
        self._step(act, at, fact)
        self._turn(following, at)
        match act:
            case "joined" if before in DONE:
                self._step("reopened", at, fact)
                self._reopen(at, policy)
            case "joined" | "replied":
                self._ask_again(at, policy)
            case "responded":
                self._stop(at, "response")
            case "fixed":
                self._stop(at, "response", "fix")
            case "resolved" | "closed":
                self.resolved_at = self.resolved_at or at
                self._stop(at, "response", "fix", "resolution")
            case "reopened":
                self._reopen(at, policy)
            case "prioritised":
                self._prioritise(fact, at, policy)
            case "rated":
                self._rated_round = self._round
            case "waits_for_customer" | "waits_for_third_party" | "resumed":
                pass  # the state says it all
            case "opened" | "assigned" | "unassignable" | "noted" | "linked":
                pass  # the step says it all
            case _:
                assert_never(act)

    def _turn(self, state: State, at: datetime) -> None:
        """The next state; a wait begins or ends with it, and promises that pause follow."""
        if state == self.state:
            return
        if self.state in ("waits_for_customer", "waits_for_third_party"):
            self._waits = clocks.ended(self._waits, at)
        if state == "waits_for_customer":
            self._waits.append(Wait("customer", at))
        elif state == "waits_for_third_party":
            self._waits.append(Wait("third_party", at))
        self.state = state
        for name, clock in self._clocks.items():
            if clock.stopped_at is None:
                timetable = self._timetable(clock)
                self._clocks[name] = clocks.set_due(clock, timetable, self._waits)

    def _reopen(self, at: datetime, policy: Policy) -> None:
        self.resolved_at = None
        self._round += 1
        for promised in self._promises:
            if promised.target in policy.reopening.restarts:
                self._start(promised, at, self._round, policy)

    def _ask_again(self, at: datetime, policy: Policy) -> None:
        """The customer speaks after an answer: the next answer is promised."""
        for promised in self._promises:
            if promised.target != "next_response" or self.state in DONE:
                continue
            asked = [c for c in self._clocks.values() if c.target == promised.target]
            answers = (c for c in self._clocks.values() if c.target.endswith("_response"))
            if all(clock.stopped_at is not None for clock in answers):
                self._start(promised, at, len(asked), policy)

    def _prioritise(self, fact: Fact, at: datetime, policy: Policy) -> None:
        level = fact.detail
        if level is None or level == self.level:
            return
        is_graver = level < self.level
        self.level = level  # type: ignore[assignment]
        self._promises = policy.promises_at(self.level, self._rule)
        if is_graver:
            self._promise(at, policy)
        else:
            self._relax(at, policy)

    def _promise(self, at: datetime, policy: Policy) -> None:
        """Promises made at `at`: new ones start, a running one is only ever brought forward."""
        for promised in self._promises:
            if promised.target == "next_response":
                continue  # starts when the customer speaks again
            current = self._current(promised)
            if current is None:
                self._start(promised, at, self._round, policy)
            elif current.stopped_at is None:
                sooner = clocks.start(promised, at, current.round, policy, self._waits)
                if sooner.due_at < self._due_as_of(current, at):
                    self._keep(sooner, policy)

    def _relax(self, at: datetime, policy: Policy) -> None:
        """A milder level: running promises count from their start, with the pauses they had.

        What the milder level does not promise is given up, unless it is broken already.
        """
        milder = {promised.target: promised for promised in self._promises}
        for name, clock in list(self._clocks.items()):
            if clock.stopped_at is not None or self._due_as_of(clock, at) < at:
                continue
            if promised := milder.get(clock.target):
                again = clocks.start(promised, clock.started_at, clock.round, policy, self._waits)
                self._keep(clocks.given_at(again, at), policy)
            elif clock.target != "next_response":
                del self._clocks[name]

    def _current(self, promised: Promise) -> Clock | None:
        mine = (clock for clock in self._clocks.values() if clock.target == promised.target)
        return max(mine, key=lambda clock: clock.round, default=None)

    def _start(self, promised: Promise, at: datetime, round: int, policy: Policy) -> None:
        self._keep(clocks.start(promised, at, round, policy, self._waits), policy)

    def _keep(self, clock: Clock, policy: Policy) -> None:
        self._clocks[clock.target, clock.round] = clock
        self._given_by[clock.target, clock.round] = policy

    def _timetable(self, clock: Clock) -> Timetable:
        return self._given_by[clock.target, clock.round].timetable(clock.hours)

    def _due_as_of(self, clock: Clock, at: datetime) -> datetime:
        return clocks.due_as_of(clock, self._waits, self._timetable(clock), at)

    def _stop(self, at: datetime, *kept: KeptBy) -> None:
        for name, clock in self._clocks.items():
            if clock.kept_by in kept and clock.stopped_at is None:
                timetable = self._timetable(clock)
                self._clocks[name] = clocks.stop(clock, at, timetable, self._waits)

    def _step(self, act: Act, at: datetime, fact: Fact) -> None:
        self._steps.append(Step(act, at, fact.key, fact.agent, fact.team, fact.detail))
        self._ticket = None
