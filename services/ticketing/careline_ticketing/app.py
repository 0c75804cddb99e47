"""Ticketing, wired: a policy, what it hears, what it answers."""

from careline_contracts.events.profile import Activity, CustomersMerged
from careline_contracts.payload import Payload
from careline_contracts.topics import ACTIVITIES
from careline_runtime.batch import Hears
from careline_runtime.policy import load_policy
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_ticketing import api, metrics
from careline_ticketing.handlers import Handlers
from careline_ticketing.policy import Policy


def hears(policy: Policy) -> Hears:
    """Only activities that can make or move a ticket are read; the rest is skipped by header."""
    types: dict[str, type[Payload]] = dict.fromkeys(policy.types, Activity)
    return Hears(ACTIVITIES, {**types, CustomersMerged.type: CustomersMerged})


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy that holds."""
    loaded = load_policy(Policy, package="careline_ticketing", settings=settings)
    handlers = Handlers(loaded.policy, loaded.version)
    service = Service(
        name="ticketing",
        settings=settings,
        hears=(hears(loaded.policy),),
        handle=handlers.handle,
        fire=handlers.fire,
        routers=(api.router(lambda: service.engine.connect(), lambda: service.clock.now()),),
        policy_version=loaded.version,
    )
    metrics.show(loaded.policy.calendar, now=service.clock.now())
    return service
