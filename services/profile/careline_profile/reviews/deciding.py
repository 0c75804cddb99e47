"""A person's verdict on a link, in one unit of work: recorded, carried out and said."""

from datetime import datetime
from functools import partial
from typing import Literal, NamedTuple

from careline_profile import metrics, rules, store
from careline_profile.announcements import announce_changes
from careline_profile.in_force import InForce
from careline_profile.model import Pair, Verdict
from careline_profile.record import store as record_store
from careline_profile.record.rules.keeping import shared
from careline_profile.store import Cause, Effects
from careline_runtime.erasure import share
from careline_runtime.unit_of_work import Unit

Word = Literal["approved", "refused", "cut"]

VERDICT_REASON = "verdict_reason"
"""Under what kind reasons are sealed: people name people there."""


class Undecidable(Exception):
    """The verdict would not do what it says; nothing was recorded."""


class Outcome(NamedTuple):
    """To whom the two ends of the link belong now."""

    customers: tuple[str, str]


async def decide(
    unit: Unit, link: Pair, word: Word, *, in_force: InForce, by: str, reason: str, at: datetime
) -> Outcome:
    """Records who decided what and why, and makes the customers what follows from it."""
    await share(unit.connection)
    rulebook = in_force()
    graph = await store.load_around(unit.connection, link, rulebook.links)
    is_held = link in graph.held
    if is_held != (word in ("approved", "refused")):
        raise Undecidable(_what_it_is(is_held, graph.verdicts.get(link)))
    verdict = (
        rules.approval(link, graph, rulebook.links, at=at)
        if word == "approved"
        else Verdict(False, at)
    )
    changes = rules.judge(link, verdict, graph, rulebook.links)
    if word == "approved" and (why := graph.held.get(link)):
        # too large a customer, or a verdict that two of the identities are never one
        raise Undecidable(f"an approval does not help, the link is still held: {why.reason}")
    members = {ref for customer in graph.customers.values() for ref in customer.refs}
    book = await record_store.load(unit.connection, members)
    attributes = partial(shared, book=book, rules=rulebook.fields)
    announce_changes(unit, changes, graph, attributes=attributes, at=at, by=by)
    sealed = rulebook.keyring.seal(VERDICT_REASON, reason)
    await store.save_verdict(unit.connection, link, verdict, by=by, reason=sealed)
    effects = Effects()
    effects.changes = [(change, Cause(at)) for change in changes]
    await store.save(unit.connection, effects, graph)
    unit.after_commit(lambda: metrics.count(changes))
    return Outcome((graph.owners[link[0]], graph.owners[link[1]]))


def _what_it_is(is_held: bool, verdict: Verdict | None) -> str:
    """Why a link can't be decided so, and how it can."""
    if not is_held:
        return "the link joins its customer: cut it"
    if verdict and not verdict.is_one:
        return "the link holds nobody together since somebody decided so: approve it to undo that"
    return "the link is held: approve or refuse it"
