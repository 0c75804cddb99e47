"""A playbook: whom it is for, what is done for them step by step, and how it ends.

Written as YAML and checked as a whole: whatever can be known to go wrong is refused with its line.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, PositiveInt, model_validator

from careline_engagement.policy.steps import (
    AnyStep,
    Assign,
    Ending,
    Escalate,
    Obligation,
    OfferStep,
    OutreachStep,
    Task,
    Wait,
    When,
)
from careline_engagement.policy.words import ELSEWHERE, Evidence, Flaw, Name, Part, Trigger


class Entry(Part):
    """What begins a case, and for whom."""

    trigger: Trigger
    where: dict[Name, str | bool | int] = Field(default_factory=dict)
    """Fields of the event that must have this value, as `converted: true`."""
    when: When = When()


class Again(Part):
    """When a customer may be in the same playbook once more; never in two cases at a time."""

    after_days: Annotated[int, Field(ge=0)]
    keyed_by: Name | None = None
    """A field of the event, as an order's number: then all this holds for each of its values."""

    @property
    def peace(self) -> timedelta:
        return timedelta(days=self.after_days)


class Outcome(Part):
    """How cases end."""

    by: Annotated[Evidence, Field(min_length=1)]
    status: Ending


class Playbook(Part):
    """One playbook. Steps are taken in order, and only ever forward."""

    playbook: Name
    version: PositiveInt
    """Counted up by whoever changes it; holdout groups are drawn anew with each."""
    purpose: Name
    priority: int
    """Who wins when two want the same contact: the higher."""
    enter: Annotated[tuple[Entry, ...], Field(min_length=1)]
    again: Again
    window_days: PositiveInt
    """The longest that a case takes; also how long its goal is looked for."""
    goal: Outcome
    exit: Outcome | None = None
    """Ends the case whatever step it is at, and is no success."""
    otherwise: Ending
    """How it ends when neither came within the window."""
    holdout_percent: Annotated[int, Field(ge=0, le=50)] = 0
    """Of those who would enter, so many are left alone and measured all the same (CARE-8)."""
    running_cases: Literal["finish", "move"] = "finish"
    """Cases of an earlier version finish on it, or go on under this one."""
    held_by_tickets: frozenset[Literal["L1", "L2", "L3"]] = frozenset()
    """While the customer has an open ticket of such a level, no further step begins."""
    steps: Annotated[tuple[AnyStep, ...], Field(min_length=1)]

    @property
    def window(self) -> timedelta:
        return timedelta(days=self.window_days)

    @cached_property
    def by_name(self) -> Mapping[str, AnyStep]:
        return {step.step: step for step in self.steps}

    @cached_property
    def below(self) -> Mapping[str, str | None]:
        """The step after each in the order in which they are written."""
        names = [step.step for step in self.steps]
        return dict(zip(names, [*names[1:], None], strict=True))

    @cached_property
    def digest(self) -> str:
        """What the playbook says, in eight letters: a case names the wording that it runs on."""
        # only what is written: a word that playbooks learn later changes none of those before it
        said = self.model_dump(exclude_defaults=True)
        worded = json.dumps(said, sort_keys=True, default=_in_one_order)
        return hashlib.sha256(worded.encode()).hexdigest()[:8]

    @cached_property
    def evidence(self) -> frozenset[str]:
        """Every kind of fact that some part looks at."""
        return self.goal.by.union(
            self.exit.by if self.exit else (),
            *(step.done_by for step in self.steps if isinstance(step, Obligation)),
            *(step.for_ for step in self.steps if isinstance(step, Wait)),
            *(step.replied_by for step in self.steps if isinstance(step, OutreachStep)),
        )

    @cached_property
    def asks_manager(self) -> bool:
        """Whether some step is the account manager's to do."""
        return any(
            isinstance(step, Assign | Task | Escalate) and step.to == "account_manager"
            for step in self.steps
        )

    @property
    def scripts(self) -> frozenset[str]:
        return frozenset(
            step.script
            for step in self.steps
            if isinstance(step, OutreachStep | Task) and step.script
        )

    @model_validator(mode="after")
    def _steps_can_be_taken(self) -> Self:
        for flaw in self._flaws():
            raise flaw
        if self.exit and (both := self.goal.by & self.exit.by):
            raise Flaw(f"{', '.join(sorted(both))} can't be both goal and exit", "exit")
        return self

    def _flaws(self) -> Iterator[Flaw]:
        """What is wrong with the steps, first things first."""
        place = {step.step: n for n, step in enumerate(self.steps)}
        listens = ELSEWHERE in self.evidence
        for n, step in enumerate(self.steps):
            if place[step.step] != n:
                yield Flaw(f"step {step.step} is there twice", "steps", n)
            for target in step.successors:
                if target not in place:
                    yield Flaw(f"step {step.step} goes to an unknown step {target}", "steps", n)
                elif place[target] <= n:
                    yield Flaw(f"step {step.step} goes back to {target}", "steps", n)
            if isinstance(step, OfferStep) and step.approval_above_minor > max(
                step.limit_minor.values(), default=0
            ):
                yield Flaw(f"step {step.step} asks approval above its limit", "steps", n)
            if isinstance(step, OutreachStep) and step.replied_by and not listens:
                yield Flaw(f"nothing looks at {ELSEWHERE} of step {step.step}", "steps", n)
        if listens and not any(isinstance(s, OutreachStep) and s.replied_by for s in self.steps):
            yield Flaw(f"{ELSEWHERE} can't come: no outreach is replied_by anything")
        reached = self.reached
        for n, step in enumerate(self.steps):
            if step.step not in reached:
                yield Flaw(f"step {step.step} can't be reached", "steps", n)
            elif isinstance(step, Obligation) and reached[step.step] + step.within >= self.window:
                yield Flaw(f"step {step.step} falls due after the window has ended", "steps", n)

    @cached_property
    def reached(self) -> Mapping[str, timedelta]:
        """Every step that can be reached, and the earliest that it can, after the opening."""
        reached = {self.steps[0].step: timedelta(0)}
        for step in self.steps:
            if step.step not in reached:
                continue
            since = reached[step.step]
            below = self.below[step.step]
            ways = [*step.successors, *([below] if below and step.falls_through else [])]
            for target in ways:
                waited = isinstance(step, Wait) and (not step.for_ or target == step.timeout)
                after = since + step.span if isinstance(step, Wait) and waited else since
                reached[target] = min(after, reached.get(target, after))
        return reached


def _in_one_order(value: object) -> object:
    """Sets come in another order in every process."""
    return sorted(value) if isinstance(value, frozenset) else str(value)
