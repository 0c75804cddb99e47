"""Wires engagement: seven topics in, cases and what people are asked to do out."""

from functools import lru_cache

from careline_engagement import api, calendar_api, contacts_api, owners_api, playbooks_api
from careline_engagement.erasure import TRACES
from careline_engagement.handlers import Handlers
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules import Book, Edition
from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy, Timeline
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy that holds."""
    policy = FollowedPolicy(
        EngagementPolicy,
        package="careline_engagement",
        settings=settings,
        make=lambda loaded: loaded.policy,
    )

    def book() -> Book:
        return _book_of(policy.timeline)

    service = Service("engagement", settings, policy=policy)
    handlers = Handlers(book)
    service.handle(
        handlers.hears,
        forgetting(handlers.handle, TRACES, service="engagement"),
        fire=forgetting_timers(handlers.fire),
        timers_commute=True,
        can_rest=True,
    )
    connect, work, now = service.connect, service.unit, service.clock.now
    service.answer(
        api.router(connect, work, now, book),
        contacts_api.router(connect, work, now, book),
        calendar_api.router(connect, now, book),
        owners_api.router(connect, work, now),
        playbooks_api.router(connect, now, book),
    )
    return service


@lru_cache(maxsize=1)
def _book_of(timeline: Timeline[EngagementPolicy]) -> Book:
    """The book of all editions that are known by now: made once, until another is heard."""
    return Book([Edition(e.effective_at, e.made, e.version) for e in timeline.editions])
