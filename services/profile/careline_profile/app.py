"""Wires profile: touchpoints in, activities and customers out, and what people ask over HTTP."""

from collections.abc import Callable
from functools import partial

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
from careline_runtime.keyring import FollowedKeyring
from careline_runtime.service import Service
from careline_runtime.settings import ServiceSettings
from careline_runtime.valkey import Valkey

HEARS = (
    Hears(TOUCHPOINTS, otherwise=Touchpoint),
    Hears(ERASURE_ANSWERS, types={ErasureAnswered.type: ErasureAnswered}),
)


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy or a key file that holds."""
    keyring = FollowedKeyring.load(settings.keyring)
    policy = FollowedPolicy(
        ProfilePolicy,
        package="careline_profile",
        settings=settings,
        make=lambda loaded: Rules.of(loaded.policy, keyring),
    )
    service = Service("profile", settings, policy=policy)
    connect, work, now = service.connect, service.unit, service.clock.now

    def in_force() -> Rules:
        return policy.at(now())

    cache = _cache(settings, lambda: service.policy_version)
    protection = Protection(keyring, load_access_policy(settings).policy, in_force)
    cards = Cards(connect, work, policy.at, now)
    editor = Editor(in_force)
    checker = Checker(connect, work, in_force)
    service.handle(
        HEARS,
        partial(handle, in_force=in_force, in_force_at=policy.at),
        committed=cache.committed,
    )
    service.answer(
        api.router(connect, cards, keyring, cache),
        record_api.router(connect, work, now, cards=cards, editor=editor, search=Search(in_force)),
        record_api.reminders_router(cards, work, editor, now),
        record_api.export_router(work, Exporter(protection, in_force), now),
        timeline_api.router(connect),
        quality_api.router(connect, work, checker, now, in_force),
        protection_api.router(connect, work, protection, keyring),
        protection_api.staff_router(work, protection),
        erasure_api.router(connect, work, now, protection, keyring),
        reviews_api.router(connect, work, in_force, now),
    )

    async def check_and_forget() -> int:
        await checker.check_weekly(now())
        async with service.engine.begin() as connection:
            kept_days = in_force().policy.timeline.kept_days
            return await forget(connection, now(), kept_days=kept_days)

    service.keep_up(Resettling(work, policy.at, now).some, check_and_forget)
    service.on_start(partial(carry_out_what_is_missing, service, keyring))
    service.on_stop(cache.close)
    return service


def _cache(settings: ServiceSettings, policy_version: Callable[[], str]) -> CardCache:
    return CardCache(
        Valkey(
            settings.valkey_url,
            timeout_milliseconds=TIMEOUT_MILLISECONDS,
            pause_seconds=PAUSE_SECONDS,
        ),
        policy_version,
    )
