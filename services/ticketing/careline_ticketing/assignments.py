"""Gives waiting tickets to agents: under row locks, and as facts, so that a replay knows them.

Who takes a ticket depends on how busy everybody is at that instant, which no customer's facts can
say; so the choice itself is said on `careline.ticket-actions.v1`, like what people do.
"""

from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text

from careline_contracts.envelope import Envelope
from careline_contracts.events.ticketing import (
    TicketActed,
    TicketOpened,
    TicketReopened,
    TicketResolved,
)
from careline_runtime.unit_of_work import Unit
from careline_ticketing import metrics, store
from careline_ticketing.desk import BEFORE_ALL, Decision
from careline_ticketing.model import Said, Ticket
from careline_ticketing.policy import Policy
from careline_ticketing.rules.assignment import (
    Assignment,
    Turn,
    Waiting,
    assign,
    is_on_leave,
    next_shift,
)
from careline_ticketing.rules.digests import Notice, unassignable

ASSIGN = "assign"
"""Kind of the timer; there is one queue."""
QUEUE = "queue"
BY = "careline"
AT_ONCE = 500

_ADD_TURNS = text("""
    INSERT INTO turns (agent, last_at) SELECT unnest(CAST(:agents AS text[])), :never
    ON CONFLICT DO NOTHING
""")
# whoever holds these rows is the only one who assigns
_TURNS = text("SELECT agent, last_at FROM turns ORDER BY agent FOR UPDATE")
_LOADS = text("""
    SELECT agent, count(*) AS load FROM tickets
    WHERE agent IS NOT NULL AND status IN ('open', 'waiting') GROUP BY agent
""")
_QUEUE = text("""
    SELECT t.id, CAST(t.said AS text) AS said, c.tier, f.identity, c.as_of
    FROM tickets t
        JOIN customers c ON c.number = t.customer
        JOIN facts f ON f.key = CAST(t.said #>> '{ticket,steps,0,2}' AS uuid)
    WHERE t.status IN ('open', 'waiting')
        AND (t.agent IS NULL OR t.agent = ANY(CAST(:away AS text[])))
    ORDER BY t.opened_at, t.id LIMIT :limit
""")
_SAVE_TURNS = text("""
    UPDATE turns SET last_at = taken.last_at
    FROM unnest(CAST(:agents AS text[]), CAST(:lasts AS timestamptz[])) AS taken (agent, last_at)
    WHERE turns.agent = taken.agent
""")

_MARK = text("""
    UPDATE tickets SET unassignable_since = :now
    WHERE id = ANY(CAST(:tickets AS text[])) AND unassignable_since IS NULL RETURNING id
""")

Acted = tuple[Envelope, TicketActed]


class Served(NamedTuple):
    """What the queue came to: who was given what, and who must hear that nobody could."""

    acted: list[Acted]
    notices: list[Notice]


def watch(unit: Unit, decision: Decision, policy: Policy) -> None:
    """Somebody may be needed, or free: the queue is looked at, at once."""
    moves = (TicketOpened, TicketReopened, TicketResolved)
    if policy.agents and any(change.event in moves for change in decision.changes):
        unit.set_timer(ASSIGN, QUEUE, decision.as_of)


async def serve(unit: Unit, policy: Policy, as_of: datetime) -> Served:
    """Who takes which ticket of the queue; what nobody takes is looked at with the next shift."""
    agents = sorted(policy.agents)
    await unit.connection.execute(_ADD_TURNS, {"agents": agents, "never": BEFORE_ALL})
    lasts = {row.agent: row.last_at for row in await unit.connection.execute(_TURNS)}
    loads = {row.agent: row.load for row in await unit.connection.execute(_LOADS)}
    turns = {agent: Turn(loads.get(agent, 0), lasts[agent]) for agent in agents}
    away = [name for name, agent in policy.agents.items() if is_on_leave(agent, policy, as_of)]
    rows = (await unit.connection.execute(_QUEUE, {"away": away, "limit": AT_ONCE})).all()
    said = {row.id: store.SAID.validate_json(row.said) for row in rows}
    queue = [_waiting(said[row.id].ticket, row.tier) for row in rows]
    # what was heard of a customer in the meantime came before
    places = {row.id: (row.identity, max(as_of, row.as_of)) for row in rows}
    found = assign(queue, turns, policy, as_of)
    given = [one for one in found if one.agent is not None]
    await _take_turns(unit, given, as_of)
    nobody = [one for one in found if one.agent is None]
    notices = await _call(unit, nobody, said, policy, as_of)
    unit.set_timer(ASSIGN, QUEUE, next_shift(policy, as_of))
    unit.after_commit(lambda: metrics.unassignable.set(len(nobody)))
    acted = [_acted(one, said[one.ticket], *places[one.ticket]) for one in given]
    return Served(acted, notices)


def _waiting(ticket: Ticket, tier: str | None) -> Waiting:
    about = (ticket.category, ticket.product, ticket.opened_at)
    return Waiting(ticket.id, ticket.kind, ticket.level, *about, tier)


async def _take_turns(unit: Unit, given: list[Assignment], as_of: datetime) -> None:
    lasts = {
        one.agent: as_of + timedelta(microseconds=number)
        for number, one in enumerate(given)
        if one.agent is not None
    }
    if lasts:
        agents = sorted(lasts)
        values = {"agents": agents, "lasts": [lasts[agent] for agent in agents]}
        await unit.connection.execute(_SAVE_TURNS, values)


async def _call(
    unit: Unit, nobody: list[Assignment], said: dict[str, Said], policy: Policy, as_of: datetime
) -> list[Notice]:
    """Marks what nobody can take, and lets the team's on-call hear of it, once.

    By night most tickets wait for the morning: only what is told at once is called for then.
    """
    is_day = policy.timetable(policy.digests.hours).is_open(as_of)
    urgent = policy.digests.at_once
    ids = sorted(one.ticket for one in nobody if is_day or said[one.ticket].ticket.level in urgent)
    newly = set((await unit.connection.execute(_MARK, {"tickets": ids, "now": as_of})).scalars())
    return [
        notice
        for one in nobody
        if one.ticket in newly
        for notice in unassignable(said[one.ticket], policy.teams[one.team].on_call, as_of, policy)
    ]


def _acted(one: Assignment, said: Said, identity: str, at: datetime) -> Acted:
    acted = TicketActed(
        customer=said.customer,
        identity=identity,
        act="issue.assigned",
        by=BY,
        ticket=one.ticket,
        agent=one.agent,
        team=one.team,
    )
    envelope = Envelope(
        id=f"{one.ticket} assigned {said.version}",
        source="/careline/ticketing",
        type=acted.type,
        occurred_at=at,
        recorded_at=at,
        key=said.customer,
    )
    return envelope, acted
