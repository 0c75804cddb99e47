"""Wires scoring: activities in, scores and changes of verdicts out."""

from careline_runtime.policy import load_policy
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_scoring import api
from careline_scoring.handlers import HEARS, Handlers
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy that holds."""
    loaded = load_policy(ScoringPolicy, package="careline_scoring", settings=settings)
    rulebook = Rulebook(loaded.policy, version=loaded.version)
    handlers = Handlers(rulebook)
    service = Service(
        name="scoring",
        settings=settings,
        hears=HEARS,
        handle=handlers.handle,
        fire=handlers.fire,
        routers=(api.router(lambda: service.engine.connect(), rulebook),),
        policy_version=loaded.version,
    )
    return service
