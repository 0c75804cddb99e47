"""Bearer tokens: a JWT of the one issuer that is trusted becomes a caller, or is refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import jwt

from careline_runtime.access.withdrawals import Withdrawals

ALGORITHMS = ("EdDSA", "ES256", "ES384", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
"""Signatures by private keys only: with a shared secret, whoever checks tokens could make them."""
LEEWAY_SECONDS = 30
"""How far clocks of issuer and service may be apart."""
MOST_ROLES = 50


class TokenRefused(Exception):
    """The token proves nothing; the text tells its owner why, and nothing about the keys."""


@dataclass(frozen=True)
class Caller:
    """Who sent a request, as the issuer knows them; without a token nobody, with no roles."""

    subject: str
    roles: frozenset[str]
    issuer: str


NOBODY = Caller(subject="anonymous", roles=frozenset(), issuer="")


class Keys(Protocol):
    """The public keys of an issuer."""

    async def key(self, key_id: str) -> jwt.PyJWK | None:
        """The key with this id; None if the issuer has none. Raises `TryLater`."""
        ...


class Tokens:
    """Checks tokens of `issuer`, whose roles lie at `roles_claim` (dots lead into objects).

    One that lives longer than `longest`, or was issued before its owner lost access, is refused.
    """

    def __init__(
        self,
        keys: Keys,
        *,
        issuer: str,
        audience: str,
        roles_claim: str,
        longest: timedelta,
        withdrawals: Withdrawals,
    ) -> None:
        self._keys = keys
        self._longest = longest
        self.withdrawals = withdrawals
        self._issuer = issuer
        self._audience = audience
        self._roles_claim = roles_claim.split(".")

    async def caller(self, token: str) -> Caller:
        """Whose token it is; raises `TokenRefused`."""
        try:
            header = jwt.get_unverified_header(token)
            key = await self._keys.key(str(header.get("kid", "")))
            if key is None:
                raise TokenRefused("it is signed by a key that the issuer doesn't have")
            claims = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.ExpiredSignatureError:
            raise TokenRefused("it has expired") from None
        except jwt.InvalidAudienceError:
            raise TokenRefused("it is for another audience") from None
        except jwt.InvalidIssuerError:
            raise TokenRefused("it is of another issuer") from None
        except jwt.PyJWTError as error:
            raise TokenRefused(f"it does not hold ({type(error).__name__})") from None
        subject = claims["sub"][:255]
        if claims["exp"] - claims["iat"] > self._longest.total_seconds():
            raise TokenRefused(f"it lives longer than {self._longest}")
        # the issuer's clock may be ahead: what it gave before must not count as given afterwards
        issued_at = datetime.fromtimestamp(claims["iat"] - LEEWAY_SECONDS, UTC)
        if self.withdrawals.include(subject, issued_at):
            raise TokenRefused("access was withdrawn after it was issued")
        return Caller(subject, _roles(claims, self._roles_claim), self._issuer)


def _roles(claims: Mapping[str, Any], path: list[str]) -> frozenset[str]:
    found: Any = claims
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    if isinstance(found, str):
        found = found.split()
    return frozenset(map(str, found[:MOST_ROLES])) if isinstance(found, list) else frozenset()
