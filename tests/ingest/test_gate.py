"""Who is let in: only a valid key or signature, and only to say what it is bound to."""

import json
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from careline_contracts.events.operations import ChannelKey, ChannelRegistered
from careline_contracts.signature import NAME_HEADER, sign
from careline_ingest.api import BATCH, Intake
from careline_ingest.gate import Gate, NotLetIn, Registry
from careline_ingest.policy import IngestPolicy, RateLimitPolicy
from careline_ingest.rate_limit import TooFast, ValkeyRateLimit
from careline_ingest.senders import ANONYMOUS, Sender
from careline_localstack import LocalStack
from careline_runtime.channel_keys import NewKey, new_bearer_key, new_signing_secret
from careline_runtime.keyring import Keyring
from careline_runtime.valkey import Valkey
from tests.ingest.conftest import IS_STRUCTURED, URL, over_http

BEFORE = datetime(2026, 1, 1, tzinfo=UTC)
LATIN_1 = [chr(code) for code in range(256)]

AnIntake = Callable[..., Intake]
Purchase = Callable[..., dict[str, Any]]


def till(*keys: ChannelKey, **changes: Any) -> ChannelRegistered:
    """A shop's till, which may say two things."""
    return ChannelRegistered(
        **{
            "name": "till",
            "channel": "store",
            "sources": ("/store/hangzhou-2",),
            "event_types": ("careline.purchase.completed.v1", "careline.complaint.raised.v1"),
            "keys": keys,
            **changes,
        }
    )


@pytest.fixture
def made(registry: Registry) -> NewKey:
    """The till's key."""
    made = new_bearer_key(BEFORE)
    registry.hear("till", till(made.key).to_json())
    return made


@pytest.fixture
async def http(an_intake: AnIntake) -> AsyncIterator[httpx.AsyncClient]:
    """An edge that takes nothing without a key."""
    async with over_http(an_intake(takes_anonymous=False)) as http:
        yield http


def bearer(key: str) -> dict[str, str]:
    return {**IS_STRUCTURED, "authorization": f"Bearer {key}"}


async def test_a_key_lets_its_channel_system_in(
    http: httpx.AsyncClient, made: NewKey, a_purchase: Purchase, no_limit: Any
) -> None:
    answer = await http.post(URL, json=a_purchase(), headers=bearer(made.text))

    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert no_limit.taken == [("till", 1)]


def flipped(text: str) -> str:
    return text[:-1] + ("A" if text[-1] != "A" else "B")


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        pytest.param(lambda key: None, "missing_key", id="none"),
        pytest.param(lambda key: f"Bearer {flipped(key)}", "invalid_key", id="one character off"),
        pytest.param(lambda key: f"Basic {key}", "invalid_key", id="another scheme"),
        pytest.param(lambda key: "Bearer", "invalid_key", id="empty"),
        pytest.param(lambda key: "Bearer careline_00000000_x", "invalid_key", id="unknown"),
        pytest.param(lambda key: f"Bearer {key} {key}", "invalid_key", id="two"),
    ],
)
async def test_without_a_right_key_nothing_is_read(
    http: httpx.AsyncClient,
    made: NewKey,
    fake_publisher: Any,
    authorization: Callable[[str], str | None],
    code: str,
) -> None:
    given_text = authorization(made.text)
    headers = {**IS_STRUCTURED, **({"authorization": given_text} if given_text else {})}
    with structlog.testing.capture_logs() as logs:
        answer = await http.post(URL, content=b"not even JSON", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert made.text not in answer.text + repr(logs)
    assert fake_publisher.records == []


async def test_where_keys_are_not_required_a_wrong_one_is_still_wrong(
    an_intake: AnIntake, a_purchase: Purchase
) -> None:
    async with over_http(an_intake(takes_anonymous=True)) as http:
        assert (await http.post(URL, json=a_purchase(), headers=IS_STRUCTURED)).status_code == 202
        assert (await http.post(URL, json=a_purchase(), headers=bearer("x"))).status_code == 401


async def test_two_keys_are_valid_while_one_replaces_the_other(
    http: httpx.AsyncClient, registry: Registry, clock: Any
) -> None:
    old, new = new_bearer_key(BEFORE), new_bearer_key(BEFORE)
    ending = old.key.model_copy(update={"expires_at": clock.instant + timedelta(hours=1)})
    registry.hear("till", till(ending, new.key).to_json())

    async def statuses() -> list[int]:
        return [
            (
                await http.post(URL, content=b"[]", headers={**bearer(k), "content-type": BATCH})
            ).status_code
            for k in (old.text, new.text)
        ]

    assert await statuses() == [202, 202]
    clock.instant += timedelta(hours=1)
    assert await statuses() == [401, 202]
    registry.hear("till", None)
    assert await statuses() == [401, 401]


async def test_a_registration_that_cannot_be_read_lets_nobody_in(
    http: httpx.AsyncClient, registry: Registry, made: NewKey, a_purchase: Purchase
) -> None:
    registry.hear("till", b'{"name": "till"}')
    assert (await http.post(URL, json=a_purchase(), headers=bearer(made.text))).status_code == 401


@pytest.mark.parametrize(
    ("attributes", "data", "code", "pointer"),
    [
        pytest.param(
            {"source": "/store/hangzhou-20"}, {}, "source_not_allowed", "/source", id="a neighbour"
        ),
        pytest.param(
            {"type": "careline.store.visited.v1"}, {}, "type_not_allowed", "/type", id="a type"
        ),
        pytest.param(
            {"type": "careline.complaint.raised.v1"},
            {"via": "phone", "amount_minor": ..., "currency": ...},
            "channel_not_allowed",
            "/data/via",
            id="another channel",
        ),
    ],
)
async def test_a_key_is_bound_to_its_sources_types_and_channel(
    http: httpx.AsyncClient,
    made: NewKey,
    a_purchase: Purchase,
    attributes: dict[str, Any],
    data: dict[str, Any],
    code: str,
    pointer: str,
) -> None:
    event = a_purchase(data, **attributes)
    single = await http.post(URL, json=event, headers=bearer(made.text))
    batch = await http.post(
        URL, json=[a_purchase(), event], headers={**bearer(made.text), "content-type": BATCH}
    )

    assert single.status_code == 403
    assert (single.json()["code"], single.json()["pointer"]) == (code, pointer)
    assert batch.status_code == 207
    assert [item["status"] for item in batch.json()] == ["accepted", "rejected"]
    assert batch.json()[1]["code"] == code


async def test_what_lies_below_a_source_is_its_own(
    http: httpx.AsyncClient, made: NewKey, a_purchase: Purchase
) -> None:
    event = a_purchase(source="/store/hangzhou-2/till-3")
    assert (await http.post(URL, json=event, headers=bearer(made.text))).status_code == 202


async def test_an_event_that_names_no_channel_came_through_the_keys(
    http: httpx.AsyncClient, made: NewKey, a_purchase: Purchase, fake_publisher: Any
) -> None:
    event = a_purchase({"amount_minor": ..., "currency": ...}, type="careline.complaint.raised.v1")
    assert (await http.post(URL, json=event, headers=bearer(made.text))).status_code == 202

    touchpoint = json.loads(fake_publisher.records[0].value)
    assert (touchpoint["channel"], touchpoint["body"]["via"]) == ("store", "store")


async def test_over_the_limit_a_sender_is_told_when_to_come_again(
    http: httpx.AsyncClient, made: NewKey, a_purchase: Purchase, no_limit: Any, fake_publisher: Any
) -> None:
    no_limit.is_over = True
    answer = await http.post(URL, json=a_purchase(), headers=bearer(made.text))

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
    assert answer.json()["code"] == "rate_limited"
    assert fake_publisher.records == []


class TestASignedRequest:
    @pytest.fixture
    def secret(self, registry: Registry, keyring: Keyring) -> str:
        made = new_signing_secret(BEFORE, keyring)
        assert made.text not in made.key.secret
        registry.hear("till", till(made.key).to_json())
        return made.text

    @pytest.fixture
    def gate(self, registry: Registry, keyring: Keyring, clock: Any) -> Gate:
        return Gate(
            registry,
            keyring=keyring,
            now=clock.now,
            takes_anonymous=True,
            tolerance_seconds=300,
        )

    def headers(self, secret: str, body: bytes, at: datetime, *, id: str = "m1") -> dict[str, str]:
        """As the Standard Webhooks library signs."""
        signature = Webhook(secret).sign(id, at, body.decode())
        return {
            NAME_HEADER: "till",
            "webhook-id": id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signature,
        }

    def test_ours_is_the_signature_of_standard_webhooks(self) -> None:
        secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.now(UTC)
        ours = sign(secret, id="m1", timestamp=int(at.timestamp()), body=b'{"a": 1}')
        assert ours == Webhook(secret).sign("m1", at, '{"a": 1}')

    async def test_is_let_in_by_its_signature(
        self, http: httpx.AsyncClient, secret: str, clock: Any, a_purchase: Purchase
    ) -> None:
        body = json.dumps(a_purchase()).encode()
        signed = self.headers(secret, body, clock.instant)
        answers = [
            await http.post(URL, content=body, headers={**IS_STRUCTURED, **signed})
            for _ in range(2)
        ]
        # a replay within the window has no second effect
        assert [answer.json()["status"] for answer in answers] == ["accepted", "duplicate"]

    def test_two_secrets_are_valid_at_once(
        self, registry: Registry, keyring: Keyring, gate: Gate, clock: Any
    ) -> None:
        made = [new_signing_secret(BEFORE, keyring) for _ in range(2)]
        registry.hear("till", till(*(one.key for one in made)).to_json())
        for one in made:
            claim = gate.claim(self.headers(one.text, b"{}", clock.instant), is_signable=True)
            assert claim(b"{}").name == "till"

    @pytest.mark.parametrize(
        ("minutes", "is_let_in"), [(-5, True), (5, True), (-5.1, False), (5.1, False)]
    )
    def test_is_good_for_five_minutes(
        self, gate: Gate, secret: str, clock: Any, minutes: float, is_let_in: bool
    ) -> None:
        at = clock.instant + timedelta(minutes=minutes)
        headers = self.headers(secret, b"{}", at)
        if is_let_in:
            assert gate.claim(headers, is_signable=True)(b"{}").name == "till"
        else:
            with pytest.raises(NotLetIn) as refused:
                gate.claim(headers, is_signable=True)
            assert refused.value.code == "stale_signature"

    def test_covers_the_body_only_so_binary_mode_is_refused(
        self, gate: Gate, secret: str, clock: Any
    ) -> None:
        with pytest.raises(NotLetIn) as refused:
            gate.claim(self.headers(secret, b"{}", clock.instant), is_signable=False)
        assert refused.value.code == "not_signable"

    @settings(max_examples=100, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, 2**64 - 1))
    def test_ten_thousand_changed_requests_and_none_is_let_in(
        self, gate: Gate, secret: str, clock: Any, seed: int
    ) -> None:
        chance = random.Random(seed)
        body = b'{"id": "1"}'
        signed = self.headers(secret, body, clock.instant)
        # Hypothesis draws the seeds only: drawing each request takes it longer than refusing one
        for _ in range(100):
            changed_body, headers = with_one_change(chance, body, signed)
            with pytest.raises(NotLetIn):
                gate.claim(headers, is_signable=True)(changed_body)


def with_one_change(
    chance: random.Random, body: bytes, headers: dict[str, str]
) -> tuple[bytes, dict[str, str]]:
    """A signed request whose body or one header is another: anything, or a character off."""
    what = chance.choice(["body", *headers])
    text = body.decode() if what == "body" else headers[what]
    place = chance.randrange(len(text))
    changed = chance.choice(
        [
            "".join(chance.choices(LATIN_1, k=chance.randrange(91))),
            text[:place] + text[place + 1 :],
            text[:place] + chr((ord(text[place]) + 1) % 128) + text[place + 1 :],
        ]
    )
    # another signature beside the right one is allowed
    if changed == text or (what == "webhook-signature" and text in changed.split(" ")):
        return with_one_change(chance, body, headers)
    return (changed.encode(), headers) if what == "body" else (body, {**headers, what: changed})


@pytest.mark.stack
class TestTheRateLimit:
    SENDER = Sender("", "store", ("/x",), frozenset())

    def limit(self, valkey: Valkey, url: str, **changes: Any) -> ValkeyRateLimit:
        policy = RateLimitPolicy(**{"events": 100, "seconds": 60, "fails_open": True, **changes})
        return ValkeyRateLimit(valkey, url=url, policy=policy)

    async def test_counts_events_of_each_sender_over_all_instances(
        self, stack: LocalStack, valkey: Valkey
    ) -> None:
        one, other = (self.limit(valkey, stack.endpoints.valkey) for _ in range(2))
        sender = self.SENDER._replace(name=f"till-{uuid.uuid4().hex}")
        await one.take(sender, 60)
        await other.take(sender, 40)
        with pytest.raises(TooFast):
            await one.take(sender, 1)
        await one.take(sender._replace(name=f"other-{uuid.uuid4().hex}"), 1)
        await one.take(ANONYMOUS, 1_000_000)

    async def test_a_batch_larger_than_the_limit_is_taken_when_nothing_was_before(
        self, stack: LocalStack, valkey: Valkey
    ) -> None:
        limit = self.limit(valkey, stack.endpoints.valkey)
        sender = self.SENDER._replace(name=f"till-{uuid.uuid4().hex}")
        await limit.take(sender, 1_000)
        with pytest.raises(TooFast):
            await limit.take(sender, 1)

    @pytest.mark.parametrize("fails_open", [True, False])
    async def test_without_valkey_the_policy_says_whether_to_go_on(
        self, policy: IngestPolicy, fails_open: bool
    ) -> None:
        nobody = "redis://127.0.0.1:1/0"
        valkey = Valkey(
            nobody,
            timeout_milliseconds=policy.valkey_timeout_milliseconds,
            pause_seconds=policy.valkey_pause_seconds,
        )
        limit = self.limit(valkey, nobody, fails_open=fails_open)
        started = time.perf_counter()
        for _ in range(20):
            if fails_open:
                await limit.take(self.SENDER, 1)
            else:
                with pytest.raises(TooFast):
                    await limit.take(self.SENDER, 1)
        assert time.perf_counter() - started < 2
        await valkey.close()
