"""Which tickets a customer's facts make.

Facts are read in the order in which they happened, so the order in which they arrive cannot
matter: a late one is put in its place and everything is read again.
"""

from collections.abc import Iterable

from careline_ticketing.model import FOLLOW_UPS, Fact, Ticket, ticket_id
from careline_ticketing.policy import InForceAt, Policy, Rule
from careline_ticketing.rules.problem import Problem


class Reading:
    """The facts of one customer read so far, in the order in which they happened."""

    def __init__(self, facts: Iterable[Fact], in_force_at: InForceAt) -> None:
        self._in_force_at = in_force_at
        self._problems: list[Problem] = []
        self._by_reference: dict[str, Problem] = {}
        self._by_ticket: dict[str, Problem] = {}
        self._early: dict[str, list[Fact]] = {}
        for fact in facts:
            self.read(fact)

    @property
    def tickets(self) -> list[Ticket]:
        """What the facts make, oldest first."""
        return [problem.ticket for problem in self._problems]

    def read(self, fact: Fact) -> None:
        """Goes on with the next fact; it happened after all that were read."""
        policy = self._in_force_at(fact.occurred_at).policy
        if fact.type in FOLLOW_UPS:
            self._follow_up(fact, policy)
        elif rule := policy.rule_for(fact):
            self._report(fact, rule, policy)

    def _follow_up(self, fact: Fact, policy: Policy) -> None:
        reference = fact.reference or ""
        problem = self._by_ticket.get(fact.ticket or "") or self._by_reference.get(reference)
        if problem is not None:
            problem.follow_up(fact, fact.occurred_at, policy)
        else:
            self._early.setdefault(reference, []).append(fact)

    def _report(self, fact: Fact, rule: Rule, policy: Policy) -> None:
        problem = self._same_problem(fact, rule, policy)
        if problem is None:
            problem = Problem(fact, rule, policy)
            self._problems.append(problem)
        else:
            problem.join(fact, rule, policy)
        self._by_ticket[ticket_id(fact.key)] = problem
        if fact.reference is not None:
            self._by_reference[fact.reference] = problem
            for early in self._early.pop(fact.reference, ()):
                if fact.occurred_at - early.occurred_at <= policy.same_problem.clock_skew:
                    problem.follow_up(early, fact.occurred_at, policy)

    def _same_problem(self, fact: Fact, rule: Rule, policy: Policy) -> Problem | None:
        known = self._by_reference.get(fact.reference or "")
        if known is not None and known.takes_reference(fact.occurred_at, policy):
            return known
        problems = reversed(self._problems)
        return next((p for p in problems if p.is_reported_by(fact, rule, policy)), None)
