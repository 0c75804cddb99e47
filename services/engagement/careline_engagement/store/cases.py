"""Cases, and the contacts that they asked for."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import rows
from careline_engagement.model import Case

CASE_COLUMNS = """
    id, number, playbook, digest, trigger, key, tier, CAST(reasons AS text), opened_at, ends_at,
    CAST(steps AS text), policy_version, version, status, closed_at, closed_reason, traceparent,
    held_out, owner, owned_since
"""
_COLUMNS = """
    id, number, playbook, digest, trigger, key, tier, reasons, opened_at, ends_at, steps,
    policy_version, version, status, closed_at, closed_reason, traceparent, held_out, owner,
    owned_since, is_breached
"""
_SAVE_CASES = text(f"""
    INSERT INTO cases ({_COLUMNS})
    SELECT {_COLUMNS} FROM json_to_recordset(CAST(:cases AS json)) AS saved (
        id text, number text, playbook text, digest text, trigger text, key text, tier text,
        reasons jsonb, opened_at timestamptz, ends_at timestamptz, steps jsonb,
        policy_version text, version int, status text, closed_at timestamptz, closed_reason text,
        traceparent text, held_out boolean, owner text, owned_since timestamptz,
        is_breached boolean)
    ON CONFLICT (id) DO UPDATE SET
        steps = excluded.steps, version = excluded.version, status = excluded.status,
        closed_at = excluded.closed_at, closed_reason = excluded.closed_reason,
        is_breached = excluded.is_breached, owner = excluded.owner,
        owned_since = excluded.owned_since
""")  # noqa: S608 (constants)
# one that was held is sent or suppressed later
_SAVE_CONTACTS = text("""
    INSERT INTO contacts (
        number, at, case_id, step, playbook, channel, purpose, verdict, reason, earliest_at)
    SELECT * FROM unnest(
        CAST(:numbers AS text[]), CAST(:ats AS timestamptz[]), CAST(:cases AS text[]),
        CAST(:steps AS text[]), CAST(:playbooks AS text[]), CAST(:channels AS text[]),
        CAST(:purposes AS text[]), CAST(:verdicts AS text[]), CAST(:reasons AS text[]),
        CAST(:earliest AS timestamptz[]))
    ON CONFLICT (case_id, step) DO UPDATE SET
        at = excluded.at, verdict = excluded.verdict,
        reason = CASE WHEN excluded.verdict = 'sent' THEN contacts.reason ELSE excluded.reason END,
        earliest_at = excluded.earliest_at
""")


class Asked(NamedTuple):
    """What became of an outreach that a case asked for."""

    number: str
    at: datetime
    case: str
    step: str
    playbook: str
    channel: str
    purpose: str
    verdict: str
    """sent, held or suppressed."""
    reason: str
    earliest_at: datetime | None


def to_case(row: Sequence[Any]) -> Case:
    """The case in a row of `CASE_COLUMNS`."""
    id, number, playbook, digest, trigger, key, tier, reasons, opened, ends, steps, *rest = row
    return Case(
        id,
        number,
        playbook,
        digest,
        trigger,
        key,
        tier,
        rows.to_reasons(reasons),
        opened,
        ends,
        rows.to_steps(steps),
        *rest,
    )


async def save_cases(connection: AsyncConnection, cases: Sequence[Case]) -> None:
    """Saves cases as they are now."""
    saved = rows.to_json(
        {**case._asdict(), "steps": rows.from_steps(case.steps), "is_breached": case.is_breached}
        for case in cases
    )
    await connection.execute(_SAVE_CASES, {"cases": saved})


async def save_contacts(connection: AsyncConnection, asked: Collection[Asked]) -> None:
    """Saves what became of outreach; of one that was held and sent in the batch, the last, with
    what it had to wait for."""
    known: dict[tuple[str, str], Asked] = {}
    for one in asked:
        before = known.get((one.case, one.step))
        reason = before.reason if before and one.verdict == "sent" else one.reason
        known[one.case, one.step] = one._replace(reason=reason)
    last = known.values()
    await connection.execute(
        _SAVE_CONTACTS,
        {
            "numbers": [a.number for a in last],
            "ats": [a.at for a in last],
            "cases": [a.case for a in last],
            "steps": [a.step for a in last],
            "playbooks": [a.playbook for a in last],
            "channels": [a.channel for a in last],
            "purposes": [a.purpose for a in last],
            "verdicts": [a.verdict for a in last],
            "reasons": [a.reason for a in last],
            "earliest": [a.earliest_at for a in last],
        },
    )
