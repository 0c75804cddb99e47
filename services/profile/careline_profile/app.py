"""Profile, wired: policy and keys, what it hears, what it answers."""

from contextlib import AbstractAsyncContextManager
from functools import partial

from sqlalchemy.ext.asyncio import AsyncConnection

from careline_contracts.events.ingest import Touchpoint
from careline_contracts.events.profile import ErasureAnswered
from careline_contracts.topics import ERASURE_ANSWERS, TOUCHPOINTS
from careline_profile import api, handlers
from careline_profile.erasure import api as erasure_api
from careline_profile.erasure.handlers import handle
from careline_profile.erasure.orders import carry_out_what_is_missing
from careline_profile.policy import ProfilePolicy
from careline_profile.protection import api as protection_api
from careline_profile.protection.reading import Protection
from careline_profile.record.rules.fold import FieldRules
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

HEARS = (
    Hears(TOUCHPOINTS, otherwise=Touchpoint),
    Hears(ERASURE_ANSWERS, types={ErasureAnswered.type: ErasureAnswered}),
)


def build(settings: ServiceSettings) -> Service:
    """The service; raises `Misconfigured` without a policy or a key file that holds."""
    loaded = load_policy(ProfilePolicy, package="careline_profile", settings=settings)
    keyring = FollowedKeyring.load(settings.keyring)
    by = handlers.Rules(
        links=loaded.policy.link_rules(keyring),
        fields=FieldRules.of(loaded.policy.record),
        keyring=keyring,
    )
    protection = Protection(keyring, load_access_policy(settings).policy, by.fields)

    def connect() -> AbstractAsyncContextManager[AsyncConnection]:
        return service.engine.connect()

    def work() -> AbstractAsyncContextManager[Unit]:
        return service.unit()

    service = Service(
        name="profile",
        settings=settings,
        hears=HEARS,
        handle=partial(handle, by=by),
        routers=(
            api.router(connect, keyring),
            timeline_api.router(connect),
            protection_api.router(connect, work, protection, keyring),
            erasure_api.router(connect, work, lambda: service.clock.now(), protection, keyring),
            reviews_api.router(connect, work, by, lambda: service.clock.now()),
        ),
        forget=partial(forget, kept_days=loaded.policy.timeline.kept_days),
        policy_version=loaded.version,
        on_start=lambda: carry_out_what_is_missing(service, keyring),
    )
    return service
