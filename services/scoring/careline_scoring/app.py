"""Wires scoring: activities in, scores and changes of verdicts out."""

from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy, Timeline
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_scoring import api
from careline_scoring.erasure import TRACES
from careline_scoring.gauges import Gauges
from careline_scoring.handlers import HEARS, Handlers
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from careline_scoring.rules.succession import forbids


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy that holds."""
    policy = FollowedPolicy(
        ScoringPolicy,
        package="careline_scoring",
        settings=settings,
        make=lambda loaded: Rulebook(loaded.policy, version=loaded.version),
        forbids=forbids,
    )

    def timeline() -> Timeline[Rulebook]:
        return policy.timeline

    service = Service("scoring", settings, policy=policy)
    handlers = Handlers(timeline)
    service.handle(
        HEARS,
        forgetting(handlers.handle, TRACES, service="scoring"),
        fire=forgetting_timers(handlers.fire),
    )
    service.answer(api.router(service.connect, timeline, service.clock.now))
    service.keep_up(Gauges(service.connect, timeline, service.clock.now).refresh)
    return service
