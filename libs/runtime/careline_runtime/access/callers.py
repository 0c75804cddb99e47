"""Lets a request in, or answers 401 (who are you?) or 403 (not with your roles)."""

from datetime import timedelta
from typing import Annotated, Any

import structlog
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from careline_runtime import metrics
from careline_runtime.access.issuers import LOCAL_ISSUER, LocalKeys, RemoteKeys
from careline_runtime.access.policy import AccessPolicy, Permission, load_access_policy
from careline_runtime.access.tokens import NOBODY, Caller, TokenRefused, Tokens
from careline_runtime.access.withdrawals import Withdrawals
from careline_runtime.settings import ServiceSettings

log = structlog.get_logger(__name__)

_bearer = HTTPBearer(
    auto_error=False,
    bearerFormat="JWT",
    description="A token of the OIDC issuer in the settings, or of `careline token`.",
)


class Access:
    """Who may do what: the tokens that count, and the policy."""

    def __init__(self, tokens: Tokens, policy: AccessPolicy, *, takes_anonymous: bool) -> None:
        self.policy = policy
        self.withdrawals = tokens.withdrawals
        self._tokens = tokens
        self._takes_anonymous = takes_anonymous

    @classmethod
    def of(cls, settings: ServiceSettings) -> "Access":
        """As the settings want it; raises `Misconfigured`."""
        keys = (
            RemoteKeys(settings.oidc_issuer, settings.oidc_jwks_url)
            if settings.oidc_issuer
            else LocalKeys(settings.local_issuer)
        )
        policy = load_access_policy(settings).policy
        tokens = Tokens(
            keys,
            issuer=settings.oidc_issuer or LOCAL_ISSUER,
            audience=settings.oidc_audience,
            roles_claim=settings.oidc_roles_claim if settings.oidc_issuer else "roles",
            longest=timedelta(hours=policy.tokens.longest_hours),
            withdrawals=Withdrawals(),
        )
        takes_anonymous = settings.anonymous == "accept"
        return cls(tokens, policy, takes_anonymous=takes_anonymous)

    async def admit(self, token: str | None, permission: Permission) -> Caller:
        """The caller, who has the permission; raises `HTTPException`."""
        if token is None:
            if self._takes_anonymous and permission in self.policy.anonymous:
                return NOBODY
            raise _refused(401, "no_token", f"{permission} needs a bearer token", "")
        try:
            caller = await self._tokens.caller(token)
        except TokenRefused as error:
            raise _refused(
                401, "bad_token", f"the token is refused: {error}", 'error="invalid_token"'
            ) from None
        if not self.policy.allows(caller.roles, permission):
            roles = ", ".join(sorted(caller.roles)) or "none"
            raise _refused(
                403,
                "not_allowed",
                f"{permission} is not allowed with these roles: {roles}",
                'error="insufficient_scope"',
            )
        return caller


def requires(permission: Permission) -> Any:
    """A dependency for FastAPI: the `Caller`, who has this permission."""

    async def caller(
        request: Request,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        access: Access = request.app.state.access
        token = credentials.credentials if credentials else None
        return await access.admit(token, permission)

    return Depends(caller)


def _refused(status: int, reason: str, detail: str, challenge: str) -> HTTPException:
    metrics.requests_refused.labels(reason).inc()
    log.info("request.refused", status=status, reason=reason)
    return HTTPException(
        status, detail, headers={"WWW-Authenticate": f"Bearer {challenge}".rstrip()}
    )
