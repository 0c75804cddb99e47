"""Decides about every customer again when another policy takes effect: in bounded batches.

An event or a timer brings its customer up to the present, through the instant at which the policy
took effect. Rescoring does the same for those for whom nothing comes by: 200 in a unit of work, in
order of number, while events go on in between. How far it is lies in the database, so a restart
goes on where it was; who was decided about by the new policy meanwhile is passed over.
"""

from datetime import datetime

from careline_contracts.envelope import from_text, to_text
from careline_contracts.events.operations import PolicyPublished
from careline_runtime.followed_policy import Timeline
from careline_runtime.timers import Due
from careline_runtime.unit_of_work import Unit
from careline_scoring import metrics
from careline_scoring.rules import Rulebook
from careline_scoring.store.rescorings import (
    Standing,
    customers_after,
    progress_of,
    save_progress,
)

RESCORE_ALL = "rescore-all"
"""The timer of a published policy: its key is the instant, and it fires batch after batch."""

CUSTOMERS_A_UNIT = 200
"""About 0.1 s: an event is not kept waiting for longer."""


def await_policy(unit: Unit, published: PolicyPublished) -> None:
    """Rescoring begins as soon as the policy is in force."""
    unit.set_timer(RESCORE_ALL, to_text(published.effective_at), published.effective_at)


class PolicyUnknown(RuntimeError):
    """A policy is to take effect that can't be read here: the timer is put off, loudly."""


async def next_batch(unit: Unit, timer: Due, timeline: Timeline[Rulebook]) -> list[str]:
    """Numbers of customers to decide about by the policy of `timer`, which fires until all are."""
    effective_at = from_text(timer.key, name="timer")
    edition = timeline.edition_at(effective_at)
    if edition.effective_at != effective_at:
        raise PolicyUnknown(timer.key)
    progress = await progress_of(unit.connection, effective_at, version=edition.version)
    found = await customers_after(unit.connection, progress.cursor, limit=CUSTOMERS_A_UNIT)
    done = len(found) < CUSTOMERS_A_UNIT
    await save_progress(
        unit.connection,
        effective_at,
        cursor=found[-1].number if found else progress.cursor,
        rescored=len(found),
        is_done=done,
    )
    left = 0 if done else max(0, progress.customers - progress.rescored - len(found))
    unit.after_commit(lambda: metrics.rescoring_left.set(left))
    if not done:
        unit.set_timer(timer.kind, timer.key, timer.due_at)
    return [each.number for each in found if _is_due(each, timeline, effective_at)]


def _is_due(customer: Standing, timeline: Timeline[Rulebook], effective_at: datetime) -> bool:
    """Whether nothing has come by yet, or something came before the policy was heard here."""
    if customer.as_of < effective_at:
        return True
    return customer.policy_version != timeline.edition_at(customer.as_of).version
