"""Every statement by which scoring decides: one for a batch, never one for an event."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity
from careline_contracts.events.scoring import Need, Risk, Tier, Value
from careline_runtime.followed_policy import Timeline
from careline_runtime.moves import every_name, follow, is_number, known_names, numbers
from careline_scoring.book import Book, Customer, LastSaid, Published
from careline_scoring.histories import Histories
from careline_scoring.model import Fact, History
from careline_scoring.rules import Rulebook
from careline_scoring.store.days import DATE, ORDINAL
from careline_scoring.store.told import save_answers, save_told, told
from careline_scoring.tags import read_tags, write_tags

_MEMBERS = text("""
    SELECT identity, customer, moves FROM members
    WHERE identity = ANY(CAST(:identities AS text[]))
""")
# in order of number, so that two instances wait for each other and don't deadlock
_LOCK = text("""
    SELECT number, version, revision, as_of, merged_into, saves,
        CAST(record AS text), record_version, moves, tier_version, tags_version, risk_version,
        points, value, need, risk, tier, CAST(tags AS text), next_change_at, policy_version
    FROM customers WHERE number = ANY(CAST(:numbers AS text[]))
    ORDER BY number FOR UPDATE
""")
_OPEN = text("""
    INSERT INTO customers (number)
    SELECT * FROM unnest(CAST(:numbers AS text[])) AS new (number) ORDER BY number
    ON CONFLICT DO NOTHING
    RETURNING number
""")
FACT_COLUMNS = f"""
    {ORDINAL}, b.kind, b.currency, b.times, b.amount_minor, b.channel,
    b.product, b.hour
"""
FACTS = text(f"""
    SELECT m.customer, {FACT_COLUMNS}
    FROM members m JOIN buckets b USING (identity)
    WHERE m.customer = ANY(CAST(:numbers AS text[]))
""")  # noqa: S608 (a constant)
_ADD_MEMBERS = text("""
    INSERT INTO members (identity, customer)
    SELECT * FROM unnest(CAST(:identities AS text[]), CAST(:customers AS text[]))
    ON CONFLICT DO NOTHING
""")
_MOVE_MEMBERS = text("""
    UPDATE members SET customer = moved.survivor
    FROM unnest(CAST(:absorbed AS text[]), CAST(:survivors AS text[])) AS moved (absorbed, survivor)
    WHERE members.customer = moved.absorbed
""")
_NAMES = (
    every_name("members", name="identity", of=is_identity),
    # what an outreach brought is kept under the number itself
    known_names("members", name="identity", of=is_number),
    numbers("customers", survivor="merged_into"),
)
_ADD_FACTS = text(f"""
    INSERT INTO buckets AS b (
        identity, day, kind, currency, channel, product, hour, times, amount_minor)
    SELECT identity, {DATE}, kind, currency, channel, product, hour, times, amount_minor
    FROM unnest(
        CAST(:identities AS text[]), CAST(:days AS int[]), CAST(:kinds AS text[]),
        CAST(:currencies AS text[]), CAST(:channels AS text[]), CAST(:products AS text[]),
        CAST(:hours AS smallint[]), CAST(:times AS int[]), CAST(:amounts AS bigint[])
    ) AS added (identity, day, kind, currency, channel, product, hour, times, amount_minor)
    ON CONFLICT (identity, day, kind, currency, channel, product, hour) DO UPDATE
    SET times = b.times + excluded.times, amount_minor = b.amount_minor + excluded.amount_minor
""")  # noqa: S608 (a constant)
_SAVE_CUSTOMERS = text("""
    UPDATE customers SET
        version = saved.version, revision = saved.revision, as_of = saved.as_of,
        tier_version = saved.tier_version, tags_version = saved.tags_version,
        risk_version = saved.risk_version,
        points = CAST(saved.points AS smallint[]), value = saved.value, need = saved.need,
        risk = saved.risk, tier = saved.tier, tags = CAST(saved.tags AS jsonb),
        next_change_at = saved.next_change_at, policy_version = saved.policy_version,
        saves = customers.saves + 1
    FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS bigint[]), CAST(:revisions AS bigint[]),
        CAST(:tier_versions AS bigint[]), CAST(:tags_versions AS bigint[]),
        CAST(:risk_versions AS bigint[]), CAST(:as_ofs AS timestamptz[]),
        CAST(:points AS text[]), CAST(:values AS text[]),
        CAST(:needs AS text[]), CAST(:risks AS text[]), CAST(:tiers AS text[]),
        CAST(:tags AS text[]), CAST(:next_changes AS timestamptz[]), CAST(:policies AS text[])
    ) AS saved (number, version, revision, tier_version, tags_version, risk_version, as_of, points,
        value, need, risk, tier, tags, next_change_at, policy_version)
    WHERE customers.number = saved.number
""")
# after the rest, in which a ticket took back what it had said
_DROP_FACTS_TAKEN_BACK = text("""
    DELETE FROM buckets WHERE identity = ANY(CAST(:identities AS text[])) AND times = 0
""")
_SAVE_ABSORBED = text("""
    UPDATE customers SET merged_into = moved.survivor
    FROM unnest(CAST(:absorbed AS text[]), CAST(:survivors AS text[])) AS moved (absorbed, survivor)
    WHERE customers.number = moved.absorbed
""")
_ADD_TIER_MOVES = text("""
    INSERT INTO tier_moves (number, version, as_of, from_tier, to_tier)
    SELECT * FROM unnest(
        CAST(:numbers AS text[]), CAST(:versions AS bigint[]), CAST(:as_ofs AS timestamptz[]),
        CAST(:froms AS text[]), CAST(:tos AS text[]))
""")
_SAVE_RECORDS = text("""
    UPDATE customers SET record = CAST(saved.record AS jsonb), record_version = saved.version
    FROM unnest(CAST(:numbers AS text[]), CAST(:records AS text[]), CAST(:versions AS bigint[]))
        AS saved (number, record, version)
    WHERE customers.number = saved.number
""")


async def load(
    connection: AsyncConnection,
    timeline: Timeline[Rulebook],
    histories: Histories,
    *,
    identities: Collection[str] = (),
    numbers: Collection[str],
    tickets: Collection[str] = (),
    instants: Collection[datetime],
) -> Book:
    """The customers with these identities and numbers, locked until the unit ends.

    Numbers that nobody has yet become customers; survivors of merges come along. Each is ready to
    be decided about as of `instants`, and as of whatever comes due before.
    """
    member_of: dict[str, str] = {}
    move_of: dict[str, int] = {}
    if identities:
        found = await connection.execute(_MEMBERS, {"identities": list(identities)})
        for identity, customer, moves in found:
            member_of[identity] = customer
            move_of[identity] = moves
    customers: dict[str, Customer] = {}
    opened: set[str] = set()
    wanted = {*numbers, *member_of.values()}
    while missing := wanted - customers.keys():
        locked = await _lock(connection, missing)
        if absent := missing - locked.keys():
            # one that somebody else is adding is locked in the next round
            new = await _open(connection, absent)
            customers |= {number: Customer(number) for number in new}
            opened.update(new)
        customers |= locked
        wanted |= {c.merged_into for c in locked.values() if c.merged_into is not None}
    will_change = _choose_rulebooks(timeline, customers.values(), instants)
    unread = []
    for customer in customers.values():
        if will_change or not histories.take(customer):
            customer.history = History()
            if customer.merged_into is None and customer.number not in opened:
                unread.append(customer.number)
    if unread:
        begins = timeline.editions[0].made.calendar.begins
        for number, *columns in await connection.execute(FACTS, {"numbers": unread}):
            customer, fact = customers[number], Fact._make(columns)
            customer.learn(fact)
            if customer.published is None:
                # the first decision about somebody is none of before what is known of them
                began_at = begins(fact.day)
                assert began_at is not None
                customer.as_of = customer.not_before(began_at)
    move_of |= {number: customer.moves for number, customer in customers.items()}
    # read again: what they said is certain only now that their customers are locked
    return Book(customers, member_of, move_of, await told(connection, tickets))


def _choose_rulebooks(
    timeline: Timeline[Rulebook], customers: Collection[Customer], instants: Collection[datetime]
) -> bool:
    """Gives each customer the rulebook that was in force at its last decision.

    Returns whether another one may take effect before the unit is done: then they keep their facts,
    and the first that decides arranges them.
    """
    first, last = min(instants), max(instants)
    live = [c for c in customers if c.merged_into is None]
    begin = min((c.as_of or first for c in live), default=first)
    end = max((c.as_of or last for c in live), default=last)
    turn = timeline.next_after(begin)
    will_change = turn is not None and turn <= max(end, last)
    for customer in customers:
        customer.rulebook = timeline.at(customer.as_of or first)
        customer.facts = [] if will_change else None
        customer.is_arranged = not will_change
    return will_change


async def _lock(connection: AsyncConnection, numbers: Collection[str]) -> dict[str, Customer]:
    rows = await connection.execute(_LOCK, {"numbers": sorted(numbers)})
    return {row.number: _customer(row) for row in rows}


def _customer(row: Sequence[Any]) -> Customer:
    number, version, revision, as_of, merged_into, saves, record, record_version, moves = row[:9]
    last_said, published = LastSaid._make(row[9:12]), row[12:]
    return Customer(
        number,
        version,
        revision,
        as_of,
        None if as_of is None else _published(*published),
        merged_into,
        last_said,
        saves,
        record=read_tags(record),
        record_version=record_version,
        moves=moves,
    )


def _published(
    points: Sequence[int], value: Value, need: Need, risk: Risk, tier: Tier, tags: str, *rest: Any
) -> Published:
    return Published(tuple(points), value, need, risk, tier, read_tags(tags), *rest)


async def _open(connection: AsyncConnection, numbers: Collection[str]) -> list[str]:
    return list((await connection.execute(_OPEN, {"numbers": sorted(numbers)})).scalars())


async def save(connection: AsyncConnection, book: Book) -> None:
    """Adds what is new and saves what has changed."""
    if members := book.members:
        await connection.execute(
            _ADD_MEMBERS,
            {"identities": [i for i, _ in members], "customers": [c for _, c in members]},
        )
    if absorbed := book.absorbed:
        moved = {"absorbed": [a for a, _ in absorbed], "survivors": [s for _, s in absorbed]}
        await connection.execute(_MOVE_MEMBERS, moved)
        await connection.execute(_SAVE_ABSORBED, moved)
    if book.moves:
        await move(connection, book.moves)
    if book.new_facts:
        await _add_facts(connection, book)
    if book.newly_told:
        await save_told(connection, book.newly_told)
    if book.new_answers:
        await save_answers(connection, book.new_answers)
    if book.new_records:
        await _save_records(connection, [c for _, c in sorted(book.new_records.items())])
    if book.tier_moves:
        numbers, versions, as_ofs, froms, tos = zip(*sorted(book.tier_moves), strict=True)
        sides = {"froms": froms, "tos": tos}
        await connection.execute(
            _ADD_TIER_MOVES, sides | {"numbers": numbers, "versions": versions, "as_ofs": as_ofs}
        )
    if book.changed:
        changed = [customer for _, customer in sorted(book.changed.items())]
        await _save_customers(connection, changed)
        for customer in changed:
            customer.saves += 1


async def move(connection: AsyncConnection, moves: Collection[Move]) -> bool:
    """Lets each name lead where its latest move says; whether any leads elsewhere by it.

    All numbers must be there (`load`).
    """
    return bool(await follow(connection, moves, _NAMES))


async def _add_facts(connection: AsyncConnection, book: Book) -> None:
    added = sorted(book.new_facts.items())
    identities, days, kinds, currencies, channels, products, hours = zip(
        *[key for key, _ in added], strict=True
    )
    await connection.execute(
        _ADD_FACTS,
        {
            "identities": identities,
            "days": days,
            "kinds": kinds,
            "currencies": currencies,
            "channels": channels,
            "products": products,
            "hours": hours,
            "times": [times for _, (times, _) in added],
            "amounts": [amount for _, (_, amount) in added],
        },
    )
    if any(times <= 0 for _, (times, _) in added):
        await connection.execute(_DROP_FACTS_TAKEN_BACK, {"identities": identities})


async def _save_records(connection: AsyncConnection, customers: Collection[Customer]) -> None:
    await connection.execute(
        _SAVE_RECORDS,
        {
            "numbers": [c.number for c in customers],
            "records": [write_tags(c.record) for c in customers],
            "versions": [c.record_version for c in customers],
        },
    )


async def _save_customers(connection: AsyncConnection, customers: Collection[Customer]) -> None:
    decided = [(c, c.published) for c in customers if c.published is not None]
    await connection.execute(
        _SAVE_CUSTOMERS,
        {
            "numbers": [c.number for c, _ in decided],
            "versions": [c.version for c, _ in decided],
            "revisions": [c.revision for c, _ in decided],
            "tier_versions": [c.last_said.tier for c, _ in decided],
            "tags_versions": [c.last_said.tags for c, _ in decided],
            "risk_versions": [c.last_said.risk for c, _ in decided],
            "as_ofs": [c.as_of for c, _ in decided],
            # an array of arrays must be rectangular, an array of texts need not
            "points": [f"{{{','.join(map(str, p.points))}}}" for _, p in decided],
            "values": [p.value for _, p in decided],
            "needs": [p.need for _, p in decided],
            "risks": [p.risk for _, p in decided],
            "tiers": [p.tier for _, p in decided],
            "tags": [write_tags(p.tags) for _, p in decided],
            "next_changes": [p.next_change_at for _, p in decided],
            "policies": [p.policy_version for _, p in decided],
        },
    )
