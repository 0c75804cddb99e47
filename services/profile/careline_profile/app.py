"""Profile, wired: policy and keys, what it hears, what it answers."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import ErasureAnswered
from careline_contracts.topics import ERASURE_ANSWERS, TOUCHPOINTS
from careline_profile import api
from careline_profile.card import Cards
from careline_profile.card_cache import PAUSE_SECONDS, TIMEOUT_MILLISECONDS, CardCache
from careline_profile.erasure import api as erasure_api
from careline_profile.erasure.handlers import handle
from careline_profile.erasure.orders import carry_out_what_is_missing
from careline_profile.in_force import Rules
from careline_profile.policy import ProfilePolicy
from careline_profile.protection import api as protection_api
from careline_profile.protection.reading import Protection
from careline_profile.quality import api as quality_api
from careline_profile.quality.checking import Checker
from careline_profile.record import api as record_api
from careline_profile.record.editing import Editor
from careline_profile.record.exporting import Exporter
from careline_profile.record.search import Search
from careline_profile.resettling.applying import Resettling
from careline_profile.reviews import api as reviews_api
from careline_profile.timeline import api as timeline_api
from careline_profile.timeline.store import forget
from careline_runtime.access.policy import load_access_policy
from careline_runtime.batch import Hears
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.keyring import FollowedKeyring, Keyring
from careline_runtime.policy import Loaded
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.unit_of_work import Unit
from careline_runtime.valkey import Valkey

HEARS = (
    Hears(TOUCHPOINTS, otherwise=Touchpoint),
    Hears(ERASURE_ANSWERS, types={ErasureAnswered.type: ErasureAnswered}),
)


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy or a key file that holds."""
    keyring = FollowedKeyring.load(settings.keyring)
    followed = _followed_policy(settings, keyring)

    def in_force_at(instant: datetime) -> Rules:
        return followed.timeline.at(instant)

    def in_force() -> Rules:
        return in_force_at(now())

    def policy_version() -> str:
        return followed.timeline.edition_at(now()).version

    def connect() -> AbstractAsyncContextManager[AsyncConnection]:
        return service.engine.connect()

    def work() -> AbstractAsyncContextManager[Unit]:
        return service.unit()

    def now() -> datetime:
        return service.clock.now()

    cache = _cache(settings, policy_version)
    protection = Protection(keyring, load_access_policy(settings).policy, in_force)
    cards = Cards(connect, work, in_force_at, now)
    editor = Editor(in_force)
    checker = Checker(connect, work, in_force)
    resettling = Resettling(work, in_force_at, now)

    async def upkeep() -> int:
        if settled := await resettling.some():
            return settled
        await checker.check_weekly(now())
        async with service.engine.begin() as connection:
            kept_days = in_force().policy.timeline.kept_days
            return await forget(connection, now(), kept_days=kept_days)

    service = Service(
        name="profile",
        settings=settings,
        hears=HEARS,
        handle=partial(handle, in_force=in_force, in_force_at=in_force_at),
        routers=(
            api.router(connect, cards, keyring, cache),
            record_api.router(
                connect, work, now, cards=cards, editor=editor, search=Search(in_force)
            ),
            record_api.reminders_router(cards, work, editor, now),
            record_api.export_router(work, Exporter(protection, in_force), now),
            timeline_api.router(connect),
            quality_api.router(connect, work, checker, now, in_force),
            protection_api.router(connect, work, protection, keyring),
            protection_api.staff_router(work, protection),
            erasure_api.router(connect, work, now, protection, keyring),
            reviews_api.router(connect, work, in_force, now),
        ),
        upkeep=upkeep,
        committed=cache.committed,
        on_stop=cache.close,
        policy=followed,
        on_start=lambda: carry_out_what_is_missing(service, keyring),
    )
    return service


def _followed_policy(
    settings: ServiceSettings, keyring: Keyring
) -> FollowedPolicy[ProfilePolicy, Rules]:
    def rules_of(loaded: Loaded[ProfilePolicy]) -> Rules:
        return Rules.of(loaded.policy, keyring)

    return FollowedPolicy(
        ProfilePolicy, package="careline_profile", settings=settings, make=rules_of
    )


def _cache(settings: ServiceSettings, policy_version: Callable[[], str]) -> CardCache:
    return CardCache(
        Valkey(
            settings.valkey_url,
            timeout_milliseconds=TIMEOUT_MILLISECONDS,
            pause_seconds=PAUSE_SECONDS,
        ),
        policy_version,
    )
