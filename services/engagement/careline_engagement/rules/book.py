"""Which edition of the policy decides what: by its instant, and by what a case began with."""

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import NamedTuple

from careline_calendar.working import AROUND_THE_CLOCK, Timetable
from careline_engagement.model import Case
from careline_engagement.policy import EngagementPolicy, Playbook
from careline_engagement.policy.budget import BudgetPolicy
from careline_engagement.policy.scripts import Script


class Edition(NamedTuple):
    """A policy and since when it is in force."""

    since: datetime
    policy: EngagementPolicy
    version: str


@dataclass(frozen=True)
class Book:
    """Every edition of the policy, oldest first: what is decided by which at an instant."""

    editions: Sequence[Edition]

    @cached_property
    def evidence(self) -> frozenset[str]:
        """Every kind of fact that some edition looks at."""
        return frozenset().union(*(edition.policy.evidence for edition in self.editions))

    @cached_property
    def touchpoint_types(self) -> frozenset[str]:
        """CloudEvents types of the touchpoints that some edition looks at."""
        return frozenset().union(*(edition.policy.touchpoint_types for edition in self.editions))

    def knows(self, playbook: str) -> bool:
        """Whether some edition has a playbook of this name."""
        return any(playbook in edition.policy.by_name for edition in self.editions)

    @cached_property
    def facts_kept(self) -> timedelta:
        """How long before a customer's latest fact the others still matter."""
        return max(edition.policy.facts_kept for edition in self.editions)

    @cached_property
    def topics_apart(self) -> timedelta:
        return max(edition.policy.topics_apart for edition in self.editions)

    @cached_property
    def by_people(self) -> frozenset[str]:
        """Every kind of fact that some edition counts as a contact which somebody made."""
        return frozenset().union(*(edition.policy.budget.by_people for edition in self.editions))

    @cached_property
    def _stirring(self) -> Mapping[str, frozenset[str]]:
        """Of each kind that is evidence for cases only: the playbooks whose cases it may move."""
        stirring: dict[str, set[str]] = {}
        for edition in self.editions:
            for playbook in edition.policy.playbooks:
                for kind in playbook.evidence:
                    stirring.setdefault(kind, set()).add(playbook.playbook)
            for kind in edition.policy.cadence.counts:
                stirring.setdefault(kind, set())
        for kind in self.by_people:
            stirring.pop(kind, None)
        return {kind: frozenset(names) for kind, names in stirring.items()}

    def stirs(self, kind: str, playbooks: Collection[str]) -> bool:
        """Whether a fact of this kind may move a case of one of these playbooks.

        What uses up budget, is about a ticket or an offer, or is no fact, may move any.
        """
        stirring = self._stirring.get(kind)
        if stirring is None:
            return bool(playbooks)
        return not stirring.isdisjoint(playbooks)

    def at(self, instant: datetime) -> Edition:
        """The edition in force at `instant`; before all of them, the first."""
        if len(self.editions) == 1:
            return self.editions[0]  # asked for at every turn: a search costs ten times as much
        return self.editions[max(0, bisect_right(self.editions, instant, key=_since) - 1)]

    def budget_at(self, instant: datetime) -> BudgetPolicy:
        """The contact budget in force at `instant`."""
        return self.at(instant).policy.budget

    def digests_of(self, playbook: Playbook) -> frozenset[str]:
        """The wordings that this version of a playbook has had."""
        known = (edition.policy.by_name.get(playbook.playbook) for edition in self.editions)
        return frozenset(one.digest for one in known if one and one.version == playbook.version)

    def script(self, name: str, at: datetime) -> Script | None:
        """A script as the edition in force at `at` words it, or the latest that has it."""
        editions = [self.at(at), *reversed(self.editions)]
        found = (edition.policy.scripts.get(name) for edition in editions)
        return next(filter(None, found), None)

    def timetable(self, name: str | None, at: datetime) -> Timetable:
        """The working hours of a calendar, as it is written at `at`; without one, all hours.

        The past of a calendar is never rewritten, so what was due stays due.
        """
        if name is None:
            return AROUND_THE_CLOCK
        editions = [self.at(at), *reversed(self.editions)]
        found = (edition.policy.calendars.get(name) for edition in editions)
        return next(calendar.working for calendar in found if calendar)

    def playbook_of(self, case: Case) -> Playbook:
        """The wording that a case runs on.

        The one it began with; the one in force when it moved last, if that says that running cases
        move to it, or if the first was never published and is gone with its file.
        """
        # one edition is in force at any instant: when the case moved need not be asked
        since = case.moved_at if len(self.editions) > 1 else case.opened_at
        present = self.at(since).policy.by_name.get(case.playbook)
        if present and (present.digest == case.digest or present.running_cases == "move"):
            return present
        worded = (edition.policy.by_name.get(case.playbook) for edition in self.editions)
        found = next((p for p in worded if p and p.digest == case.digest), present)
        if found is None:
            raise LookupError(f"no edition of the policy has playbook {case.playbook}")
        return found

    def is_reworded(self, before: Case, after: Case) -> bool:
        """Whether a case runs on another wording once it has moved."""
        return len(self.editions) > 1 and self.playbook_of(after) is not self.playbook_of(before)

    def version_of(self, case: Case) -> int | None:
        """The version of its playbook that a case runs on; None if no edition has it any more."""
        try:
            return self.playbook_of(case).version
        except LookupError:
            return None


def _since(edition: Edition) -> datetime:
    return edition.since
