"""Wires ticketing: activities and what people do in, tickets and their promises out."""

from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_ticketing import actions_api, agents_api, api, crisis_api, insight_api, metrics
from careline_ticketing.erasure import TRACES
from careline_ticketing.gauges import Gauges
from careline_ticketing.handlers import Handlers
from careline_ticketing.hearing import Ears
from careline_ticketing.policy import Policy


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
        can_rest=True,
    )
    connect, work, now = service.connect, service.unit, service.clock.now
    service.answer(
        api.router(connect, policy.at, now),
        insight_api.router(connect, policy.at, now),
        actions_api.router(work, handlers, policy.at, now),
        agents_api.router(connect, work, policy.at, now),
        crisis_api.router(connect, work, policy.at, now),
    )
    service.keep_up(Gauges(connect, work, policy.at, now).refresh)
    in_force = policy.at(now()).policy
    metrics.show_calendars(in_force)
    metrics.warn_of_the_end(in_force, now())
    return service
