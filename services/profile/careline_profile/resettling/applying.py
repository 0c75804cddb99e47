"""When the policy changes, whoever it concerns is decided again, and not only at their next touch.

Some identities at a time, beside the events that are handled; how far it got is kept, so it may be
interrupted. The first of these units waits for all that is in hand, everywhere, and whatever begins
after it takes the new policy: nobody who was decided again is decided by the former one once more.
Links that a value never made, because it was shared or blocked, are not known afterwards.
"""

from datetime import timedelta
from functools import partial

import structlog

from careline_profile import metrics, rules, store
from careline_profile.announcements import announce_changes
from careline_profile.in_force import InForceAt, Rules
from careline_profile.model import Change, Ref
from careline_profile.record import store as record_store
from careline_profile.record.rules.keeping import share_anew, shared
from careline_profile.resettling.rules import Concerned, concerned, in_words
from careline_profile.resettling.store import Applied, keep, lock_applied, next_refs
from careline_profile.store import Cause, Effects
from careline_runtime.clock import Now
from careline_runtime.erasure import hold, share
from careline_runtime.unit_of_work import Unit, Work

log = structlog.get_logger(__name__)

AT_ONCE = 50
"""Identities of a unit: each may lock a customer until its end, and calls wait behind it."""
BEGINS_AFTER = timedelta(seconds=5)
"""How long a policy is in force before: clocks of instances may be so far apart."""


class Resettling:
    """Brings what is known up to the policy in force."""

    def __init__(self, work: Work, in_force_at: InForceAt, now: Now) -> None:
        self._work, self._in_force_at, self._now = work, in_force_at, now

    async def some(self) -> int:
        """Decides about the next few again; how many they were, 0 when all is as it should be."""
        by = self._in_force_at(self._now() - BEGINS_AFTER)
        policy = in_words(by.links, by.fields)
        async with self._work() as unit:
            applied = await lock_applied(unit.connection, policy)
            if applied.target is None and applied.policy == policy:
                return 0
            if applied.target == policy:
                await share(unit.connection)
            else:
                applied = applied.left_for(policy)
                await hold(unit.connection)
            whom, after = concerned(applied.policy, policy), applied.cursor
            refs = await next_refs(unit.connection, whom, after=after, limit=AT_ONCE)
            done: set[Ref] = set()
            for ref in refs:
                if ref not in done or whom.fields:
                    done |= await self._settle(unit, ref, whom, by)
            is_last = len(refs) < AT_ONCE
            done_so_far = (
                Applied(policy, None, "") if is_last else applied._replace(cursor=refs[-1])
            )
            await keep(unit.connection, done_so_far)
        if is_last:
            log.info("policy.applied", identities=len(refs))
        return len(refs)

    async def _settle(self, unit: Unit, ref: Ref, whom: Concerned, by: Rules) -> set[Ref]:
        """All that hangs together with an identity; returns which identities those are."""
        at = self._now()
        graph = await store.load_around(unit.connection, [ref], by.links)
        changes: list[Change] = list(rules.settle([ref], graph, by.links, at=at))
        members = {one for customer in graph.customers.values() for one in customer.refs}
        book = await record_store.load(unit.connection, members)
        told = share_anew(ref, graph.customer_of(ref), book, by.fields, fields=whom.fields)
        graph.note_changes(told)
        changes += told
        attributes = partial(shared, book=book, rules=by.fields)
        announce_changes(unit, changes, graph, attributes=attributes, at=at)
        effects = Effects()
        effects.changes = [(change, Cause(at)) for change in changes]
        await store.save(unit.connection, effects, graph)
        unit.after_commit(lambda: metrics.count(changes))
        return set(graph.known)
