"""What profile does with touchpoints: finds whose they are, keeps what they tell, and says so."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from careline_contracts.events.ingest import Touchpoint
from careline_profile import metrics, rules, store
from careline_profile.announcements import announce
from careline_profile.in_force import InForceAt, Rules
from careline_profile.model import Evidence, Ref, Reminder
from careline_profile.record import store as record_store
from careline_profile.record.model import Fact
from careline_profile.record.reminding import reminder_of
from careline_profile.record.rules.keeping import remind, shared, take_in
from careline_profile.record.telling import facts_in
from careline_profile.store import Effects
from careline_profile.timeline.store import Happened
from careline_runtime.batch import Heard
from careline_runtime.keyring import CannotOpen
from careline_runtime.unit_of_work import Unit


class Told(NamedTuple):
    """A touchpoint that can be attached: the identities that count, and what it tells."""

    heard: Heard
    touchpoint: Touchpoint
    refs: tuple[Ref, ...]
    facts: list[Fact]
    reminder: Reminder | None

    @property
    def is_about_the_record(self) -> bool:
        """Whether it may change the customer, and not only happens to them."""
        return bool(self.facts or self.reminder)


async def attach_touchpoints(
    unit: Unit, heard: Sequence[Heard], *, by: Rules, in_force_at: InForceAt
) -> None:
    """Attaches each touchpoint to its customer, event by event, in order.

    What an event says is read as it was to be read when it was recorded, so that a replay reads the
    same; whose it is and what holds is decided `by` the rules of now, as for everybody else.
    """
    told = _readable(unit, heard, in_force_at)
    witnesses = store.gather((one.heard.envelope, one.refs) for one in told)
    news = await store.find_news(unit.connection, witnesses)
    graph = await store.load(
        unit.connection,
        [one.refs for one in told],
        news,
        by.links,
        told_about={one.refs[0] for one in told if one.is_about_the_record},
    )
    members = {ref for customer in graph.customers.values() for ref in customer.refs}
    book = await record_store.load(unit.connection, members)
    attributes = partial(shared, book=book, rules=by.fields)
    effects, happened = Effects(news.witnesses), Happened()
    for one in told:
        item, touchpoint, refs, facts, reminder = one
        cause = item.envelope
        evidence = Evidence(cause.occurred_at, cause.event_key)
        attachment = rules.attach(refs, graph, by.links, evidence=evidence, at=cause.recorded_at)
        if one.is_about_the_record:
            customer = graph.customers[attachment.customer]
            changes = take_in(facts, customer, book, by.fields)
            if reminder:
                changes += remind(reminder, customer, book, by.fields)
            graph.note_changes(changes)
            attachment = attachment._replace(changes=(*attachment.changes, *changes))
        effects.add(cause, touchpoint, attachment)
        happened.add(attachment.identity, cause, touchpoint)
        announce(unit, attachment, graph, touchpoint, cause, attributes=attributes)
    await store.save(unit.connection, effects, graph)
    await record_store.save(unit.connection, book.added)
    await record_store.add_reminders(unit.connection, (change for change, _ in effects.changes))
    await happened.save(unit.connection)
    unit.after_commit(lambda: metrics.count(change for change, _ in effects.changes))


def _readable(unit: Unit, heard: Sequence[Heard], in_force_at: InForceAt) -> list[Told]:
    """Those that can be attached and opened; the others are refused."""
    result = []
    for item in heard:
        touchpoint = item.payload
        assert isinstance(touchpoint, Touchpoint)
        by = in_force_at(item.envelope.recorded_at)
        refs = rules.usable([identity.ref for identity in touchpoint.identities], by.links)
        if not refs:
            kinds = ", ".join(sorted({identity.kind for identity in touchpoint.identities}))
            detail = f"every identity is a blocked placeholder: {kinds}"
            unit.refuse(item.record, "missing_identity", detail)
            continue
        try:
            facts = facts_in(item.envelope, touchpoint, refs[0], by.fields, by.keyring)
        except CannotOpen as error:
            unit.refuse(item.record, "cannot_open", str(error))
        else:
            reminder = reminder_of(item.envelope, touchpoint, refs[0])
            result.append(Told(item, touchpoint, refs, facts, reminder))
    return result
