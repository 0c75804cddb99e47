"""Who looks after a customer: the account manager, or while they are away the deputy (CARE-7).

Worked out from the record and from what was said of absences up to an instant. Open work follows:
a case is handed over at the very instant at which it becomes somebody else's.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from careline_engagement.model import Absence, Case, Family, Move

MANAGER = "account_manager"
"""The field of the record."""
MOMENT = timedelta(microseconds=1)


def owner_of(family: Family, number: str, at: datetime) -> str | None:
    """Who looks after a customer at an instant; deputies may be away, too."""
    manager = owner = family.attribute(number, MANAGER, at)
    passed = set[str]()
    while owner is not None and owner not in passed:
        passed.add(owner)
        deputy = _deputy(family.absences.get(owner, ()), at)
        if deputy is None:
            return owner
        owner = deputy
    # all are away, each for another: it stays with whose it is
    return manager


def handovers(case: Case, family: Family) -> Iterator[Move]:
    """Each time from the last one on that a case's work becomes somebody else's.

    `detail` has the reason and who had it before.
    """
    owner = case.owner
    for at in _turns(family, case.owned_since or case.opened_at):
        now = owner_of(family, case.number, at) or ""
        if now != owner:
            yield Move(at, "handed_over", now, f"{_reason(family, case.number, now, at)} {owner}")
            owner = now


def _reason(family: Family, number: str, owner: str, at: datetime) -> str:
    manager = family.attribute(number, MANAGER, at) or ""
    if owner != manager:
        return "away"
    before = family.attribute(number, MANAGER, at - MOMENT) or ""
    return "back" if manager == before else "reassigned"


def _turns(family: Family, since: datetime) -> list[datetime]:
    """Every instant after `since` at which it may become somebody else's."""
    instants = {record.at for said in family.records.values() for record in said}
    instants |= {alias.since for alias in family.aliases.values()}
    for said in family.absences.values():
        instants.update(*((word.at, word.begins_at, word.ends_at) for word in said))
    return sorted(at for at in instants if at > since)


def _deputy(said: Sequence[Absence], at: datetime) -> str | None:
    """Who stands in for somebody at an instant, as far as it was said by then."""
    latest = {word.name: word for word in said if word.at <= at}
    away = [word for word in latest.values() if word.begins_at <= at < word.ends_at]
    return min(away, key=lambda word: (word.begins_at, word.name)).deputy if away else None
