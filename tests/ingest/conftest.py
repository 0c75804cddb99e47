"""An edge with a fixed key file and a clock that stands still."""

import base64
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from careline_contracts.envelope import Record
from careline_ingest.api import BATCH, STRUCTURED, Intake, router
from careline_ingest.edge import Edge
from careline_ingest.gate import Gate, Registry
from careline_ingest.observer import Unobserving
from careline_ingest.policy import IngestPolicy
from careline_ingest.rate_limit import TooFast
from careline_ingest.sealing import KeyringSealer
from careline_ingest.senders import Sender
from careline_localstack import LocalStack
from careline_runtime.key_file import create_key_file
from careline_runtime.keyring import KeyFile, Keyring
from careline_runtime.policy import parse_policy
from careline_runtime.valkey import Valkey

URL = "/v1/touchpoints"
IS_BATCH = {"content-type": BATCH}
IS_STRUCTURED = {"content-type": STRUCTURED}
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class StandingClock:
    """A clock that says what the test wants."""

    instant: datetime = NOON
    is_replay: bool = False

    def now(self) -> datetime:
        return self.instant

    def recorded_at(self, occurred_at: datetime) -> datetime:
        return max(self.instant, occurred_at) if self.is_replay else self.instant


@pytest.fixture(scope="session")
def policy() -> IngestPolicy:
    """The policy that is shipped."""
    path = files("careline_ingest").joinpath("policy.yaml")
    return parse_policy(IngestPolicy, path.read_text("utf-8"), path="policy.yaml").policy


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    key = base64.b64encode(bytes(32))
    return Keyring(KeyFile(token_key=key, seal_keys={"k1": key}, current_seal_key="k1"))


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "keyring.json"
    create_key_file(path)
    return path


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def edge(policy: IngestPolicy, keyring: Keyring, clock: StandingClock) -> Edge:
    sealer = KeyringSealer(keyring, remembered_identities=policy.remembered_identities)
    return Edge(sealer=sealer, policy=policy, clock=clock)


@pytest.fixture
def a_purchase() -> Callable[..., dict[str, Any]]:
    """An event in the JSON format; attributes by name, `data` and `identities` changed by name.

    An attribute or field that is given as `...` is left out.
    """

    def build(data: dict[str, Any] | None = None, **attributes: Any) -> dict[str, Any]:
        fields = {
            "identities": [{"kind": "phone", "value": "13912345678"}],
            "amount_minor": 12_900,
            "currency": "CNY",
            **(data or {}),
        }
        event = {
            "specversion": "1.0",
            "id": "till-3-000481",
            "source": "/store/hangzhou-2",
            "type": "careline.purchase.completed.v1",
            "time": "2026-03-01T11:59:00Z",
            "data": {name: value for name, value in fields.items() if value is not ...},
            **attributes,
        }
        return {name: value for name, value in event.items() if value is not ...}

    return build


class FakePublisher:
    """Kafka in memory: keeps what was published, or fails as it is told to."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.groups = 0
        self.failure: Exception | None = None

    async def publish(self, records: Any) -> None:
        if self.failure is not None:
            raise self.failure
        self.groups += 1
        self.records += records


class FakeWindow:
    """Valkey in memory, as long as it is up."""

    def __init__(self) -> None:
        self.taken: set[Any] = set()

    async def known(self, events: Any) -> list[bool]:
        return [event in self.taken for event in events]

    async def remember(self, events: Any) -> None:
        self.taken.update(events)

    async def close(self) -> None: ...


class NoLimit:
    """Takes note of what was taken, and never minds."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, int]] = []
        self.is_over = False

    async def take(self, sender: Sender, events: int) -> None:
        if self.is_over:
            raise TooFast(7)
        self.taken.append((sender.name, events))


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def no_limit() -> NoLimit:
    return NoLimit()


@pytest.fixture
def an_intake(
    edge: Edge,
    policy: IngestPolicy,
    keyring: Keyring,
    registry: Registry,
    clock: StandingClock,
    no_limit: NoLimit,
    fake_window: "FakeWindow",
    fake_publisher: "FakePublisher",
) -> Callable[..., Intake]:
    """Builds the way of a request through fakes; parts are replaced by name."""

    def build(*, takes_anonymous: bool = True, **parts: Any) -> Intake:
        gate = Gate(
            registry,
            keyring=keyring,
            now=clock.now,
            takes_anonymous=takes_anonymous,
            tolerance_seconds=policy.signature_tolerance_seconds,
        )
        known: dict[str, Any] = {
            "edge": edge,
            "policy": policy,
            "gate": gate,
            "rate_limit": no_limit,
            "window": fake_window,
            "observer": Unobserving(),
            "publisher": fake_publisher,
            "is_ready": lambda: True,
        }
        return Intake(**(known | parts))

    return build


def over_http(intake: Intake) -> httpx.AsyncClient:
    """One who sends to this edge, without a socket between."""
    app = FastAPI()
    app.include_router(router(intake))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge")


@pytest.fixture
async def http(an_intake: Callable[..., Intake]) -> AsyncIterator[httpx.AsyncClient]:
    """A sender of an edge that takes what comes without a key."""
    async with over_http(an_intake()) as http:
        yield http


@pytest.fixture
async def valkey(stack: LocalStack, policy: IngestPolicy) -> AsyncIterator[Valkey]:
    """Patient: a busy machine's Valkey may take longer than the policy gives it."""
    valkey = Valkey(
        stack.endpoints.valkey,
        timeout_milliseconds=10_000,
        pause_seconds=policy.valkey_pause_seconds,
    )
    yield valkey
    await valkey.close()


@pytest.fixture
def fake_publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def fake_window() -> FakeWindow:
    return FakeWindow()
