"""An API in a test: routes behind the real checks, tokens of an issuer that lives as long."""

from datetime import UTC, datetime, timedelta

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import APIRouter, FastAPI

from careline_runtime.access.callers import Access
from careline_runtime.access.issuers import LOCAL_ISSUER, LocalIssuer
from careline_runtime.access.policy import Role, load_access_policy
from careline_runtime.access.tokens import Tokens
from careline_runtime.access.withdrawals import Withdrawals
from careline_runtime.settings import ServiceSettings

ISSUER = LocalIssuer(Ed25519PrivateKey.generate())
ISSUED_AT = datetime(2026, 1, 1, tzinfo=UTC)
AUDIENCE = "careline"
CENTURY = timedelta(days=36_500)


class KeysInTest:
    """The keys of `ISSUER`."""

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        keys = jwt.PyJWKSet.from_dict(ISSUER.public_keys).keys
        return next((key for key in keys if key.key_id == key_id), None)


def api_in_test(*routers: APIRouter, takes_anonymous: bool = True) -> FastAPI:
    """The routes as a service answers them, for those whom `signed_in` names."""
    app = FastAPI()
    policy = load_access_policy(ServiceSettings()).policy
    tokens = Tokens(
        KeysInTest(),
        issuer=LOCAL_ISSUER,
        audience=AUDIENCE,
        roles_claim="roles",
        longest=CENTURY,
        withdrawals=Withdrawals(are_known=True),
    )
    app.state.access = Access(tokens, policy, takes_anonymous=takes_anonymous)
    for router in routers:
        app.include_router(router)
    return app


def signed_in(role: Role, subject: str = "ann") -> dict[str, str]:
    """The headers of a request by somebody in this role."""
    token = ISSUER.token(subject, [role], audience=AUDIENCE, at=ISSUED_AT, lives=CENTURY)
    return {"authorization": f"Bearer {token}"}
