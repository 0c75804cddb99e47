"""Wires scoring: activities in, scores and changes of verdicts out."""

from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy
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
    policy = follow_policy(settings)
    handlers = Handlers(lambda: policy.timeline)
    service = Service(
        name="scoring",
        settings=settings,
        hears=HEARS,
        handle=forgetting(handlers.handle, TRACES, service="scoring"),
        fire=forgetting_timers(handlers.fire),
        routers=(
            api.router(
                lambda: service.engine.connect(),
                lambda: policy.timeline,
                lambda: service.clock.now(),
            ),
        ),
        policy=policy,
        upkeep=Gauges(
            lambda: service.engine.connect(), lambda: policy.timeline, lambda: service.clock.now()
        ).refresh,
    )
    return service


def follow_policy(settings: ServiceSettings) -> FollowedPolicy[ScoringPolicy, Rulebook]:
    """Scoring's policy as it is published; until then its own."""
    return FollowedPolicy(
        ScoringPolicy,
        package="careline_scoring",
        settings=settings,
        make=lambda loaded: Rulebook(loaded.policy, version=loaded.version),
        forbids=forbids,
    )
