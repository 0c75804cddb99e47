"""Who works on tickets, over HTTP: a supervisor takes people on and sets skills, shift and leave.

What is said here wins over the policy's list, goes out on `careline.agents.v1`, and lets the queue
be looked at at once: what somebody who is away holds goes to others.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from careline_contracts.events.ticketing import AgentState, LeaveTaken
from careline_contracts.payload import ShortText
from careline_contracts.topics import AGENTS
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.database import Connect
from careline_runtime.unit_of_work import Unit, Work
from careline_ticketing import assignments
from careline_ticketing.policy import ALWAYS, Agent, InForceAt, Policy
from careline_ticketing.rules.assignment import is_there
from careline_ticketing.store import agents as store
from careline_ticketing.store.turns import loads

AgentName = Annotated[str, Path(max_length=200)]


class Employment(BaseModel):
    """What somebody works on, how much of it, and when."""

    model_config = ConfigDict(extra="forbid")

    team: ShortText
    skills: Annotated[tuple[ShortText, ...], Field(max_length=200)] = ()
    """Categories and products."""
    capacity: Annotated[int, Field(ge=1, le=1_000)]
    """Open tickets at a time."""
    hours: ShortText
    """The calendar of the policy that is their shift."""
    leave: Annotated[tuple[LeaveTaken, ...], Field(max_length=200)] = ()


class AgentView(BaseModel):
    """Somebody who works on tickets, now."""

    agent: str
    team: str
    skills: list[str]
    capacity: int
    hours: str
    leave: list[LeaveTaken]
    is_absent: bool
    is_there: bool
    """In their shift, and not away."""
    open_tickets: int


class Agents(BaseModel):
    """All who work on tickets, by name."""

    agents: list[AgentView]


class Staff:
    """Lets what a supervisor says of agents count, each in a unit of work of its own."""

    def __init__(self, work: Work, policies: InForceAt, now: Now) -> None:
        self._work, self._policies, self._now = work, policies, now

    async def employ(self, agent: str, employment: Employment, caller: Caller) -> AgentState:
        """Takes somebody on, or changes what they do; who was away stays away."""
        now = self._now()
        _check(employment, self._policies(now).policy)
        async with self._work() as unit:
            before = await store.find(unit.connection, agent)
            return await _say(
                unit,
                AgentState(
                    agent=agent,
                    version=(before.version if before else 0) + 1,
                    is_absent=bool(before and before.is_absent and not before.is_gone),
                    by=caller.subject,
                    as_of=now,
                    **employment.model_dump(),
                ),
            )

    async def change(self, agent: str, caller: Caller, **changed: bool) -> AgentState:
        """Somebody is away, or back, or gone; 404 who does not work here."""
        now = self._now()
        async with self._work() as unit:
            before = await store.find(unit.connection, agent)
            if before is None and (listed := self._policies(now).policy.agents.get(agent)):
                before = _as_listed(agent, listed, now)
            if before is None or before.is_gone:
                raise HTTPException(404, f"no agent is called {agent}")
            following = {"version": before.version + 1, "by": caller.subject, "as_of": now}
            return await _say(unit, before.model_copy(update={**changed, **following}))


async def _say(unit: Unit, state: AgentState) -> AgentState:
    id = f"{state.agent}-{state.version}"
    unit.say(AGENTS, state, key=state.agent, id=id, recorded_at=state.as_of)
    await store.save(unit.connection, [state])
    assignments.look(unit, state.as_of)
    return state


def _as_listed(agent: str, listed: Agent, now: datetime) -> AgentState:
    """Somebody whom so far only the policy knows."""
    leave = tuple(LeaveTaken(first=one.first, last=one.last) for one in listed.leave)
    return AgentState(
        agent=agent,
        version=0,
        team=listed.team,
        skills=tuple(sorted(listed.skills)),
        capacity=listed.capacity,
        hours=listed.hours,
        leave=leave,
        by="policy",
        as_of=now,
    )


def _check(employment: Employment, policy: Policy) -> None:
    if employment.team not in policy.teams:
        teams = ", ".join(sorted(policy.teams))
        raise HTTPException(422, f"there is no team {employment.team!r}, but {teams}")
    if employment.hours not in {ALWAYS, *policy.calendars}:
        calendars = ", ".join(sorted({ALWAYS, *policy.calendars}))
        raise HTTPException(422, f"there is no calendar {employment.hours!r}, but {calendars}")
    if wrong := [one for one in employment.leave if one.last < one.first]:
        raise HTTPException(422, f"a leave ends before it begins: {wrong[0].first}")


def router(connect: Connect, work: Work, policies: InForceAt, now: Now) -> APIRouter:
    """The routes about agents."""
    routes = APIRouter(prefix="/v1/agents", tags=["agents"])
    staff = Staff(work, policies, now)
    Manages = Annotated[Caller, requires("agents.manage")]  # noqa: N806 (a type)

    @routes.get(
        "", summary="Who works on tickets, and how busy", dependencies=[requires("tickets.read")]
    )
    async def agents() -> Agents:
        as_of = now()
        async with connect() as connection:
            policy = assignments.staffed(policies(as_of).policy, await store.agents(connection))
            busy = await loads(connection)
        return Agents(
            agents=[
                AgentView(
                    agent=name,
                    **agent.model_dump(exclude={"skills", "leave"}),
                    skills=sorted(agent.skills),
                    leave=[LeaveTaken(first=one.first, last=one.last) for one in agent.leave],
                    is_there=is_there(agent, policy, as_of),
                    open_tickets=busy.get(name, 0),
                )
                for name, agent in sorted(policy.agents.items())
            ]
        )

    @routes.put("/{agent}", summary="Takes somebody on, or changes skills, shift and leave")
    async def employ(agent: AgentName, employment: Employment, caller: Manages) -> AgentState:
        return await staff.employ(agent, employment, caller)

    @routes.delete("/{agent}", summary="Somebody works here no more; their tickets go to others")
    async def dismiss(agent: AgentName, caller: Manages) -> AgentState:
        return await staff.change(agent, caller, is_gone=True)

    @routes.post("/{agent}/absence", summary="Somebody is away until further notice")
    async def away(agent: AgentName, caller: Manages) -> AgentState:
        return await staff.change(agent, caller, is_absent=True)

    @routes.delete("/{agent}/absence", summary="Somebody is back")
    async def back(agent: AgentName, caller: Manages) -> AgentState:
        return await staff.change(agent, caller, is_absent=False)

    return routes
