"""Who is let in to an API: by whose token, in which role, for what."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, cast

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter
from jwt.algorithms import RSAAlgorithm

from careline_contracts.events.profile import AccessWithdrawn
from careline_runtime.access import Access, Caller, issuers, requires
from careline_runtime.access.issuers import LOCAL_ISSUER, LocalIssuer, LocalKeys, RemoteKeys
from careline_runtime.access.policy import AccessPolicy, load_access_policy
from careline_runtime.access.tokens import TokenRefused, Tokens
from careline_runtime.access.withdrawals import Withdrawals
from careline_runtime.errors import Misconfigured, TryLater
from careline_runtime.settings import ServiceSettings
from tests.runtime.signed_in import AUDIENCE, ISSUED_AT, ISSUER, api_in_test, signed_in

HOUR = timedelta(hours=1)
COMPANY = "https://login.example.com/realms/care"

routes = APIRouter()


@routes.get("/record", dependencies=[requires("customers.read")])
async def record() -> str:
    return "read"


@routes.post("/erasure")
async def erasure(caller: Annotated[Caller, requires("customers.erase")]) -> dict[str, Any]:
    return {"by": caller.subject, "roles": sorted(caller.roles)}


def asking(*, takes_anonymous: bool = True) -> httpx.AsyncClient:
    app = api_in_test(routes, takes_anonymous=takes_anonymous)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://test")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def a_token(issuer: LocalIssuer = ISSUER, **changes: Any) -> str:
    given = {"audience": AUDIENCE, "at": datetime.now(UTC), "lives": HOUR, **changes}
    return issuer.token("ann", ["supervisor"], **given)


async def test_a_role_opens_what_it_may() -> None:
    async with asking() as http:
        answer = await http.post("/erasure", headers=signed_in("supervisor", "sue"))

    assert answer.json() == {"by": "sue", "roles": ["supervisor"]}


async def test_a_role_opens_nothing_else() -> None:
    async with asking() as http:
        answer = await http.post("/erasure", headers=signed_in("agent"))

    assert answer.status_code == 403
    assert "insufficient_scope" in answer.headers["www-authenticate"]
    assert "customers.erase is not allowed with these roles: agent" in answer.text


@pytest.mark.parametrize(
    ("takes_anonymous", "path", "status"),
    [
        pytest.param(True, "/record", 200, id="a read on a bare machine"),
        pytest.param(False, "/record", 401, id="a read elsewhere"),
        pytest.param(True, "/erasure", 401, id="a change, anywhere"),
    ],
)
async def test_without_a_token(takes_anonymous: bool, path: str, status: int) -> None:
    async with asking(takes_anonymous=takes_anonymous) as http:
        answer = await http.request("GET" if path == "/record" else "POST", path)

    assert answer.status_code == status
    if status == 401:
        assert answer.headers["www-authenticate"] == "Bearer"


def unsigned() -> str:
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    return jwt.encode(claims, cast(Any, None), algorithm="none", headers={"kid": "local-1"})


def signed_with_the_public_key() -> str:
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    secret = ISSUER.public_keys["keys"][0]["x"]
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": "local-1"})


def without_expiry() -> str:
    claims = jwt.decode(a_token(), options={"verify_signature": False})
    del claims["exp"]
    return jwt.encode(claims, ISSUER._key, algorithm="EdDSA", headers={"kid": "local-1"})


@pytest.mark.parametrize(
    ("token", "words"),
    [
        pytest.param(lambda: a_token(at=ISSUED_AT), "has expired", id="expired"),
        pytest.param(lambda: a_token(audience="other"), "another audience", id="not for us"),
        pytest.param(
            lambda: a_token(LocalIssuer(Ed25519PrivateKey.generate())), "does not hold", id="forged"
        ),
        pytest.param(unsigned, "does not hold", id="algorithm none"),
        pytest.param(signed_with_the_public_key, "does not hold", id="public key as a secret"),
        pytest.param(without_expiry, "does not hold", id="for ever"),
        pytest.param(lambda: "nonsense", "does not hold", id="nonsense"),
        pytest.param(
            lambda: a_token(at=datetime.now(UTC) + HOUR), "does not hold", id="not yet issued"
        ),
    ],
)
async def test_a_token_that_proves_nothing_is_refused_even_for_what_needs_none(
    token: Any, words: str
) -> None:
    async with asking(takes_anonymous=True) as http:
        answer = await http.get("/record", headers=bearer(token()))

    assert answer.status_code == 401
    assert words in answer.text
    assert "invalid_token" in answer.headers["www-authenticate"]


async def test_another_issuers_token_is_refused() -> None:
    keys = RemoteKeys(COMPANY)
    keys._keys, keys._fetched_at = {"local-1": jwt.PyJWK(ISSUER.public_keys["keys"][0])}, 1e12
    tokens = tokens_of_the_company(keys)

    with pytest.raises(TokenRefused, match="another issuer"):
        await tokens.caller(a_token())


class CompanyIssuer:
    """An OIDC issuer over HTTP, whose keys change."""

    def __init__(self) -> None:
        self.is_away = False
        self.questions: list[str] = []
        self.rotate("k1")

    def rotate(self, key_id: str) -> None:
        self.key_id = key_id
        self._key = rsa.generate_private_key(65_537, 2_048)

    def token(self, **claims: Any) -> str:
        now = datetime.now(UTC)
        given = {"iss": COMPANY, "aud": AUDIENCE, "sub": "u-17", "iat": now, "exp": now + HOUR}
        headers = {"kid": self.key_id}
        return jwt.encode({**given, **claims}, self._key, algorithm="RS256", headers=headers)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.questions.append(request.url.path)
        if self.is_away:
            raise httpx.ConnectError("away")
        if request.url.path.endswith("/openid-configuration"):
            return httpx.Response(200, json={"issuer": COMPANY, "jwks_uri": f"{COMPANY}/certs"})
        jwk = RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return httpx.Response(200, json={"keys": [{**jwk, "kid": self.key_id, "use": "sig"}]})


@pytest.fixture
async def company(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[CompanyIssuer]:
    company = CompanyIssuer()
    client = httpx.AsyncClient
    monkeypatch.setattr(
        httpx,
        "AsyncClient",
        lambda **_: client(transport=httpx.MockTransport(company.answer)),
    )
    yield company


def tokens_of_the_company(keys: RemoteKeys) -> Tokens:
    return Tokens(
        keys,
        issuer=COMPANY,
        audience=AUDIENCE,
        roles_claim="realm_access.roles",
        longest=24 * HOUR,
        withdrawals=Withdrawals(are_known=True),
    )


async def test_an_issuer_is_discovered_and_its_keys_are_fetched_once(
    company: CompanyIssuer,
) -> None:
    tokens = tokens_of_the_company(RemoteKeys(COMPANY))
    for _ in range(3):
        caller = await tokens.caller(company.token(realm_access={"roles": ["agent", "offline"]}))

    assert caller == Caller("u-17", frozenset({"agent", "offline"}), COMPANY)
    assert [path.rpartition("/")[2] for path in company.questions] == [
        "openid-configuration",
        "certs",
    ]


async def test_a_token_that_lives_for_more_than_a_day_is_refused(company: CompanyIssuer) -> None:
    tokens, now = tokens_of_the_company(RemoteKeys(COMPANY)), datetime.now(UTC)
    await tokens.caller(company.token(iat=now, exp=now + 24 * HOUR))

    with pytest.raises(TokenRefused, match="lives longer than 1 day"):
        await tokens.caller(company.token(iat=now, exp=now + 25 * HOUR))


async def test_a_rotated_key_needs_no_restart_and_made_up_ones_are_no_flood(
    company: CompanyIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = tokens_of_the_company(RemoteKeys(COMPANY, f"{COMPANY}/certs"))
    await tokens.caller(company.token())
    company.rotate("k2")
    for _ in range(20):
        with pytest.raises(TokenRefused, match="doesn't have"):
            await tokens.caller(company.token())
    assert len(company.questions) == 1

    monkeypatch.setattr(issuers, "ASK_AGAIN_SECONDS", 0.0)
    assert (await tokens.caller(company.token())).subject == "u-17"


async def test_while_the_issuer_is_away_known_keys_go_on_and_no_key_is_no_verdict(
    company: CompanyIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuers, "ASK_AGAIN_SECONDS", 0.0)
    known, new = RemoteKeys(COMPANY), RemoteKeys(COMPANY)
    await tokens_of_the_company(known).caller(company.token())
    company.is_away = True
    monkeypatch.setattr(issuers, "KEPT_SECONDS", -1.0)

    assert (await tokens_of_the_company(known).caller(company.token())).roles == frozenset()
    with pytest.raises(TryLater):
        await tokens_of_the_company(new).caller(company.token())


@pytest.mark.parametrize(
    ("issuer", "is_taken"),
    [
        ("https://login.example.com", True),
        ("http://127.0.0.1:9000", True),
        ("http://login.example.com", False),
    ],
)
def test_keys_are_fetched_where_nobody_can_put_others(issuer: str, is_taken: bool) -> None:
    if is_taken:
        RemoteKeys(issuer)
    else:
        with pytest.raises(Misconfigured, match="https only"):
            RemoteKeys(issuer)


def withdrawn(subject: str, at: datetime) -> bytes:
    return AccessWithdrawn(subject=subject, withdrawn_at=at).model_dump_json().encode()


@pytest.mark.parametrize(
    ("subject", "minutes_later", "status"),
    [
        pytest.param("ann", -1, 401, id="issued before"),
        pytest.param("ann", 0.4, 401, id="issued just after by a clock that is ahead"),
        pytest.param("ann", 1, 200, id="signed in anew"),
        pytest.param("bob", -1, 200, id="somebody else"),
    ],
)
async def test_who_lost_access_is_refused_with_what_was_issued_until_then(
    subject: str, minutes_later: float, status: int
) -> None:
    app, issued_at = api_in_test(routes), datetime.now(UTC)
    withdrawals = app.state.access.withdrawals
    lost_at = issued_at - timedelta(minutes=minutes_later)
    withdrawals.hear("ann", withdrawn("ann", lost_at))
    withdrawals.hear("ann", withdrawn("ann", lost_at))
    withdrawals.hear("ann", b"a record that nobody can read takes nothing back")

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        token = ISSUER.token(subject, ["supervisor"], audience=AUDIENCE, at=issued_at, lives=HOUR)
        answer = await http.post("/erasure", headers=bearer(token))

    assert answer.status_code == status


async def test_before_it_is_known_who_lost_access_nobody_is_let_in() -> None:
    with pytest.raises(TryLater, match="who lost access"):
        Withdrawals().include("ann", datetime.now(UTC))


async def test_the_local_issuer_keeps_its_key_to_itself(tmp_path: Path) -> None:
    private, public = tmp_path / "issuer.json", tmp_path / "issuer.public.json"
    access = Access.of(ServiceSettings(local_issuer=public))
    access.withdrawals.are_known = True
    with pytest.raises(Exception, match="doesn't have"):
        await access.admit(a_token(), "customers.erase")

    first = LocalIssuer.load(private, public=public)
    again = LocalIssuer.load(private, public=public)
    for issuer in (first, again):
        caller = await access.admit(a_token(issuer), "customers.erase")
        assert (caller.subject, caller.issuer) == ("ann", LOCAL_ISSUER)
    assert private.stat().st_mode & 0o777 == 0o600
    assert "d" in json.loads(private.read_text())
    assert "d" not in json.loads(public.read_text())["keys"][0]
    assert await LocalKeys(None).key("local-1") is None


def test_a_policy_of_ones_own_replaces_ours_and_knows_its_words(tmp_path: Path) -> None:
    own = tmp_path / "access.yaml"
    settings = ServiceSettings(policies=tmp_path)
    rest = (
        "fields: {other: {clear: [agent]}}\ncodes: {attempts: 5, locked_minutes: 60}\n"
        "tokens: {longest_hours: 24}\n"
    )
    own.write_text("version: own-1\nanonymous: []\nroles: {agent: [customers.read]}\n" + rest)
    policy = load_access_policy(settings).policy
    assert policy.allows(frozenset({"agent"}), "customers.read")
    assert not policy.allows(frozenset({"auditor"}), "customers.read")

    own.write_text("version: own-2\nanonymous: []\nroles: {agent: [customers.raed]}\n" + rest)
    with pytest.raises(Misconfigured, match=r"access\.yaml:3"):
        load_access_policy(settings)


def our_policy() -> AccessPolicy:
    return load_access_policy(ServiceSettings()).policy


def test_nothing_that_changes_or_shows_a_person_is_open_to_everybody() -> None:
    assert {permission.rpartition(".")[2] for permission in our_policy().anonymous} == {"read"}
    assert not our_policy().anonymous & {"fields.read", "audit.read"}


@pytest.mark.parametrize(
    ("role", "field", "has_code", "view"),
    [
        pytest.param("agent", "phone", False, "clear", id="an agent calls people back"),
        pytest.param("agent", "id_number", True, "masked", id="seniority, whatever the code"),
        pytest.param("supervisor", "id_number", False, "masked", id="no code, no number"),
        pytest.param("supervisor", "id_number", True, "clear", id="both"),
        pytest.param("ops", "phone", True, "hidden", id="operations see nobody"),
        pytest.param("admin", "bank_account", True, "hidden", id="administrators neither"),
        pytest.param("agent", "shoe_size", False, "masked", id="a field that nobody thought of"),
        pytest.param("boss", "phone", True, "hidden", id="a role that nobody knows"),
    ],
)
def test_who_sees_what(role: str, field: str, has_code: bool, view: str) -> None:
    assert our_policy().view(field, frozenset({role}), has_code=has_code) == view
