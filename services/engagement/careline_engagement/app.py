"""Wires engagement: seven topics in, cases and what people are asked to do out."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_engagement import api, calendar_api, contacts_api, owners_api, playbooks_api
from careline_engagement.erasure import TRACES
from careline_engagement.handlers import Handlers
from careline_engagement.policy import EngagementPolicy
from careline_engagement.rules import Book, Edition
from careline_runtime.erasure import forgetting, forgetting_timers
from careline_runtime.followed_policy import FollowedPolicy, Timeline
from careline_runtime.policy import Loaded
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.unit_of_work import Unit


def build(settings: ServiceSettings) -> Service:
    """Engagement as the settings want it; raises `Misconfigured`."""
    followed = FollowedPolicy(
        EngagementPolicy, package="careline_engagement", settings=settings, make=_policy_of
    )
    book = Editions(followed).book
    handlers = Handlers(book)

    def connect() -> AbstractAsyncContextManager[AsyncConnection]:
        return service.engine.connect()

    def work() -> AbstractAsyncContextManager[Unit]:
        return service.unit()

    def now() -> datetime:
        return service.clock.now()

    service = Service(
        name="engagement",
        settings=settings,
        hears=handlers.hears,
        handle=forgetting(handlers.handle, TRACES, service="engagement"),
        fire=forgetting_timers(handlers.fire),
        timers_commute=True,
        routers=(
            api.router(connect, work, now, book),
            contacts_api.router(connect, work, now),
            calendar_api.router(connect, now, book),
            owners_api.router(connect, work, now),
            playbooks_api.router(connect, now, book),
        ),
        policy=followed,
    )
    return service


class Editions:
    """The book of all editions that are known by now; the same one until another is heard."""

    def __init__(self, followed: FollowedPolicy[EngagementPolicy, EngagementPolicy]) -> None:
        self._followed = followed
        self._timeline: Timeline[EngagementPolicy] | None = None
        self._book = Book(())

    def book(self) -> Book:
        timeline = self._followed.timeline
        if timeline is not self._timeline:
            editions = [Edition(e.effective_at, e.made, e.version) for e in timeline.editions]
            self._timeline, self._book = timeline, Book(editions)
        return self._book


def _policy_of(loaded: Loaded[EngagementPolicy]) -> EngagementPolicy:
    return loaded.policy
