"""A profile that is fed by hand: real database, real policy, keys of its own, no Kafka."""

import base64
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aiokafka import ConsumerRecord
from fastapi import FastAPI
from sqlalchemy.ext.asyncio import AsyncEngine

from careline_contracts.envelope import Envelope
from careline_contracts.events.ingest import IdentityToken, Touchpoint
from careline_contracts.events.touchpoints import Channel, DetailsGiven, IdentityKind
from careline_contracts.topics import TOUCHPOINTS
from careline_profile import api
from careline_profile.app import HEARS
from careline_profile.card import Cards
from careline_profile.erasure.handlers import handle
from careline_profile.in_force import InForceAt, Rules
from careline_profile.policy import ProfilePolicy
from careline_profile.protection.reading import Protection
from careline_profile.quality import api as quality_api
from careline_profile.quality.checking import Checker
from careline_profile.record import api as record_api
from careline_profile.record.editing import Editor
from careline_profile.record.exporting import Exporter
from careline_profile.record.search import Search
from careline_runtime.access.policy import load_access_policy
from careline_runtime.identities import normalise
from careline_runtime.keyring import KeyFile, Keyring
from careline_runtime.policy import load_policy
from careline_runtime.settings import ServiceSettings
from tests.runtime.by_hand import StageInTest, fresh_database
from tests.runtime.signed_in import api_in_test

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
KEYRING = Keyring(
    KeyFile.model_validate(
        {
            "token_key": base64.b64encode(b"t" * 32),
            "seal_keys": {"k1": base64.b64encode(b"s" * 32)},
            "current_seal_key": "k1",
        }
    )
)
_POLICY = load_policy(ProfilePolicy, package="careline_profile", settings=ServiceSettings()).policy
RULES = Rules.of(_POLICY, KEYRING)
LINK_RULES = RULES.links


def in_force() -> Rules:
    """The rules of the shipped policy, now."""
    return RULES


def in_force_at(instant: datetime) -> Rules:
    """The rules of the shipped policy, at any instant."""
    return RULES


PROTECTION = Protection(KEYRING, load_access_policy(ServiceSettings()).policy, in_force)


def identity(text: str) -> IdentityToken:
    """`phone:13911112222` as ingest passes it on."""
    kind, _, value = text.partition(":")
    known: IdentityKind = kind  # type: ignore[assignment]
    value = normalise(known, value)
    return IdentityToken(
        kind=known, token=KEYRING.token(kind, value), sealed=KEYRING.seal(kind, value)
    )


def ref(text: str) -> str:
    """The name under which facts about `phone:13911112222` are kept."""
    return identity(text).ref


class Profile(StageInTest):
    """Touchpoints in, everything that profile says out."""

    keyring = KEYRING
    now = MONDAY + timedelta(days=1)
    """What those are told who ask over HTTP what time it is."""

    @property
    def cards(self) -> Cards:
        """The customers as they are shown."""
        return Cards(self.engine.connect, self.stage.unit, in_force_at, lambda: self.now)

    @property
    def checker(self) -> Checker:
        """Checks the quality of the records."""
        return Checker(self.engine.connect, self.stage.unit, in_force)

    @property
    def api(self) -> FastAPI:
        """All that can be asked about customers and done to their records."""
        return api_in_test(
            api.router(self.engine.connect, self.cards, self.keyring),
            record_api.router(
                self.engine.connect,
                self.stage.unit,
                lambda: self.now,
                cards=self.cards,
                editor=Editor(in_force),
                search=Search(in_force),
            ),
            record_api.export_router(
                self.stage.unit, Exporter(PROTECTION, in_force), lambda: self.now
            ),
            record_api.reminders_router(
                self.cards, self.stage.unit, Editor(in_force), lambda: self.now
            ),
            quality_api.router(
                self.engine.connect,
                self.stage.unit,
                self.checker,
                lambda: self.now,
                in_force,
            ),
        )

    def touchpoint(
        self,
        *identities: str,
        id: str | None = None,
        minutes: int | None = None,
        channel: Channel = "app",
        type: str = "careline.feature.used.v1",
        recorded: int | None = None,
        body: dict[str, Any] | None = None,
        personal: dict[str, str] | None = None,
    ) -> ConsumerRecord:
        """A touchpoint that happened so many minutes after Monday, 9 o'clock, and was recorded
        then or at the minute `recorded`. Ingest would have sealed what is `personal`."""
        number = self._offset if minutes is None else minutes
        at = MONDAY + timedelta(minutes=number)
        recorded_at = at if recorded is None else MONDAY + timedelta(minutes=recorded)
        named = tuple(map(identity, identities))
        sealed = {field: KEYRING.seal(field, said) for field, said in (personal or {}).items()}
        body = {"feature": "search"} if body is None else body
        return self.record(
            TOUCHPOINTS.name,
            Envelope(id or f"e{number}", f"/{channel}", type, at, recorded_at, key=named[0].ref),
            Touchpoint(channel=channel, identities=named, body=body, sealed=sealed),
        )

    def details(
        self, *identities: str, personal: dict[str, str] | None = None, at: int, **said: Any
    ) -> ConsumerRecord:
        """Somebody says this about a customer, at this minute."""
        return self.touchpoint(
            *identities,
            minutes=at,
            id=f"details-{at}",
            type=DetailsGiven.type,
            body=said,
            personal=personal,
        )


def on(engine: AsyncEngine, in_force_at: InForceAt = in_force_at) -> Profile:
    """One instance of profile on this database."""
    handles = partial(handle, in_force=lambda: in_force_at(Profile.now), in_force_at=in_force_at)
    return Profile(engine, service="profile", hears=HEARS, handle=handles)


@contextlib.asynccontextmanager
async def fresh_profile(admin_url: str) -> AsyncIterator[Profile]:
    """Profile on a database of its own."""
    async with fresh_database(admin_url, "profile") as engine:
        yield on(engine)
