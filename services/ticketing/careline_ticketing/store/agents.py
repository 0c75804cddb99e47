"""Every statement about agents: who they are by what supervisors said, whichever came first."""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ticketing import AgentState

_AGENTS = text("SELECT state FROM agents ORDER BY agent")
_SHIFTS = text("SELECT agent, CAST(state AS json) ->> 'hours' AS hours FROM agents")
_ARE_ANY = text("SELECT EXISTS (SELECT FROM agents)")
# one change after the other: of two who take on the same person one would be lost
_ONE_BY_ONE = text("LOCK TABLE agents IN SHARE ROW EXCLUSIVE MODE")
_ONE = text("SELECT state FROM agents WHERE agent = :agent")
_SAVE = text("""
    INSERT INTO agents (agent, version, state)
    SELECT * FROM unnest(
        CAST(:agents AS text[]), CAST(:versions AS int[]), CAST(:states AS text[]))
    ON CONFLICT (agent) DO UPDATE SET version = excluded.version, state = excluded.state
    WHERE agents.version < excluded.version
""")


async def agents(connection: AsyncConnection) -> dict[str, AgentState]:
    """All whom a supervisor ever said something about, by name."""
    rows = (await connection.execute(_AGENTS)).scalars()
    found = (AgentState.parse(state.encode()) for state in rows)
    return {one.agent: one for one in found}


async def are_any(connection: AsyncConnection) -> bool:
    """Whether a supervisor ever said something about anybody."""
    return bool((await connection.execute(_ARE_ANY)).scalar_one())


async def shifts(connection: AsyncConnection) -> dict[str, str]:
    """Each agent's calendar, by name."""
    return {row.agent: row.hours for row in await connection.execute(_SHIFTS)}


async def find(connection: AsyncConnection, agent: str) -> AgentState | None:
    """One of them, to be changed: nobody else changes any until this unit ends."""
    await connection.execute(_ONE_BY_ONE)
    state = (await connection.execute(_ONE, {"agent": agent})).scalar_one_or_none()
    return None if state is None else AgentState.parse(state.encode())


async def save(connection: AsyncConnection, states: Iterable[AgentState]) -> None:
    """Keeps what was said of agents; of each the latest version counts."""
    latest = {one.agent: one for one in sorted(states, key=lambda one: one.version)}
    ordered = [latest[agent] for agent in sorted(latest)]
    await connection.execute(
        _SAVE,
        {
            "agents": [one.agent for one in ordered],
            "versions": [one.version for one in ordered],
            "states": [one.to_json().decode() for one in ordered],
        },
    )
