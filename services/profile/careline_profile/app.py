"""Profile, wired: policy and keys, what it hears, what it answers."""

from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import ErasureAnswered
from careline_contracts.topics import ERASURE_ANSWERS, TOUCHPOINTS
from careline_profile import api, handlers
from careline_profile.card import Cards
from careline_profile.card_cache import PAUSE_SECONDS, TIMEOUT_MILLISECONDS, CardCache
from careline_profile.erasure import api as erasure_api
from careline_profile.erasure.handlers import handle
from careline_profile.erasure.orders import carry_out_what_is_missing
from careline_profile.policy import ProfilePolicy
from careline_profile.protection import api as protection_api
from careline_profile.protection.reading import Protection
from careline_profile.quality import api as quality_api
from careline_profile.quality.checking import Checker
from careline_profile.record import api as record_api
from careline_profile.record.editing import Editor
from careline_profile.record.exporting import Exporter
from careline_profile.record.rules.fold import FieldRules
from careline_profile.record.search import Search
from careline_profile.resettling.applying import Resettling
from careline_profile.reviews import api as reviews_api
from careline_profile.timeline import api as timeline_api
from careline_profile.timeline.store import forget
from careline_runtime.access.policy import load_access_policy
from careline_runtime.batch import Hears
from careline_runtime.keyring import FollowedKeyring
from careline_runtime.policy import load_policy
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
    loaded = load_policy(ProfilePolicy, package="careline_profile", settings=settings)
    policy = loaded.policy
    keyring = FollowedKeyring.load(settings.keyring)
    by = handlers.Rules(
        links=policy.link_rules(keyring),
        fields=FieldRules.of(policy.record),
        keyring=keyring,
    )
    protection = Protection(keyring, load_access_policy(settings).policy, by.fields)

    def connect() -> AbstractAsyncContextManager[AsyncConnection]:
        return service.engine.connect()

    def work() -> AbstractAsyncContextManager[Unit]:
        return service.unit()

    def now() -> datetime:
        return service.clock.now()

    cache = _cache(settings)
    cards = Cards(connect, work, by.fields, now)
    editor = Editor(by)
    checker = Checker(connect, work, policy=policy.quality, fields=by.fields, keyring=keyring)

    resettling = Resettling(work, by, now)

    async def upkeep() -> int:
        if settled := await resettling.some():
            return settled
        await checker.check_weekly(now())
        async with service.engine.begin() as connection:
            return await forget(connection, now(), kept_days=policy.timeline.kept_days)

    service = Service(
        name="profile",
        settings=settings,
        hears=HEARS,
        handle=partial(handle, by=by),
        routers=(
            api.router(connect, cards, keyring, cache),
            record_api.router(
                connect,
                work,
                now,
                cards=cards,
                editor=editor,
                search=Search(by.fields, keyring),
            ),
            record_api.reminders_router(cards, work, editor, now),
            record_api.export_router(work, Exporter(protection, by.fields, keyring), now),
            timeline_api.router(connect),
            quality_api.router(
                connect, work, checker, now, accuracy_target=policy.quality.accuracy_target
            ),
            protection_api.router(connect, work, protection, keyring),
            protection_api.staff_router(work, protection),
            erasure_api.router(connect, work, now, protection, keyring),
            reviews_api.router(connect, work, by, now),
        ),
        upkeep=upkeep,
        committed=cache.committed,
        on_stop=cache.close,
        policy_version=loaded.version,
        on_start=lambda: carry_out_what_is_missing(service, keyring),
    )
    return service


def _cache(settings: ServiceSettings) -> CardCache:
    return CardCache(
        Valkey(
            settings.valkey_url,
            timeout_milliseconds=TIMEOUT_MILLISECONDS,
            pause_seconds=PAUSE_SECONDS,
        )
    )
