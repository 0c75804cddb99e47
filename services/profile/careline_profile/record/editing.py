"""A person puts a record right: a fact like any other, with who and why."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from hashlib import blake2b
from typing import Literal, NamedTuple

from careline_contracts.envelope import Envelope
from careline_profile import metrics, queries, store
from careline_profile.announcements import announce_changes
from careline_profile.in_force import InForce, Rules
from careline_profile.model import AboutTheRecord, Customer, Graph, LookedAt
from careline_profile.record import store as record_store
from careline_profile.record.model import STAFF, Book, Fact, Slot
from careline_profile.record.rules.keeping import shared, take_in
from careline_profile.record.telling import Teller, take_away, tell
from careline_profile.store import Cause, Effects
from careline_runtime.erasure import share
from careline_runtime.unit_of_work import Unit

EDITS = "/careline/profile/edits"
EDITED = "careline.record.edited.v1"
LOOKED_AT = "careline.record.looked-at.v1"
REASON = "edit reason"


class Edit(NamedTuple):
    """One place of the record, and what is to stand there; None: nothing."""

    field: str
    value: str | None
    item: str = ""
    """Which of several values goes, where one is taken away."""


class Request(NamedTuple):
    """Who wants what to stand on the record, since when, and why."""

    edits: Sequence[Edit]
    who: str
    why: str
    since: datetime
    """When it became so."""
    now: datetime
    verified_by: str | None = None


class Flawed(ValueError):
    """An edit that can't be made; `number` says which of them, `part` what of it."""

    def __init__(self, number: int, part: Literal["field", "value"], words: str) -> None:
        super().__init__(words)
        self.number = number
        self.part = part


class Edited(NamedTuple):
    """The customer that was edited, and the fields that read otherwise now."""

    customer: str
    version: int
    fields: tuple[str, ...]


class Editor:
    """Makes edits under the rules of the record."""

    def __init__(self, in_force: InForce) -> None:
        self._in_force = in_force

    async def edit(self, unit: Unit, number: str, request: Request) -> Edited | None:
        """Makes all of them or none; None if there is no such customer; raises `Flawed`."""
        await share(unit.connection)
        by = self._in_force()
        found = await queries.customer(unit.connection, number)
        if found is None:
            return None
        # under the identity that the number began with, as far as it still has it
        [(ref, _), *_] = await queries.identities(unit.connection, found.number)
        graph = await store.load_around(unit.connection, [ref], by.links)
        customer = graph.customer_of(ref)
        cause = _cause(customer, request)
        teller = Teller(
            ref,
            cause.event_key,
            STAFF + request.who,
            request.since,
            request.now,
            request.verified_by,
            by.keyring.seal(REASON, request.why),
        )
        facts = [_fact(teller, place, edit, by) for place, edit in enumerate(request.edits)]
        book = await record_store.load(unit.connection, customer.refs)
        changes = take_in(facts, customer, book, by.fields)
        await self._save(unit, by, graph, book, changes, cause)
        fields = tuple(sorted({fact.slot.field for fact in facts})) if changes else ()
        return Edited(customer.number, customer.version, fields)

    async def look_at(
        self, unit: Unit, number: str, reminder: str, *, who: str, at: datetime
    ) -> Edited | None:
        """Clears a reminder; None if it doesn't stand, or there is no such customer."""
        await share(unit.connection)
        by = self._in_force()
        found = await queries.customer(unit.connection, number)
        if found is None:
            return None
        refs = [ref for ref, _ in await queries.identities(unit.connection, found.number)]
        graph = await store.load_around(unit.connection, refs[:1], by.links)
        customer = graph.customer_of(refs[0])
        if not await record_store.clear_reminder(
            unit.connection, reminder, customer.refs, by=who, at=at
        ):
            return None
        customer.version += 1
        looked = LookedAt(customer.number, customer.version, reminder, who)
        book = await record_store.load(unit.connection, customer.refs)
        cause = Envelope(f"{reminder}-looked-at", EDITS, LOOKED_AT, at, at)
        await self._save(unit, by, graph, book, (looked,), cause)
        return Edited(customer.number, customer.version, ())

    async def _save(
        self,
        unit: Unit,
        by: Rules,
        graph: Graph,
        book: Book,
        changes: Sequence[AboutTheRecord],
        cause: Envelope,
    ) -> None:
        at = cause.recorded_at
        graph.note_changes(changes)
        effects = Effects()
        effects.changes += [(change, Cause(at)) for change in changes]
        attributes = partial(shared, book=book, rules=by.fields)
        announce_changes(unit, changes, graph, attributes=attributes, at=at, cause=cause)
        await store.save(unit.connection, effects, graph)
        await record_store.save(unit.connection, book.added)
        unit.after_commit(lambda: metrics.count(changes))


def _fact(teller: Teller, place: int, edit: Edit, by: Rules) -> Fact:
    if edit.field not in by.fields.fields:
        raise Flawed(place, "field", f"{edit.field} is no field of the record")
    if edit.value is None:
        return take_away(teller, Slot(edit.field, edit.item))
    fact = tell(teller, edit.field, edit.value, by.fields, by.keyring)
    if fact.flaw:
        raise Flawed(place, "value", f"{edit.field}: {fact.flaw}")
    return fact


def _cause(customer: Customer, request: Request) -> Envelope:
    """The edit as an event: the same request for the same record is the same event."""
    words = repr((request.edits, request.who, request.why, request.verified_by, request.since))
    digest = blake2b(words.encode(), digest_size=8).hexdigest()
    id = f"{customer.number}-{customer.version}-{digest}"
    return Envelope(id, EDITS, EDITED, request.since, request.now)
