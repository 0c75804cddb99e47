"""Who enters a playbook: one case at a time, a time of peace after it, and a few left alone."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from careline_engagement.model import Case, Entry, Family, Outcome, Ruling
from careline_engagement.policy import EngagementPolicy, Playbook
from careline_engagement.policy.steps import When
from careline_engagement.policy.words import VERDICTS
from careline_engagement.rules.owners import owner_of


def entries(
    trigger: str,
    policy: EngagementPolicy,
    *,
    number: str,
    at: datetime,
    event_id: str,
    version: int = 0,
    reasons: Iterable[str] = (),
    body: Mapping[str, Any] | None = None,
    traceparent: str = "",
) -> Iterator[Entry]:
    """What an event may begin, named by scoring's decision and verdict, or by the event's id."""
    name, body = _named(trigger, version) if version else short(event_id), body or {}
    for playbook in policy.triggers.get(trigger, ()):
        if not any(
            rule.trigger == trigger and rule.where.items() <= body.items()
            for rule in playbook.enter
        ):
            continue
        key = ""
        if field := playbook.again.keyed_by:
            key = str(body.get(field) or "")
        yield Entry(
            number,
            playbook.playbook,
            name,
            at,
            trigger,
            key,
            version,
            (trigger, *reasons),
            event_id,
            traceparent,
        )


def _named(trigger: str, version: int) -> str:
    """One decision may add several values to a tag, each in any words: a hash stands for it."""
    verdict, _, _ = trigger.partition("/")
    return f"{version}-{verdict if verdict in VERDICTS else short(trigger)}"


def decide(entry: Entry, family: Family, playbook: Playbook) -> Outcome:
    """Whether an entry opens a case."""
    if not any(
        rule.trigger == entry.trigger and holds(rule.when, entry, family) for rule in playbook.enter
    ):
        return "condition_unmet"
    cases = [
        case
        for case in family.cases
        if (case.playbook, case.key) == (entry.playbook, entry.key)
        and family.joined_at(case.number, entry.number) <= entry.at
    ]
    if any(case.closed_at is None or case.closed_at > entry.at for case in cases):
        return "case_open"
    peace = playbook.again.peace
    if any(case.closed_at and entry.at < case.closed_at + peace for case in cases):
        return "cool_down"
    return "held_out" if is_held_out(playbook, entry.number) else "opened"


def says_nothing(entry: Entry, outcome: Outcome) -> bool:
    """A moment that has moved was never the time; a purchase of somebody whom no playbook is for is
    no news, and would leave a row for each. What scoring said is kept: it is rare, and a warning.
    """
    return outcome == "superseded" or (outcome == "condition_unmet" and not entry.version)


def is_out_of_question(entry: Entry, rulings: Sequence[Ruling], policy: EngagementPolicy) -> bool:
    """Whether scoring's verdicts alone say, up to the change that an entry is, that it can't open.

    They have been followed in their order up to there: nothing that is heard later adds to them.
    """
    known = Family(frozenset([entry.number]), {}, rulings={entry.number: rulings})
    return not any(
        rule.trigger == entry.trigger
        and _fits_verdicts(rule.when, known, entry.number, entry.at, entry.version)
        for rule in policy.by_name[entry.playbook].enter
    )


def holds(when: When, entry: Entry, family: Family) -> bool:
    """Whether a condition fits the customer as an entry finds them."""
    return fits(when, family, entry.number, entry.at, entry.version)


def fits(when: When, family: Family, number: str, at: datetime, version: int = 0) -> bool:
    """Whether a condition fits what scoring had said of a customer by an instant."""
    if not _fits_verdicts(when, family, number, at, version):
        return False
    if not when.attributes:
        return True
    record = family.record(number, at)
    return all(
        record is not None and wanted & set(record.values(name))
        for name, wanted in when.attributes.items()
    )


def _fits_verdicts(when: When, family: Family, number: str, at: datetime, version: int) -> bool:
    return not any(
        wanted.isdisjoint(family.tag(number, name, at, version))
        for name, wanted in when.verdicts.items()
    )


def is_held_out(playbook: Playbook, number: str) -> bool:
    """Whether a customer is in the group that is left alone: a draw that every replay repeats."""
    draw = _digest(f"{playbook.playbook}/{playbook.version}/{number}")
    return draw % 100 < playbook.holdout_percent


def open_case(
    entry: Entry, outcome: Outcome, family: Family, playbook: Playbook, policy_version: str
) -> Case:
    """The case that an entry opens."""
    owner = owner_of(family, entry.number, entry.at) if playbook.asks_manager else None
    return Case(
        id=entry.case,
        number=entry.number,
        playbook=playbook.playbook,
        digest=playbook.digest,
        trigger=entry.trigger,
        key=entry.key,
        tier=family.verdict(entry.number, "tier", entry.at, entry.version),  # type: ignore[arg-type]
        reasons=entry.reasons,
        opened_at=entry.at,
        ends_at=entry.at + playbook.window,
        steps={},
        policy_version=policy_version,
        traceparent=entry.traceparent,
        held_out=outcome == "held_out",
        owner=owner or "",
    )


def short(text: str) -> str:
    """Twelve letters that stand for a text."""
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
