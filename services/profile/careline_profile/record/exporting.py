"""All that is kept about one person, in clear, for the person (portability)."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_profile import queries
from careline_profile.in_force import InForce, Rules
from careline_profile.protection.audit import Deed
from careline_profile.protection.reading import Protection
from careline_profile.protection.store import sealed_identities
from careline_profile.record.model import Fact
from careline_profile.record.queries import facts_of
from careline_profile.record.rules.fold import fold
from careline_profile.rules import kind_of, token_of
from careline_profile.timeline.model import Wanted
from careline_profile.timeline.queries import page
from careline_runtime.access import Caller
from careline_runtime.keyring import Keyring
from careline_runtime.unit_of_work import Unit

MOST_TOUCHPOINTS = 10_000
"""Of the newest; who has more is told so."""


class Said(BaseModel):
    """A value, who said it, and whether it stands on the record."""

    field: str
    item: str | None
    value: str
    source: str
    verified_by: str | None
    occurred_at: datetime
    ends_at: datetime | None
    stands: bool


class Happened(BaseModel):
    """A touchpoint."""

    occurred_at: datetime
    channel: str
    type: str
    details: dict[str, Any]


class Export(BaseModel):
    """Everything about one customer that can be read without a key."""

    customer: str
    exported_at: datetime
    identities: dict[str, list[str]]
    """Phone numbers, addresses, accounts, by kind."""
    said: list[Said]
    """Everything that was ever said about the fields of the record, oldest first."""
    touchpoints: list[Happened]
    """Newest first, as far back as the timeline goes."""
    has_more_touchpoints: bool


class Exporter:
    """Gathers what is kept about a person, and leaves a trace of it in the audit."""

    def __init__(self, protection: Protection, in_force: InForce) -> None:
        self._protection, self._in_force = protection, in_force

    async def export(
        self, unit: Unit, caller: Caller, number: str, *, reason: str, at: datetime
    ) -> Export | None:
        """Everything; None if there is no such customer. To be told once the unit is committed."""
        found = await queries.customer(unit.connection, number)
        if found is None:
            return None
        deed = Deed(caller.subject, tuple(sorted(caller.roles)), "customers.export", found.number)
        await self._protection.note(unit, deed, reason)
        identities = await sealed_identities(unit.connection, found.number)
        refs = [ref for ref, _ in identities]
        rules = self._in_force()
        opened: dict[str, list[str]] = {}
        for ref, sealed in identities:
            kind = kind_of(ref)
            opened.setdefault(kind, []).append(rules.keyring.open(kind, sealed))
        touchpoints, more = await _touchpoints(unit.connection, refs)
        return Export(
            customer=found.number,
            exported_at=at,
            identities={kind: sorted(values) for kind, values in sorted(opened.items())},
            said=_said(await facts_of(unit.connection, refs), rules),
            touchpoints=touchpoints,
            has_more_touchpoints=more,
        )


def _said(facts: list[Fact], rules: Rules) -> list[Said]:
    standing = set(fold(facts, rules.fields).values())
    told = sorted(facts, key=lambda f: (f.occurred_at, f.event_key, f.slot))
    return [_clear(fact, rules.keyring, stands=fact in standing) for fact in told]


def _clear(fact: Fact, keyring: Keyring, *, stands: bool) -> Said:
    is_sealed = bool(fact.token or fact.flaw)
    return Said(
        field=fact.slot.field,
        # of a personal field it is a token
        item=None if fact.token else fact.slot.item or None,
        value=keyring.open(fact.slot.field, fact.value) if is_sealed else fact.value,
        source=fact.source,
        verified_by=fact.verified_by,
        occurred_at=fact.occurred_at,
        ends_at=fact.ends_at,
        stands=stands,
    )


async def _touchpoints(connection: AsyncConnection, refs: list[str]) -> tuple[list[Happened], bool]:
    tokens = [token_of(ref) for ref in refs]
    entries = await page(connection, tokens, Wanted(), limit=MOST_TOUCHPOINTS + 1)
    shown = [
        Happened(
            occurred_at=entry.occurred_at,
            channel=entry.channel,
            type=entry.type,
            details=entry.body,
        )
        for entry in entries[:MOST_TOUCHPOINTS]
    ]
    return shown, len(entries) > MOST_TOUCHPOINTS
