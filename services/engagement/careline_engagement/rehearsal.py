"""Engagement in memory: what playbooks would have made of a log.

Nothing is sent and nothing is kept. The same rules decide as in the handlers; only the order is
simpler, since all is heard before anything is decided.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from careline_engagement import rules
from careline_engagement.handlers import entries_of
from careline_engagement.hearing import hear
from careline_engagement.model import Absence, Alias, Consent, Entry, Fact, Family, Record
from careline_engagement.rules import Book, News
from careline_engagement.standing import Change, Standing
from careline_runtime.batch import Heard


class Rehearsal:
    """Hears a log, then says what would have happened up to an instant."""

    def __init__(self, book: Book) -> None:
        self._book = book
        self._aliases: dict[str, Alias] = {}
        self._facts: dict[str, set[Fact]] = defaultdict(set)
        self._consents: dict[str, set[Consent]] = defaultdict(set)
        self._records: dict[str, dict[int, Record]] = defaultdict(dict)
        self._entries: dict[str, set[Entry]] = defaultdict(set)
        self._changes: dict[str, list[Change]] = defaultdict(list)
        self._absences: dict[str, set[Absence]] = defaultdict(set)

    def hear(self, heard: Sequence[Heard]) -> None:
        """Takes events in any order."""
        news = hear(heard, self._book)
        for alias in news.aliases:
            known = self._aliases.get(alias.absorbed, alias)
            self._aliases[alias.absorbed] = min(known, alias, key=lambda one: one.since)
        for fact in news.facts:
            self._facts[fact.number].add(fact)
        for consent in news.consents:
            self._consents[consent.number].add(consent)
        for number, record in news.records:
            self._records[number].setdefault(record.version, record)
        for entry in news.entries:
            self._entries[entry.number].add(entry)
        for number, changes in news.changes.items():
            self._changes[number] += changes
        for absence in news.absences:
            self._absences[absence.owner].add(absence)

    def run(self, until: datetime) -> Iterator[News]:
        """Everything that would have been decided, customer by customer."""
        for entry in entries_of(self._changes, self._book):
            self._entries[entry.number].add(entry)
        rulings = {
            number: Standing().after(changes, kept=self._book.facts_kept).rulings
            for number, changes in self._changes.items()
        }
        numbers = {*self._entries, *rulings, *self._facts, *self._consents}
        for members in self._customers(numbers):
            family = Family(
                frozenset(members),
                {n: self._aliases[n] for n in members if n in self._aliases},
                [fact for n in members for fact in self._facts[n]],
                [entry for n in members for entry in self._entries[n]],
                rulings={n: rulings[n] for n in members if n in rulings},
                consents=[consent for n in members for consent in self._consents[n]],
                records={
                    n: [record for _, record in sorted(self._records[n].items())] for n in members
                },
                absences={owner: sorted(said) for owner, said in self._absences.items()},
            )
            yield from rules.advance(family, until=until, book=self._book).news

    def _customers(self, numbers: Iterable[str]) -> Iterator[list[str]]:
        """Each customer's numbers."""
        members: dict[str, list[str]] = defaultdict(list)
        for number in sorted({*numbers, *self._aliases}):
            root = number
            while (alias := self._aliases.get(root)) is not None:
                root = alias.survivor
            if root != number and root not in numbers and root not in members:
                members[root].append(root)
            members[root].append(number)
        yield from (sorted(set(all_of_one)) for all_of_one in members.values())
