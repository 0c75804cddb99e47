"""The customers that a unit decides about, locked, with what they need to be decided about."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.scoring import Need, Risk, Tier, Value
from careline_runtime.followed_policy import Timeline
from careline_scoring.book import Book, Customer, LastSaid, Published
from careline_scoring.histories import Histories
from careline_scoring.model import Fact, History
from careline_scoring.rules import Rulebook
from careline_scoring.store.days import ORDINAL
from careline_scoring.store.told import told
from careline_scoring.tags import read_tags

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
