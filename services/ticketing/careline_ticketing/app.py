"""Ticketing, wired: a policy, what it hears, what it answers."""

from careline_contracts.events.profile import (
    IDENTITIES,
    Activity,
    CustomerErased,
    CustomersMerged,
    CustomersSplit,
)
from careline_contracts.events.scoring import TierChanged
from careline_contracts.events.ticketing import AgentState, TicketActed
from careline_contracts.payload import Payload
from careline_contracts.topics import ACTIVITIES, AGENTS, CUSTOMERS, TICKET_ACTIONS, TIER_CHANGES
from careline_runtime.batch import Hears
from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.policy import Loaded
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_ticketing import actions, agents_api, api, crisis_api, insight_api, metrics
from careline_ticketing.erasure import TRACES
from careline_ticketing.gauges import Gauges
from careline_ticketing.handlers import AnsweredFor, Handlers
from careline_ticketing.policy import InForce, Policy


class Ears:
    """Only activities that can make or move a ticket are read; the rest is skipped by header."""

    def __init__(self) -> None:
        self._types: dict[str, type[Payload]] = {
            event.type: event for event in (CustomersMerged, CustomersSplit, CustomerErased)
        }
        self.hears = (
            Hears(ACTIVITIES, self._types),
            Hears(TICKET_ACTIONS, {TicketActed.type: TicketActed}),
            Hears(TIER_CHANGES, {TierChanged.type: TierChanged}),
            Hears(CUSTOMERS, {AnsweredFor.type: AnsweredFor}, skips=IDENTITIES),
            Hears(AGENTS, {AgentState.type: AgentState}),
        )

    def under(self, loaded: Loaded[Policy]) -> InForce:
        """The policy as it decides; what it names is heard from now on."""
        self._types.update(dict.fromkeys(loaded.policy.types, Activity))
        return InForce(loaded.policy, loaded.version)


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy that holds."""
    ears = Ears()
    policy = FollowedPolicy(
        Policy, package="careline_ticketing", settings=settings, make=ears.under
    )
    service = Service("ticketing", settings, policy=policy)
    handlers = Handlers(policy.at)
    service.handle(
        ears.hears,
        forgetting(handlers.handle, TRACES, service="ticketing"),
        fire=forgetting_timers(handlers.fire),
    )
    connect, work, now = service.connect, service.unit, service.clock.now
    service.answer(
        api.router(connect, now, policy.at),
        insight_api.router(connect, policy.at, now),
        actions.router(work, handlers, policy.at, now),
        agents_api.router(connect, work, policy.at, now),
        crisis_api.router(connect, work, policy.at, now),
    )
    service.keep_up(Gauges(connect, work, policy.at, now).refresh)
    in_force = policy.at(now()).policy
    metrics.show_calendars(in_force)
    metrics.warn_of_the_end(in_force, now())
    return service
