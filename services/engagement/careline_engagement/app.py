"""Wires engagement: five topics in, cases and what people are asked to do out."""

from careline_engagement import api
from careline_engagement.handlers import Handlers
from careline_engagement.policy import EngagementPolicy
from careline_runtime.policy import load_policy
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings


def build(settings: ServiceSettings) -> Service:
    """Engagement as the settings want it; raises `Misconfigured`."""
    loaded = load_policy(EngagementPolicy, package="careline_engagement", settings=settings)
    handlers = Handlers(loaded.policy, loaded.version)
    service = Service(
        name="engagement",
        settings=settings,
        hears=handlers.hears,
        handle=handlers.handle,
        fire=handlers.fire,
        policy_version=loaded.version,
    )
    service.http.include_router(api.router(service))
    return service
