"""What engagement does with what it hears: keep it, and set a timer for what it leads to.

Nothing is decided on hearing. A customer's topics have no order among each other, so a decision
waits until the clock has passed its instant: then whatever belongs before it has been heard.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import groupby

from careline_contracts.events.engagement import AbsenceNoted, FollowUpRecorded, OfferDecided
from careline_contracts.events.profile import (
    CustomerErased,
    CustomersMerged,
    CustomersSplit,
    CustomerState,
)
from careline_contracts.events.scoring import VerdictsChanged
from careline_contracts.events.touchpoints import OutreachAnswered
from careline_contracts.topics import (
    ABSENCES,
    ACTIVITIES,
    CUSTOMERS,
    FOLLOW_UPS,
    OUTREACH_RESULTS,
    SCORE_CHANGES,
    TICKET_CHANGES,
)
from careline_engagement import metrics, rules, store
from careline_engagement.announcements import announce, announce_state
from careline_engagement.context import context_of
from careline_engagement.hearing import TICKET_TYPES, TouchpointTypes, hear
from careline_engagement.hearing import News as Hearing
from careline_engagement.missed_contacts import announce_missed
from careline_engagement.model import Case, Entry, Family, Outcome
from careline_engagement.policy import Playbook
from careline_engagement.policy.steps import OutreachStep
from careline_engagement.rules import Book, News, Progress, moments, says_nothing
from careline_engagement.rules.handling import channel_of
from careline_engagement.rules.parting import look
from careline_engagement.standing import Change, Standing
from careline_engagement.store.cases import Asked
from careline_runtime.batch import Heard, Hears
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit

CARE = "care"
"""Timer of a customer: an entry is to be decided, or a case moves."""
ABSENCE = "absence"
"""Timer of an account manager: from now on somebody else has their work, or no longer."""


class Handlers:
    """Engagement under the policy as it is published; `book` gives every edition known by now."""

    def __init__(self, book: Callable[[], Book]) -> None:
        self._book = book

    @property
    def hears(self) -> tuple[Hears, ...]:
        """Of the touchpoints only those that the policy looks at; others aren't even read."""
        return (
            Hears(
                ACTIVITIES,
                types=TouchpointTypes(
                    self._book, [CustomersMerged, CustomersSplit, CustomerErased]
                ),
            ),
            Hears(OUTREACH_RESULTS, types={OutreachAnswered.type: OutreachAnswered}),
            Hears(SCORE_CHANGES, types={VerdictsChanged.type: VerdictsChanged}),
            Hears(TICKET_CHANGES, types=TICKET_TYPES),
            Hears(
                FOLLOW_UPS,
                types={event.type: event for event in (FollowUpRecorded, OfferDecided)},
            ),
            Hears(CUSTOMERS, types={CustomerState.type: CustomerState}),
            Hears(ABSENCES, types={AbsenceNoted.type: AbsenceNoted}),
        )

    async def handle(self, unit: Unit, heard: Sequence[Heard]) -> None:
        """Keeps facts, follows changes, and wakes the customers about whom that may change what is
        to come, at the instant at which it does. What it comes to is worked out then, once.
        """
        book = self._book()
        news = hear(heard, book)
        wakes = await _regroup(unit, news, book)
        if names := news.names():
            news.bring_home(await store.homes(unit.connection, names))
        # a case that another instance is about to open would else not hear of what it waits for
        await store.hold(unit.connection, news.customers(), timer=CARE)
        if news.facts:
            await store.add_facts(unit.connection, news.facts, kept=book.facts_kept)
        if news.consents:
            await store.add_consents(unit.connection, news.consents)
        if news.follow_ups:
            await store.add_follow_ups(unit.connection, news.follow_ups)
        if news.records:
            await store.add_records(unit.connection, news.records)
        if news.absences:
            await store.add_absences(unit.connection, news.absences)
            for absence in news.absences:
                unit.wake(ABSENCE, absence.owner, absence.at)
        standings = await _follow(unit, news.changes, book) if news.changes else {}
        wakes += (await _begin(unit, news, standings, book)).items()
        for alias in news.aliases:
            unit.set_timer(CARE, alias.absorbed, None)
            wakes += ((number, alias.since) for number in alias[:2])
        await _wake(unit, wakes, _stirs(news), book)

    async def fire(self, unit: Unit, due: Sequence[Due]) -> None:
        """Decides and says what is due, each at its own instant."""
        assert unit.passed is not None
        book = self._book()
        numbers = {timer.key for timer in due if timer.kind == CARE}
        numbers |= await _hand_over(unit, due)
        progress = [
            rules.advance(family, until=unit.passed, book=book)
            for family in await store.load_families(
                unit.connection, numbers, until=unit.passed, kept=book.facts_kept
            )
        ]
        for moved in progress:
            if moved.next_at is not None:
                unit.wake(CARE, moved.family.root, moved.next_at)
        await self._save(unit, progress, book)
        in_vain = sum(not (moved.news or moved.decided) for moved in progress)
        unit.after_commit(lambda: _count_fired(len(progress), in_vain))

    async def _save(self, unit: Unit, progress: Sequence[Progress], book: Book) -> None:
        cases: dict[str, Case] = {}
        decided: list[tuple[Entry, Outcome]] = []
        scheduled: list[Entry] = []
        asked: list[Asked] = []
        for family in progress:
            decided += family.decided
            announce_missed(unit, family.missed, book)
            scheduled += family.scheduled
            cases |= {news.case.id: news.case for news in family.news}
            told = (news for news in family.news if news.is_told)
            # by the instant: who decides a month at once says no less than who decides day by day
            for _, moves in groupby(told, key=lambda news: news.move.at):
                last: dict[str, News] = {}
                for news in moves:
                    playbook = book.playbook_of(news.case)
                    context = partial(context_of, news, family.family, playbook, book)
                    announce(unit, news, playbook, context)
                    asked += _asked(news, family.family, playbook)
                    last[news.case.id] = news
                for news in last.values():
                    announce_state(unit, news)
        if cases:
            await store.save_cases(unit.connection, list(cases.values()))
        if asked:
            await store.save_contacts(unit.connection, asked)
        await _save_entries(unit, scheduled, decided)


async def _save_entries(
    unit: Unit, scheduled: Sequence[Entry], decided: Sequence[tuple[Entry, Outcome]]
) -> None:
    """Each is written once, also one that was found out and decided in the same go."""
    outcomes: dict[Entry, Outcome | None] = dict(decided)
    found = {entry: outcomes.get(entry) for entry in scheduled}
    kept = {e: led_to for e, led_to in found.items() if not (led_to and says_nothing(e, led_to))}
    if kept:
        await store.add_entries(unit.connection, kept)
    if waited := [(entry, outcome) for entry, outcome in decided if entry not in found]:
        await store.decide_entries(unit.connection, waited)
    unit.after_commit(lambda: _count(decided))


async def _follow(
    unit: Unit, changes: Mapping[str, Sequence[Change]], book: Book
) -> Mapping[str, Standing]:
    """Keeps what scoring says; returns how these customers stand."""
    known = await store.lock_standings(unit.connection, changes)
    standings = {
        number: known[number].after(heard, kept=book.facts_kept)
        for number, heard in changes.items()
    }
    await store.save_standings(unit.connection, standings)
    return standings


async def _begin(
    unit: Unit, news: Hearing, standings: Mapping[str, Standing], book: Book
) -> dict[str, datetime]:
    """Keeps what may begin a case; returns for whom something is to be decided, and since when.

    A warning about somebody whom no playbook is for needs no timer to find that out.
    """
    said = list(entries_of(news.changes, book))
    unmet: list[tuple[Entry, Outcome]] = [
        (entry, "condition_unmet")
        for entry in said
        if 0 < entry.version <= (standing := standings[entry.number]).version
        and rules.is_out_of_question(entry, standing.rulings, book.at(entry.at).policy)
    ]
    unit.after_commit(lambda: _count(unmet))
    begun = dict.fromkeys([*news.entries, *said]) | dict(unmet)
    return await store.add_entries(unit.connection, begun) if begun else {}


async def _hand_over(unit: Unit, due: Sequence[Due]) -> set[str]:
    """The customers of those who go or come back, as far as there is work to be handed over."""
    turns = {timer.key: timer.due_at for timer in due if timer.kind == ABSENCE}
    if not turns:
        return set()
    for owner, at in (await store.next_turns(unit.connection, turns)).items():
        unit.wake(ABSENCE, owner, at)
    customers = await store.looked_after_by(unit.connection, turns)
    found = await store.open_playbooks(unit.connection, customers)
    return {root for root, _, playbooks in found if playbooks}


def _stirs(news: Hearing) -> Iterator[tuple[str, datetime, str]]:
    """What may move a case, if there is one: whose, when, and the kind of a fact."""
    yield from ((fact.number, fact.at, fact.kind) for fact in news.facts)
    yield from ((consent.number, consent.at, "") for consent in news.consents)
    yield from ((number, record.at, "") for number, record in news.records)


async def _wake(
    unit: Unit,
    wakes: Collection[tuple[str, datetime]],
    stirs: Iterable[tuple[str, datetime, str]],
    book: Book,
) -> None:
    """Wakes customers at the first instant at which something about them is new.

    No fact moves anything that comes before it, so nothing need be worked out to know that instant.
    """
    woken: dict[str, datetime] = {}
    for number, at in wakes:
        woken[number] = min(at, woken.get(number, at))
    stirred: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for number, at, kind in stirs:
        stirred[number].append((at, kind))
    concerned = woken.keys() | stirred.keys()
    for root, numbers, playbooks in await store.open_playbooks(unit.connection, concerned):
        instants = [woken[number] for number in numbers if number in woken]
        instants += [
            at
            for number in numbers
            for at, kind in stirred.get(number, ())
            if book.stirs(kind, playbooks)
        ]
        if instants:
            unit.wake(CARE, root, min(instants))


async def _regroup(unit: Unit, news: Hearing, book: Book) -> list[tuple[str, datetime]]:
    """Takes numbers for one customer, or several again; returns those that it concerns, and since
    when.

    A merge that is heard after the split that undid it, or twice, changes nothing.
    """
    moved = [move for split in news.splits for move in split.moves]
    holding = await store.note_moves(unit.connection, [*news.merging, *moved])
    overtaken = {m.name for m in news.merging if holding.get(m.name) != m}
    if aliases := [alias for alias in news.aliases if alias.absorbed not in overtaken]:
        await store.add_aliases(unit.connection, aliases)
    wakes: list[tuple[str, datetime]] = []
    if news.settling:
        since = min(at for at, _ in news.settling)
        settled = await store.settle(unit.connection, [move for _, move in news.settling])
        wakes += ((number, since) for number in settled)
    for split in news.splits:
        hold = [move for move in split.moves if holding.get(move.name) == move]
        if not hold:
            continue
        numbers, parting = await store.part(
            unit.connection, hold, split.parts, at=split.at, kept=book.facts_kept
        )
        wakes += ((number, split.at) for number in numbers)
        for number in numbers:
            news.entries.append(look(number, parting))
            news.entries += moments.contact_look(number, split.at, book.at(split.at).policy)
    return wakes


def entries_of(changes: Mapping[str, Sequence[Change]], book: Book) -> Iterator[Entry]:
    """What scoring's changes, by customer, may begin."""
    for number, heard in changes.items():
        looked: set[datetime] = set()
        for change in heard:
            policy = book.at(change.at).policy
            if change.verdict in policy.cadence.goes_by and change.at not in looked:
                looked.add(change.at)
                yield from moments.contact_look(number, change.at, policy)
            for value in change.gained:
                yield from rules.entries(
                    f"{change.verdict}/{value}",
                    policy,
                    number=number,
                    at=change.at,
                    event_id=change.event_id,
                    version=change.version,
                    reasons=change.reasons,
                    traceparent=change.traceparent,
                )


def _asked(news: News, family: Family, playbook: Playbook) -> Iterator[Asked]:
    """What became of an outreach, for the record; one that still waits ends with its case."""
    move = news.move
    if move.kind == "sent":
        yield _contact(news, family, playbook, move.subject, "sent")
    elif move.kind in ("held", "suppressed"):
        yield _contact(news, family, playbook, move.subject, move.kind, move.detail, move.until)
    elif move.kind == "closed":
        for name, step in news.case.steps.items():
            if step.is_waiting and name in playbook.by_name:
                yield _contact(news, family, playbook, name, "suppressed", "case_closed")


def _contact(
    news: News,
    family: Family,
    playbook: Playbook,
    name: str,
    verdict: str,
    reason: str = "",
    earliest_at: datetime | None = None,
) -> Asked:
    case, step = news.case, playbook.by_name[name]
    assert isinstance(step, OutreachStep)
    return Asked(
        case.number,
        news.move.at,
        case.id,
        name,
        case.playbook,
        channel_of(step, case, family, case.steps[name].began_at),
        playbook.purpose,
        verdict,
        reason,
        earliest_at,
    )


def _count_fired(families: int, in_vain: int) -> None:
    metrics.customers_fired.labels("changed").inc(families - in_vain)
    metrics.customers_fired.labels("unchanged").inc(in_vain)


def _count(decided: Iterable[tuple[Entry, Outcome]]) -> None:
    named = (
        (entry.playbook, entry.trigger, outcome)
        for entry, outcome in decided
        if entry.playbook  # a look is nobody's entry
    )
    for names, count in Counter(named).items():
        metrics.entries_decided.labels(*names).inc(count)
