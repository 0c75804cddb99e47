"""What people do about tickets over HTTP: open one, answer, wait, resolve, rate, and the like.

An action is a fact like any other: it is said on `careline.ticket-actions.v1` in the same unit in
which it counts, so a replay of the topics knows it, and it counts once however often it is sent.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, get_args

from fastapi import APIRouter, Header, HTTPException, Path
from pydantic import BaseModel, ConfigDict, Field

from careline_calendar.working import MOMENT
from careline_contracts.envelope import Envelope, to_text
from careline_contracts.events.ticketing import Level, Party, TicketActed
from careline_contracts.payload import ShortText
from careline_contracts.topics import TICKET_ACTIONS
from careline_runtime.access import Caller, requires
from careline_runtime.clock import Now
from careline_runtime.erasure import is_any_erased, share
from careline_runtime.unit_of_work import Unit, Work
from careline_ticketing import queries
from careline_ticketing.assignments import staffed
from careline_ticketing.handlers import Handlers
from careline_ticketing.model import FOLLOW_UPS, MOVES, Act, Said
from careline_ticketing.policy import InForceAt
from careline_ticketing.store.agents import agents
from careline_ticketing.views import TicketView

Verb = Literal[
    "reply",
    "respond",
    "fix",
    "pause",
    "resume",
    "assign",
    "prioritise",
    "note",
    "link",
    "resolve",
    "close",
    "reopen",
    "rate",
]
TYPES: dict[Verb, str] = {
    "reply": "issue.replied",
    "respond": "issue.responded",
    "fix": "issue.fixed",
    "pause": "issue.paused",
    "resume": "issue.resumed",
    "assign": "issue.assigned",
    "prioritise": "issue.prioritised",
    "note": "issue.noted",
    "link": "issue.linked",
    "resolve": "issue.resolved",
    "close": "issue.closed",
    "reopen": "issue.reopened",
    "rate": "issue.rated",
}
NEEDS: dict[Verb, str] = {
    "pause": "waiting_for",
    "prioritise": "level",
    "note": "reference",
    "link": "to",
    "rate": "score",
}
"""The one field without which an action says nothing."""
OwnVerb = Literal["reply", "reopen", "rate"]
"""Self-service: what customers may do to their own tickets."""

IdempotencyKey = Annotated[
    str | None,
    Header(max_length=200, description="The same key again changes nothing."),
]
TicketNumber = Annotated[str, Path(max_length=40)]


class Action(BaseModel):
    """What somebody does, and the word that it needs. Texts and files stay where they are."""

    model_config = ConfigDict(extra="forbid")

    agent: ShortText | None = None
    """Who did it, if not the caller; for `assign`: who is to do it."""
    team: ShortText | None = None
    """Of whoever is to do it; theirs, if it is not said."""
    waiting_for: Party | None = None
    level: Level | None = None
    reference: ShortText | None = None
    """Where a message, a note or an attachment lies: `crm:note/4711`."""
    to: ShortText | None = None
    """Another ticket, or a knowledge article: `kb:router-restart`."""
    cause: ShortText | None = None
    score: Annotated[int, Field(ge=0, le=10)] | None = None

    @property
    def detail(self) -> str | None:
        """The one word that the act needs."""
        words = (self.waiting_for, self.level, self.reference, self.to, self.cause, self.score)
        return next((str(word) for word in words if word is not None), None)


class Opening(BaseModel):
    """A ticket that an agent opens by hand, as if a channel had reported it."""

    model_config = ConfigDict(extra="forbid")

    customer: ShortText
    report: Literal["complaint.raised", "fault.reported", "enquiry.made"]
    impact: Literal["system_down", "function_broken", "question"] | None = None
    category: ShortText = "general"
    product: ShortText | None = None
    reference: ShortText | None = None


class Actions:
    """Lets people's actions count: each in a unit of work of its own."""

    def __init__(self, work: Work, handlers: Handlers, policies: InForceAt, now: Now) -> None:
        self._work, self._handlers, self._policies, self._now = work, handlers, policies, now

    async def open(self, opening: Opening, caller: Caller, key: str | None) -> TicketView:
        """The ticket that the report opened, or joined."""
        now = self._now()
        acted = TicketActed(
            customer=opening.customer,
            identity=f"customer:{opening.customer}",
            by=caller.subject,
            act=opening.report,
            **opening.model_dump(include={"impact", "category", "product", "reference"}),
        )
        envelope = _envelope(acted, key or f"{opening.customer} {to_text(now)}", now)
        async with self._work() as unit:
            await share(unit.connection)
            if await is_any_erased(unit.connection, [opening.customer]):
                raise HTTPException(404, f"there is no customer {opening.customer}")
            await self._act(unit, envelope, acted)
            said = await queries.ticket_of(unit.connection, opening.customer, envelope.event_key)
        if said is None:
            raise HTTPException(422, f"the policy opens no ticket for {opening.report}")
        return TicketView.of(said, self._policies, now)

    async def act(
        self,
        id: str,
        verb: Verb,
        action: Action,
        caller: Caller,
        key: str | None,
        *,
        customer: str | None = None,
    ) -> TicketView:
        """The ticket after the action; 404 without it, 409 where its state has no place for it."""
        if (needed := NEEDS.get(verb)) and getattr(action, needed) is None:
            raise HTTPException(422, f"{verb} needs {needed}")
        async with self._work() as unit:
            await share(unit.connection)
            said = await self._ticket(unit, id, customer)
            # whoever does something has seen what was done before, though a clock stands still
            now = max(self._now(), said.ticket.steps[-1].at + MOMENT)
            acted = TicketActed(
                customer=said.customer,
                identity=said.identity,
                by=caller.subject,
                act=TYPES[verb],
                ticket=said.ticket.id,
                agent=_who(verb, action, None if customer else caller),
                team=action.team or await self._team_of(unit, verb, action.agent, now),
                detail=action.detail,
            )
            id_ = f"{said.ticket.id} {verb} {key or said.version}"
            envelope = _envelope(acted, id_, now)
            if await self._act(unit, envelope, acted) and _has_no_place(said, verb, action):
                taken = ", ".join(_taken(said, get_args(OwnVerb) if customer else TYPES))
                raise HTTPException(409, f"a ticket that is {said.status} takes: {taken}")
            said = await self._ticket(unit, id, customer)
        return TicketView.of(said, self._policies, now)

    async def _act(self, unit: Unit, envelope: Envelope, acted: TicketActed) -> bool:
        """Whether it counts now; not if it was sent before."""
        if not await self._handlers.act(unit, envelope, acted):
            return False
        unit.say(
            TICKET_ACTIONS,
            acted,
            key=acted.customer,
            id=envelope.id,
            recorded_at=envelope.recorded_at,
        )
        return True

    async def _team_of(
        self, unit: Unit, verb: Verb, agent: str | None, now: datetime
    ) -> str | None:
        """The team that a ticket goes to with the agent, if the agent works here."""
        if verb != "assign" or agent is None:
            return None
        policy = staffed(self._policies(now).policy, await agents(unit.connection))
        found = policy.agents.get(agent)
        return found.team if found else None

    async def _ticket(self, unit: Unit, id: str, customer: str | None) -> Said:
        found = await queries.live_ticket(unit.connection, id)
        if found is None or (customer is not None and found.customer != customer):
            raise HTTPException(404, f"there is no ticket {id}")
        return found


def _who(verb: Verb, action: Action, caller: Caller | None) -> str | None:
    """Who is named: the one who is to work on it, or the one who did."""
    if verb == "assign" or caller is None:
        return action.agent
    return action.agent or caller.subject


def _has_no_place(said: Said, verb: Verb, action: Action) -> bool:
    act: Act = FOLLOW_UPS[TYPES[verb]] or f"waits_for_{action.waiting_for}"  # type: ignore[assignment]
    return act not in MOVES[said.ticket.state]


def _taken(said: Said, verbs: Iterable[Verb]) -> list[Verb]:
    """The verbs, of these, that the ticket's state has a place for."""
    moves = MOVES[said.ticket.state]
    may_wait = any(act.startswith("waits_for_") for act in moves)
    acts = {verb: FOLLOW_UPS[TYPES[verb]] for verb in verbs}
    return [verb for verb, act in acts.items() if (act in moves if act else may_wait)]


def _envelope(acted: TicketActed, id: str, now: datetime) -> Envelope:
    return Envelope(
        id=id,
        source="/careline/ticketing",
        type=acted.type,
        occurred_at=now,
        recorded_at=now,
        key=acted.customer,
    )


def router(work: Work, handlers: Handlers, policies: InForceAt, now: Now) -> APIRouter:
    """The routes of people's actions."""
    routes = APIRouter(prefix="/v1", tags=["actions"])
    actions = Actions(work, handlers, policies, now)
    May = Annotated[Caller, requires("tickets.work")]  # noqa: N806 (a type)

    @routes.post("/tickets", status_code=201, summary="Opens a ticket by hand, or joins one")
    async def open_ticket(
        opening: Opening, caller: May, idempotency_key: IdempotencyKey = None
    ) -> TicketView:
        return await actions.open(opening, caller, idempotency_key)

    @routes.post("/tickets/{id}/{verb}", summary="Does something about a ticket")
    async def act(
        id: TicketNumber,
        verb: Verb,
        action: Action,
        caller: May,
        idempotency_key: IdempotencyKey = None,
    ) -> TicketView:
        return await actions.act(id, verb, action, caller, idempotency_key)

    @routes.post(
        "/customers/{customer}/tickets/{id}/{verb}",
        summary="Self-service: what a customer does to an own ticket",
    )
    async def self_service(
        customer: Annotated[str, Path(max_length=200)],
        id: TicketNumber,
        verb: OwnVerb,
        action: Action,
        caller: May,
        idempotency_key: IdempotencyKey = None,
    ) -> TicketView:
        return await actions.act(id, verb, action, caller, idempotency_key, customer=customer)

    return routes
