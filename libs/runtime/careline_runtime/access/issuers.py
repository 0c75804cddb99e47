"""Where the keys of an issuer come from: over HTTPS from anybody's, from a file for our own.

Our own issuer is `careline token`, for a bare machine. It signs with a private key in one file and
publishes the public one in another, the only one that services read: no service can make a token.
"""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from careline_runtime.errors import Misconfigured, TryLater
from careline_runtime.key_file import write_private

log = structlog.get_logger(__name__)

LOCAL_ISSUER = "careline-local"
LOCAL_KEY_ID = "local-1"
KEPT_SECONDS = 600.0
"""So soon a key that its issuer withdrew is not trusted any more."""
ASK_AGAIN_SECONDS = 10.0
"""The least time between two questions: tokens with made-up key ids must not become a flood."""
TIMEOUT_SECONDS = 5.0


class RemoteKeys:
    """The keys of an OIDC issuer, fetched when needed, kept for a while, and fetched anew when a
    token names one that is not there: a rotation needs no restart.

    While the issuer is away the keys of before go on for as long as the process lives: an outage
    of the issuer is no outage of the hotline.
    """

    def __init__(self, issuer: str, jwks_url: str = "") -> None:
        for url in filter(None, (issuer, jwks_url)):
            _require_protected(url)
        self._issuer = issuer
        self._jwks_url = jwks_url
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_at = self._fetched_at = float("-inf")
        self._fetching = asyncio.Lock()

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        is_old = time.monotonic() - self._fetched_at > KEPT_SECONDS
        if is_old or key_id not in self._keys:
            async with self._fetching:
                if time.monotonic() - self._asked_at > ASK_AGAIN_SECONDS:
                    await self._fetch()
        if not self._keys:
            raise TryLater("the issuer of tokens does not answer")
        return self._keys.get(key_id)

    async def _fetch(self) -> None:
        self._asked_at = time.monotonic()
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as http:
                url = self._jwks_url or await _discovered(http, self._issuer)
                answer = (await http.get(url)).raise_for_status()
            found = jwt.PyJWKSet.from_dict(answer.json()).keys
        except (httpx.HTTPError, jwt.PyJWTError, ValueError, KeyError, TypeError) as error:
            log.warning("issuer.away", issuer=self._issuer, error=type(error).__name__)
            return
        self._keys = {key.key_id or "": key for key in found if key.public_key_use != "enc"}
        self._fetched_at = time.monotonic()


async def _discovered(http: httpx.AsyncClient, issuer: str) -> str:
    answer = await http.get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    document = answer.raise_for_status().json()
    if document["issuer"] != issuer:
        raise ValueError("the issuer calls itself otherwise")
    url = str(document["jwks_uri"])
    _require_protected(url)
    return url


def _require_protected(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in {"127.0.0.1", "::1", "localhost"}:
        raise Misconfigured(
            f"{url}: an issuer is asked over https only, or whoever is between decides"
        )


class LocalKeys:
    """The public keys in the file of the local issuer, which need not be there yet."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """A look costs 50 µs, which a bare machine can afford at each request."""
        if self._path is None or not self._path.is_file():
            return None
        keys = jwt.PyJWKSet.from_dict(json.loads(self._path.read_bytes())).keys
        return next((key for key in keys if key.key_id == key_id), None)


class LocalIssuer:
    """Makes tokens for the bare machine."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @classmethod
    def load(cls, path: Path, *, public: Path) -> Self:
        """The issuer whose key is at `path`, made on first use; services read `public`."""
        with suppress(FileExistsError):
            write_private(path, _as_json(Ed25519PrivateKey.generate()), replaces=False)
        key = OKPAlgorithm.from_jwk(path.read_text())
        assert isinstance(key, Ed25519PrivateKey)
        issuer = cls(key)
        write_private(public, json.dumps(issuer.public_keys) + "\n", replaces=True)
        return issuer

    @property
    def public_keys(self) -> dict[str, Any]:
        """What anybody may know: a JSON Web Key Set."""
        return {"keys": [json.loads(_as_json(self._key.public_key()))]}

    def token(
        self, subject: str, roles: Sequence[str], *, audience: str, at: datetime, lives: timedelta
    ) -> str:
        """A token that says who they are and what roles they have, until `at + lives`."""
        claims = {
            "iss": LOCAL_ISSUER,
            "aud": audience,
            "sub": subject,
            "roles": list(roles),
            "iat": at,
            "exp": at + lives,
        }
        return jwt.encode(claims, self._key, algorithm="EdDSA", headers={"kid": LOCAL_KEY_ID})


def _as_json(key: Ed25519PrivateKey | Ed25519PublicKey) -> str:
    jwk = OKPAlgorithm.to_jwk(key, as_dict=True)
    return json.dumps({**jwk, "kid": LOCAL_KEY_ID, "use": "sig", "alg": "EdDSA"}) + "\n"
