"""The shape of an engagement policy: playbooks, and the contact budget that they share."""

from collections.abc import Mapping
from datetime import time, timedelta
from functools import cached_property
from itertools import chain, product
from typing import Self

from pydantic import Field, PositiveInt, model_validator

from careline_calendar.definition import Calendar
from careline_engagement.policy.budget import BudgetPolicy
from careline_engagement.policy.cadence import Cadence, CadencePolicy, Day
from careline_engagement.policy.deadlines import late_deadlines
from careline_engagement.policy.money import Money
from careline_engagement.policy.playbook import Playbook
from careline_engagement.policy.room import misfits
from careline_engagement.policy.scripts import Script
from careline_engagement.policy.words import (
    CONTRACT,
    MOMENT,
    MOMENTS,
    TOUCHPOINTS,
    UNDELIVERED,
    Flaw,
    Name,
    Part,
)

__all__ = ["EngagementPolicy", "Playbook"]


class EngagementPolicy(Part):
    """Engagement's policy file."""

    version: Name
    money: Money = Money()
    budget: BudgetPolicy
    calendars: dict[Name, Calendar] = Field(default_factory=dict)
    """Working hours that deadlines and waits may be counted in."""
    cadence: CadencePolicy
    moments_at: time
    """The hour of the customer's day at which a birthday, a date, a due contact begins."""
    contract_notice_days: PositiveInt
    """So many days before a contract's end `moment/contract_end` comes."""
    dates: dict[Name, tuple[Day, ...]]
    """Days that playbooks may begin on, as `moment/` and the name."""
    scripts: dict[Name, Script]
    playbooks: tuple[Playbook, ...]
    topics_apart_days: PositiveInt

    @property
    def topics_apart(self) -> timedelta:
        return timedelta(days=self.topics_apart_days)

    @cached_property
    def facts_kept(self) -> timedelta:
        """How long before a customer's latest fact the others still matter."""
        windows = (playbook.window for playbook in self.playbooks)
        cadences = [*self.cadence.tiers.values(), *self.cadence.besides]
        longest = max((cadence.at_most_days for cadence in cadences), default=0)
        spans = [*windows, self.budget.longest, timedelta(days=longest)]
        return max(spans) + self.topics_apart

    @cached_property
    def by_name(self) -> Mapping[str, Playbook]:
        return {playbook.playbook: playbook for playbook in self.playbooks}

    @cached_property
    def evidence(self) -> frozenset[str]:
        """Every kind of fact that some rule looks at; no other is kept."""
        playbooks = (playbook.evidence for playbook in self.playbooks)
        return self.budget.by_people.union({UNDELIVERED}, self.cadence.counts, *playbooks)

    @cached_property
    def moments(self) -> frozenset[str]:
        """The triggers that come by themselves and that some playbook begins on."""
        return frozenset(name for name in self.triggers if name.startswith(f"{MOMENT}/"))

    @cached_property
    def triggers(self) -> Mapping[str, tuple[Playbook, ...]]:
        """The playbooks that each trigger begins, in the file's order."""
        triggers: dict[str, tuple[Playbook, ...]] = {}
        for playbook in self.playbooks:
            for name in sorted({entry.trigger for entry in playbook.enter}):
                triggers[name] = (*triggers.get(name, ()), playbook)
        return triggers

    @cached_property
    def touchpoint_types(self) -> frozenset[str]:
        """CloudEvents types of the touchpoints that matter; all others are skipped."""
        kinds = self.evidence | self.triggers.keys()
        if f"{MOMENT}/contract_end" in self.triggers or any(
            kind.startswith(CONTRACT) for kind in kinds
        ):
            kinds |= {CONTRACT}
        return frozenset(TOUCHPOINTS[kind] for kind in kinds if kind in TOUCHPOINTS)

    @model_validator(mode="after")
    def _playbooks_fit_the_budget(self) -> Self:
        names = [playbook.playbook for playbook in self.playbooks]
        for n, playbook in enumerate(self.playbooks):
            if names.index(playbook.playbook) != n:
                raise Flaw(f"playbook {playbook.playbook} is there twice", "playbooks", n)
            if playbook.purpose not in self.budget.purposes:
                raise Flaw(f"purpose {playbook.purpose} is not one of the budget's", "playbooks", n)
            if missing := playbook.scripts - self.scripts.keys():
                raise Flaw(f"there is no script {', '.join(sorted(missing))}", "playbooks", n)
            for place, entry in enumerate(playbook.enter):
                if reason := self._unknown_moment(entry.trigger):
                    raise Flaw(reason, "playbooks", n, "enter", place)
            for place, reason in chain(
                misfits(playbook, self.budget), late_deadlines(playbook, self.calendars)
            ):
                raise Flaw(reason, "playbooks", n, "steps", place)
        return self

    @model_validator(mode="after")
    def _cadence_can_be_kept(self) -> Self:
        tiers = self.cadence.tiers
        places: dict[tuple[str | int, ...], Cadence] = {
            **{("cadence", "tiers", tier): cadence for tier, cadence in tiers.items()},
            **{("cadence", "besides", n): one for n, one in enumerate(self.cadence.besides)},
        }
        for (where, cadence), cap in product(places.items(), self.budget.caps):
            if cap.channel is None and cap.days // cadence.at_most_days > cap.most:
                raise Flaw(
                    f"a contact every {cadence.at_most_days} days is more than "
                    f"{cap.most} in {cap.days} days",
                    *where,
                )
        for n, playbook in enumerate(self.playbooks):
            busy = playbook.window + playbook.again.peace
            for place, entry in enumerate(playbook.enter):
                if entry.trigger != f"{MOMENT}/contact_due":
                    continue
                for tier in sorted(entry.when.tier or tiers):
                    if tier in tiers and busy > tiers[tier].between:
                        raise Flaw(
                            f"a contact with {tier} customers is asked for every "
                            f"{tiers[tier].between.days} days, {playbook.playbook} can't begin "
                            f"again before {busy.days}",
                            *("playbooks", n, "enter", place),
                        )
        return self

    def _unknown_moment(self, trigger: str) -> str:
        kind, _, name = trigger.partition("/")
        if kind != MOMENT or name in MOMENTS or name in self.dates:
            return ""
        return f"{trigger} is neither {', '.join(MOMENTS)} nor one of the dates"
