"""What is only ever added: aliases, facts, consents and entries, in any order and twice."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.engagement import FollowUpRecorded
from careline_engagement import rows, rules
from careline_engagement.model import Alias, Consent, Entry, Fact, Outcome, Record

# the earliest wins: a number is absorbed once, but named again when its survivor is absorbed
_ADD_ALIASES = text("""
    INSERT INTO aliases AS known (absorbed, survivor, since)
    SELECT DISTINCT ON (absorbed) *
    FROM unnest(
        CAST(:absorbed AS text[]), CAST(:survivors AS text[]), CAST(:since AS timestamptz[])
    ) AS heard (absorbed, survivor, since)
    ORDER BY absorbed, since, survivor
    ON CONFLICT (absorbed) DO UPDATE SET survivor = excluded.survivor, since = excluded.since
    WHERE (excluded.since, excluded.survivor) < (known.since, known.survivor)
""")
# what is too old is measured against the customer's latest fact, not the batch's: what is left is
# then the same whatever the batches were
_ADD_FACTS = text("""
    WITH heard AS (
        SELECT * FROM json_to_recordset(CAST(:facts AS json)) AS heard (
            number text, at timestamptz, kind text, event_id text, identity text, detail text,
            amount_minor bigint, request text, version int)
    ), kept AS (
        SELECT number, greatest(
            max(at), (SELECT max(at) FROM facts WHERE facts.number = heard.number)
        ) - CAST(:kept AS interval) AS since
        FROM heard GROUP BY number
    ), dropped AS (
        DELETE FROM facts USING kept WHERE facts.number = kept.number AND facts.at < kept.since
    )
    INSERT INTO facts (
        number, at, kind, event_id, identity, detail, amount_minor, request, version)
    SELECT heard.* FROM heard JOIN kept USING (number) WHERE at >= since
    ORDER BY number, at, kind, event_id
    ON CONFLICT DO NOTHING
""")
_ADD_CONSENTS = text("""
    INSERT INTO consents (number, at, channel, purpose, granted, event_id, expires_at, name)
    SELECT * FROM unnest(
        CAST(:numbers AS text[]), CAST(:ats AS timestamptz[]), CAST(:channels AS text[]),
        CAST(:purposes AS text[]), CAST(:granted AS boolean[]), CAST(:events AS text[]),
        CAST(:expiries AS timestamptz[]), CAST(:names AS text[]))
    ON CONFLICT DO NOTHING
""")
_ADD_RECORDS = text("""
    INSERT INTO records (number, version, at, created_at, attributes)
    SELECT number, version, at, created_at, CAST(attributes AS jsonb)
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS int[]), CAST(:ats AS timestamptz[]),
        CAST(:created AS timestamptz[]), CAST(:attributes AS text[])
    ) AS heard (number, version, at, created_at, attributes)
    ON CONFLICT DO NOTHING
""")
_ADD_FOLLOW_UPS = text("""
    INSERT INTO follow_ups (event_id, number, at, said)
    SELECT event_id, number, at, CAST(said AS jsonb)
    FROM unnest(
        CAST(:events AS text[]), CAST(:numbers AS text[]), CAST(:ats AS timestamptz[]),
        CAST(:said AS text[])
    ) AS heard (event_id, number, at, said)
    ON CONFLICT DO NOTHING
""")
_ADD_ENTRIES = text("""
    INSERT INTO entries (
        number, playbook, name, at, trigger, key, version, reasons, event_id, traceparent, identity,
        outcome)
    SELECT * FROM json_to_recordset(CAST(:entries AS json)) AS heard (
        number text, playbook text, name text, at timestamptz, trigger text, key text, version int,
        reasons jsonb, event_id text, traceparent text, identity text, outcome text)
    ON CONFLICT DO NOTHING
    RETURNING number, at, outcome
""")
_DROP_ENTRIES = text("""
    DELETE FROM entries USING unnest(
        CAST(:numbers AS text[]), CAST(:playbooks AS text[]), CAST(:names AS text[])
    ) AS dropped (number, playbook, name)
    WHERE entries.number = dropped.number AND entries.playbook = dropped.playbook
        AND entries.name = dropped.name
""")
_DECIDE_ENTRIES = text("""
    UPDATE entries SET outcome = decided.outcome
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:playbooks AS text[]), CAST(:names AS text[]),
        CAST(:outcomes AS text[])
    ) AS decided (number, playbook, name, outcome)
    WHERE entries.number = decided.number AND entries.playbook = decided.playbook
        AND entries.name = decided.name
""")


async def add_aliases(connection: AsyncConnection, aliases: Iterable[Alias]) -> None:
    """Adds that customers were found to be one."""
    listed = list(aliases)
    await connection.execute(
        _ADD_ALIASES,
        {
            "absorbed": [a.absorbed for a in listed],
            "survivors": [a.survivor for a in listed],
            "since": [a.since for a in listed],
        },
    )


async def add_facts(
    connection: AsyncConnection, facts: Mapping[Fact, str], *, kept: timedelta
) -> None:
    """Adds facts, each with the name that it goes with, and drops those that are too old to matter.

    In order of key: two instances that add to the same customers wait, and don't deadlock.
    """
    heard = rows.to_json({**fact._asdict(), "identity": name} for fact, name in facts.items())
    await connection.execute(_ADD_FACTS, {"facts": heard, "kept": kept})


async def add_consents(connection: AsyncConnection, consents: Collection[Consent]) -> None:
    """Adds what customers allowed and forbade."""
    await connection.execute(
        _ADD_CONSENTS,
        {
            "numbers": [c.number for c in consents],
            "ats": [c.at for c in consents],
            "channels": [c.channel for c in consents],
            "purposes": [c.purpose for c in consents],
            "granted": [c.granted for c in consents],
            "events": [c.event_id for c in consents],
            "expiries": [c.expires_at for c in consents],
            "names": [c.name for c in consents],
        },
    )


async def add_records(connection: AsyncConnection, records: Collection[tuple[str, Record]]) -> None:
    """Adds what profile said of customers, each with its number."""
    await connection.execute(
        _ADD_RECORDS,
        {
            "numbers": [number for number, _ in records],
            "versions": [r.version for _, r in records],
            "ats": [r.at for _, r in records],
            "created": [r.created_at for _, r in records],
            "attributes": [rows.from_attributes(r.attributes) for _, r in records],
        },
    )


async def add_follow_ups(
    connection: AsyncConnection,
    follow_ups: Collection[tuple[datetime, str, FollowUpRecorded]],
) -> None:
    """Adds what people noted, each with its instant and its event's id."""
    await connection.execute(
        _ADD_FOLLOW_UPS,
        {
            "events": [id for _, id, _ in follow_ups],
            "numbers": [said.customer for _, _, said in follow_ups],
            "ats": [at for at, _, _ in follow_ups],
            "said": [said.to_json().decode() for _, _, said in follow_ups],
        },
    )


async def add_entries(
    connection: AsyncConnection, entries: Mapping[Entry, Outcome | None]
) -> dict[str, datetime]:
    """Adds what may begin a case, decided or not; returns for whom something new is to be decided,
    and the earliest instant."""
    heard = rows.to_json({**e._asdict(), "outcome": outcome} for e, outcome in entries.items())
    added = await connection.execute(_ADD_ENTRIES, {"entries": heard})
    earliest: dict[str, datetime] = {}
    for number, at, outcome in added:
        if outcome is None:
            earliest[number] = min(at, earliest.get(number, at))
    return earliest


async def decide_entries(
    connection: AsyncConnection, decided: Sequence[tuple[Entry, Outcome]]
) -> None:
    """Saves what entries led to; those that say nothing of the customer are forgotten."""
    dropped = [entry for entry, outcome in decided if rules.says_nothing(entry, outcome)]
    decided = [
        (entry, outcome) for entry, outcome in decided if not rules.says_nothing(entry, outcome)
    ]
    if dropped:
        await connection.execute(
            _DROP_ENTRIES,
            {
                "numbers": [e.number for e in dropped],
                "playbooks": [e.playbook for e in dropped],
                "names": [e.name for e in dropped],
            },
        )
    if decided:
        await connection.execute(
            _DECIDE_ENTRIES,
            {
                "numbers": [entry.number for entry, _ in decided],
                "playbooks": [entry.playbook for entry, _ in decided],
                "names": [entry.name for entry, _ in decided],
                "outcomes": [outcome for _, outcome in decided],
            },
        )
