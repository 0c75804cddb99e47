"""One customer, as engagement knows it: whatever was heard under each of its numbers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from careline_engagement.model.cases import Case
from careline_engagement.model.facts import (
    ALWAYS,
    TAG_SEPARATOR,
    Absence,
    Alias,
    Consent,
    Contact,
    Entry,
    Fact,
    Parting,
    Record,
    Ruling,
)


class Family(NamedTuple):
    """One customer: the numbers that were found to be one person, and what is known of each."""

    numbers: frozenset[str]
    aliases: Mapping[str, Alias]
    """By the absorbed number."""
    facts: Sequence[Fact] = ()
    entries: Sequence[Entry] = ()
    """Those not yet decided."""
    cases: Sequence[Case] = ()
    """The open ones, and of each number, playbook and key the last that has ended."""
    rulings: Mapping[str, Sequence[Ruling]] = {}
    """Of each number, in order of version."""
    contacts: Sequence[Contact] = ()
    consents: Sequence[Consent] = ()
    records: Mapping[str, Sequence[Record]] = {}
    """Of each number, in order of version."""
    later_at: datetime | None = None
    """When the first of the entries comes that lie too far ahead to be among `entries`."""
    absences: Mapping[str, Sequence[Absence]] = {}
    """Of each account manager and their deputies, in the order in which they were said."""
    parting: Parting | None = None
    """The last from somebody who had been taken for the same customer."""

    def holder(self, number: str, at: datetime) -> str:
        """Who `number` was at an instant: itself, or the customer that had absorbed it."""
        while (alias := self.aliases.get(number)) is not None and alias.since <= at:
            number = alias.survivor
        return number

    @property
    def is_known(self) -> bool:
        """Whether anything was ever heard of it."""
        known = (*self.rulings.values(), *self.records.values())
        return bool(self.facts or self.cases or any(known))

    @property
    def root(self) -> str:
        """The number that has absorbed all others."""
        return self.holder(min(self.numbers), datetime.max.replace(tzinfo=UTC))

    def verdict(self, number: str, name: str, at: datetime, version: int = 0) -> str | None:
        """What scoring had said of a customer by an instant; by its change `version`, if given."""
        verdict, holder = None, self.holder(number, at)
        for ruling in self.rulings.get(holder, ()):
            if ruling.at > at or (version and holder == number and ruling.version > version):
                break
            if ruling.verdict == name:
                verdict = ruling.to
        return verdict

    def tag(self, number: str, name: str, at: datetime, version: int = 0) -> Sequence[str]:
        """The values of a tag, likewise."""
        said = self.verdict(number, name, at, version)
        return said.split(TAG_SEPARATOR) if said else ()

    def record(self, number: str, at: datetime) -> Record | None:
        """What profile had said of a customer by an instant."""
        known = [r for r in self.records.get(self.holder(number, at), ()) if r.at <= at]
        return known[-1] if known else None

    def attribute(self, number: str, name: str, at: datetime) -> str | None:
        """The first value of a field of the record."""
        record = self.record(number, at)
        return next(iter(record.values(name)), None) if record else None

    def facts_for(self, number: str) -> list[Fact]:
        """The facts in order of instant. Those of other numbers count from when we knew whose."""
        if len(self.numbers) == 1:
            return sorted(self.facts)
        return sorted(
            fact._replace(at=max(fact.at, self.joined_at(number, fact.number)), earlier=fact.at)
            for fact in self.facts
        )

    def consents_for(self, number: str) -> list[Consent]:
        """What the customer said about being contacted, likewise."""
        return [
            consent._replace(at=max(consent.at, self.joined_at(number, consent.number)))
            for consent in self.consents
        ]

    def joined_at(self, one: str, other: str) -> datetime:
        """Since when both numbers have been the same customer."""
        if one == other:
            return ALWAYS
        since = ALWAYS
        reached = {one: since}
        while (alias := self.aliases.get(one)) is not None:
            one, since = alias.survivor, max(since, alias.since)
            reached[one] = since
        since = ALWAYS
        while other not in reached:
            alias = self.aliases[other]
            other, since = alias.survivor, max(since, alias.since)
        return max(since, reached[other])
