"""What every service answers over HTTP: live, ready, metrics, status, and its OpenAPI page."""

import contextlib
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Protocol

import structlog
import uvicorn
from aiokafka.errors import KafkaError
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.exceptions import HTTPException

from careline_runtime import tracing
from careline_runtime.access import Access
from careline_runtime.bounded_heads import BoundedHeads
from careline_runtime.clock import Clock
from careline_runtime.errors import Misconfigured, TryLater, holds_nul, is_infrastructure, reason_of
from careline_runtime.followed_policy import FollowedPolicy
from careline_runtime.settings import ServiceSettings

log = structlog.get_logger(__name__)

PROBLEM = "application/problem+json"
RETRY_AFTER_SECONDS = 2


def problem_schema(**more: Any) -> dict[str, Any]:
    """What a problem looks like, in words of OpenAPI, with `more` members of its own."""
    members = {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    }
    return {
        "title": "Problem (RFC 9457)",
        "type": "object",
        "required": [*members],
        "properties": members | more,
    }


ANY_PROBLEM = {
    "description": "Refused, or not possible now: `detail` says why",
    "content": {
        PROBLEM: {
            "schema": problem_schema(
                instance={"type": "string"},
                errors={
                    "type": "array",
                    "description": "Of a request that is not as it is described: each flaw",
                    "items": {
                        "type": "object",
                        "properties": {
                            "in": {"type": "string"},
                            "pointer": {"type": "string"},
                            "detail": {"type": "string"},
                        },
                    },
                },
            )
        }
    },
}
"""What every other answer is, in words of OpenAPI."""


def problem(status: int, detail: str, **more: Any) -> Response:
    """An RFC 9457 problem: of no type but its status, whose name is the title; `detail` has words
    on this one."""
    named = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status}
    return JSONResponse({**named, "detail": detail, **more}, status_code=status, media_type=PROBLEM)


class Operated(Protocol):
    """A service, as far as those who operate it are told."""

    name: str
    access: Access
    clock: Clock
    policy: FollowedPolicy[Any, Any] | None
    is_ready: bool

    @property
    def stalled(self) -> str: ...
    @property
    def waits_for(self) -> str: ...
    async def status(self) -> dict[str, Any]: ...


def create_app(service: Operated) -> FastAPI:
    """The HTTP side of `service`, as far as all services have it."""
    app = FastAPI(
        title=f"Careline {service.name}",
        version="1",
        description="`GET /policy` is the policy in force." if service.policy else "",
        responses={"default": ANY_PROBLEM},
    )

    app.state.access = service.access
    if tracing.is_on():
        app.add_middleware(tracing.TracedRequests)

    @app.exception_handler(HTTPException)
    async def explain(request: Request, error: HTTPException) -> Response:
        answer = problem(error.status_code, str(error.detail), instance=request.url.path)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def refuse(request: Request, error: RequestValidationError) -> Response:
        flaws = [_flaw(flaw["loc"], reason_of(flaw)) for flaw in error.errors()]
        return problem(422, "invalid request", instance=request.url.path, errors=flaws)

    @app.exception_handler(Exception)
    async def own_up(request: Request, error: Exception) -> Response:
        # uvicorn logs the traceback: the error goes on to it
        words = "this service made a mistake; its log has the traceback"
        return problem(500, words, instance=request.url.path)

    async def come_again(request: Request, error: Exception) -> Response:
        if holds_nul(error):
            return problem(422, "a text holds a NUL character", instance=request.url.path)
        if not is_infrastructure(error):
            raise error
        log.warning("request.not_answered", path=request.url.path, error=type(error).__name__)
        words = "a server that this service needs is away; ask again"
        response = problem(503, words, instance=request.url.path)
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response

    for away in (DBAPIError, PoolTimeoutError, KafkaError, OSError, TryLater):
        app.add_exception_handler(away, come_again)

    @app.get("/health/live", tags=["operations"], summary="The process runs and makes progress")
    async def live() -> Response:
        reason = service.stalled
        return problem(503, reason) if reason else PlainTextResponse("live\n")

    @app.get("/health/ready", tags=["operations"], summary="Events and requests are being taken")
    async def ready() -> Response:
        if service.waits_for or not service.is_ready:
            return problem(503, service.waits_for or "starting or stopping")
        return PlainTextResponse("ready\n")

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/status", tags=["operations"], summary="Clock, positions, outbox and due timers")
    async def status() -> dict[str, Any]:
        return await service.status()

    if (policy := service.policy) is not None:

        @app.get("/policy", tags=["operations"], summary="The policy in force, and those to come")
        async def policy_in_force() -> dict[str, Any]:
            return policy.describe(service.clock.now())

    return app


class _Server(uvicorn.Server):
    """Uvicorn without signal handlers of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        yield


def create_server(app: FastAPI, settings: ServiceSettings) -> uvicorn.Server:
    """What serves `app`, over TLS where there is a certificate; raises `Misconfigured`."""
    config = uvicorn.Config(
        app,
        http=BoundedHeads,
        log_config=None,
        access_log=False,
        lifespan="off",
        ssl_certfile=settings.http_tls_certificate,
        ssl_keyfile=settings.http_tls_key,
    )
    try:
        config.load()
    except OSError as error:
        raise Misconfigured(f"HTTP_TLS_CERTIFICATE can't be used: {error}") from error
    return _Server(config)


def _flaw(location: Sequence[str | int], detail: str) -> dict[str, str]:
    """One flaw of a request: in which part of it, where there (RFC 6901), and what is wrong."""
    part, *path = location
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return {"in": str(part), "pointer": "".join(f"/{step}" for step in steps), "detail": detail}
