"""Customers, whole: all that a decision about them depends on, locked."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import rows
from careline_engagement.model import (
    Alias,
    Case,
    Consent,
    Contact,
    Entry,
    Fact,
    Family,
    Parting,
    Record,
)
from careline_engagement.rules.owners import MANAGER
from careline_engagement.rules.parting import PARTED
from careline_engagement.store.absences import absences_of
from careline_engagement.store.cases import CASE_COLUMNS, to_case
from careline_engagement.store.standings import lock

EVER = datetime.max.replace(tzinfo=UTC)

# up from the numbers to those that absorbed them, down again to all that these absorbed
_UP = """
    WITH RECURSIVE up (number) AS (
        SELECT DISTINCT unnest(CAST(:numbers AS text[])) COLLATE "C"
        UNION
        SELECT a.survivor FROM up JOIN aliases a ON a.absorbed = up.number
    )
"""
_DOWN = f"""{_UP}, down (root, number) AS (
        SELECT number, number FROM up
        WHERE NOT EXISTS (SELECT FROM aliases a WHERE a.absorbed = up.number)
        UNION
        SELECT down.root, a.absorbed FROM down JOIN aliases a ON a.survivor = down.number
    )
"""  # noqa: S608 (a constant)
# who fires a timer takes its row first and skips what is held
_HOLD = text(f"""{_UP}
    SELECT FROM timers WHERE kind = :kind AND key IN (SELECT number FROM up)
    ORDER BY key FOR KEY SHARE
""")  # noqa: S608 (a constant)
_FAMILIES = text(f"{_DOWN} SELECT root, array_agg(number) FROM down GROUP BY root")  # noqa: S608 (a constant)
_OPEN_PLAYBOOKS = text(f"""{_DOWN}
    SELECT root, array_agg(DISTINCT down.number),
        array_remove(array_agg(DISTINCT cases.playbook), NULL)
    FROM down LEFT JOIN cases ON cases.number = down.number AND cases.closed_at IS NULL
    GROUP BY root
""")  # noqa: S608 (a constant)
_ROWS = text("""
    SELECT number, version, CAST(rulings AS text), parted_at, parted_since
    FROM customers WHERE number = ANY(CAST(:numbers AS text[]))
""")
# a split may take back how cases ended since the customers had been taken for one
_ENDED_SINCE = text(f"""
    SELECT {CASE_COLUMNS} FROM cases
    WHERE number = ANY(CAST(:numbers AS text[])) AND closed_at >= :since
""")  # noqa: S608 (a constant)
_ALIASES = text("""
    SELECT absorbed, survivor, since FROM aliases
    WHERE absorbed = ANY(CAST(:numbers AS text[])) AND survivor = ANY(CAST(:numbers AS text[]))
""")
# one statement, because in a small unit a round trip costs more than what it brings. Of the cases
# that have ended only the last of a playbook matters, and only to an entry that is to be decided;
# a look, which has no playbook, may come to one of any.
# What these entries are about is gathered once: asked for each number anew it takes the square of
# the batch. Days to come are most of the entries, and none of them matters before it comes; only
# a contract's end is void if there is a later one
_KNOWN = text(f"""
    WITH undecided AS MATERIALIZED (
        SELECT DISTINCT root, playbook, key
        FROM unnest(CAST(:numbers AS text[]), CAST(:roots AS text[])) AS c (number, root)
        JOIN entries USING (number)
        WHERE outcome IS NULL AND at <= :until
    )
    SELECT c.number,
        ARRAY(
            SELECT (at, number, kind, event_id, detail, amount_minor, request, version)
            FROM facts WHERE facts.number = c.number),
        ARRAY(
            SELECT (
                number, playbook, name, at, trigger, key, version, CAST(reasons AS text), event_id,
                traceparent, identity)
            FROM entries e WHERE e.number = c.number AND outcome IS NULL
                AND (at <= :until OR key <> '')),
        (SELECT min(at) FROM entries e
            WHERE e.number = c.number AND outcome IS NULL AND at > :until AND key = ''),
        ARRAY(
            SELECT ({CASE_COLUMNS}) FROM cases
            WHERE cases.number = c.number AND closed_at IS NULL
            UNION ALL
            (SELECT DISTINCT ON (playbook, key) ({CASE_COLUMNS}) FROM cases
            WHERE cases.number = c.number AND closed_at IS NOT NULL
                AND ((c.root, playbook, key) IN (SELECT root, playbook, key FROM undecided)
                    OR key = '' AND (c.root, '') IN (SELECT root, playbook FROM undecided))
            ORDER BY playbook, key, opened_at DESC)),
        ARRAY(
            SELECT (at, number, case_id, step, channel, purpose) FROM contacts
            WHERE contacts.number = c.number AND verdict = 'sent'
                AND at > (SELECT max(at) FROM contacts WHERE contacts.number = c.number)
                    - CAST(:kept AS interval)),
        ARRAY(
            SELECT (at, number, channel, purpose, granted, event_id, expires_at, name) FROM consents
            WHERE consents.number = c.number),
        ARRAY(
            SELECT (at, version, created_at, CAST(attributes AS text)) FROM records
            WHERE records.number = c.number ORDER BY version)
    FROM unnest(CAST(:numbers AS text[]), CAST(:roots AS text[])) AS c (number, root)
""")  # noqa: S608 (a constant)


async def load_families(
    connection: AsyncConnection,
    numbers: Collection[str],
    *,
    until: datetime,
    kept: timedelta,
) -> list[Family]:
    """The customers with these numbers, locked; with the entries that matter up to `until`."""
    if not numbers:
        return []
    found = await _find(connection, numbers)
    members = {number for _, all_of_one in found for number in all_of_one}
    rows = await lock(connection, members)
    return await _read(connection, found, rows, until=until, kept=kept)


async def read_families(
    connection: AsyncConnection, numbers: Collection[str], *, kept: timedelta
) -> list[Family]:
    """The customers with these numbers, to look at, with all that comes: nothing is locked."""
    found = await _find(connection, numbers)
    members = [number for _, all_of_one in found for number in all_of_one]
    rows = (await connection.execute(_ROWS, {"numbers": members})).all()
    return await _read(connection, found, rows, until=EVER, kept=kept)


async def read_family(
    connection: AsyncConnection, number: str, *, kept: timedelta
) -> Family | None:
    """The customer with this number, to look at; None if nothing was ever heard of one."""
    found = await read_families(connection, [number], kept=kept)
    return found[0] if found and found[0].is_known else None


async def hold(connection: AsyncConnection, numbers: Collection[str], *, timer: str) -> None:
    """Until the unit ends, nobody decides about these customers: another instance that is about to
    is waited for, and then what it has come to can be seen.
    """
    if numbers:
        await connection.execute(_HOLD, {"numbers": sorted(numbers), "kind": timer})


async def open_playbooks(
    connection: AsyncConnection, numbers: Collection[str]
) -> Sequence[tuple[str, Sequence[str], Sequence[str]]]:
    """Of each customer: the present number, all of them, and the playbooks with an open case."""
    if not numbers:
        return []
    rows = await connection.execute(_OPEN_PLAYBOOKS, {"numbers": sorted(numbers)})
    return [(root, members, playbooks) for root, members, playbooks in rows]


async def _find(
    connection: AsyncConnection, numbers: Collection[str]
) -> Sequence[tuple[str, Sequence[str]]]:
    """Root and members of each customer."""
    rows = await connection.execute(_FAMILIES, {"numbers": sorted(numbers)})
    return [(root, members) for root, members in rows]


async def _read(
    connection: AsyncConnection,
    found: Sequence[tuple[str, Sequence[str]]],
    customers: Sequence[Sequence[Any]],
    *,
    until: datetime,
    kept: timedelta,
) -> list[Family]:
    if not found:
        return []
    root_of = {number: root for root, members in found for number in members}
    rulings = dict.fromkeys(root_of, ()) | {
        number: rows.to_rulings(said) for number, _, said, *_ in customers
    }
    partings = {number: Parting(at, since) for number, *_, at, since in customers if at}
    known: dict[str, Any] = {root: ({}, [], [], [], [], []) for root, _ in found}
    if len(root_of) > len(found):
        for row in await connection.execute(_ALIASES, {"numbers": list(root_of)}):
            known[root_of[row.absorbed]][0][row.absorbed] = Alias(*row)
    records: dict[str, list[Record]] = {}
    later: dict[str, datetime] = {}
    wanted = {
        "numbers": list(root_of),
        "roots": list(root_of.values()),
        "until": until,
        "kept": kept,
    }
    for (
        number,
        facts,
        entries,
        later_at,
        cases,
        contacts,
        consents,
        said,
    ) in await connection.execute(_KNOWN, wanted):
        _, all_facts, all_entries, all_cases, all_contacts, all_consents = known[root_of[number]]
        all_facts += (Fact(*fact) for fact in facts)
        all_entries += map(_to_entry, entries)
        all_cases += map(to_case, cases)
        all_contacts += map(Contact._make, contacts)
        all_consents += map(Consent._make, consents)
        if later_at is not None:
            later[root_of[number]] = min(later_at, later.get(root_of[number], later_at))
        records[number] = [
            Record(at, version, created_at, rows.to_attributes(fields))
            for at, version, created_at, fields in said
        ]
    # most customers have no account manager, and then nobody's absence is asked for
    managers = {name for said in records.values() for r in said for name in r.values(MANAGER)}
    absences = await absences_of(connection, managers) if managers else {}
    families = [
        _family(members, rulings, records, partings, *known[root])._replace(
            later_at=later.get(root), absences=absences
        )
        for root, members in sorted(found)
    ]
    return [await _with_what_may_be_taken_back(connection, family) for family in families]


async def _with_what_may_be_taken_back(connection: AsyncConnection, family: Family) -> Family:
    """The same family, mostly: splits are rare."""
    parted = family.parting
    if parted is None or all(entry.trigger != PARTED for entry in family.entries):
        return family
    wanted = {"numbers": sorted(family.numbers), "since": parted.since}
    ended: list[Case] = [to_case(row) for row in await connection.execute(_ENDED_SINCE, wanted)]
    cases = {case.id: case for case in (*family.cases, *ended)}
    return family._replace(cases=list(cases.values()))


def _family(
    members: Collection[str],
    rulings: Any,
    records: Any,
    partings: Mapping[str, Parting],
    *known: Any,
) -> Family:
    aliases, facts, entries, cases, contacts, consents = known
    return Family(
        frozenset(members),
        aliases,
        facts,
        entries,
        cases,
        {number: rulings[number] for number in members},
        contacts,
        consents,
        {number: records[number] for number in members},
        parting=max((partings[number] for number in members if number in partings), default=None),
    )


def _to_entry(row: Any) -> Entry:
    *first, reasons, event_id, traceparent, identity = row
    return Entry._make((*first, rows.to_reasons(reasons), event_id, traceparent, identity))
