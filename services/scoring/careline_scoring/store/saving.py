"""What a unit has decided, saved as sets."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.profile import Move, is_identity
from careline_runtime.moves import every_name, follow, is_number, known_names, numbers
from careline_scoring.book import Book, Customer
from careline_scoring.store.days import DATE
from careline_scoring.store.told import save_answers, save_told
from careline_scoring.tags import write_tags

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
