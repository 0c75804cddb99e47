"""What every service answers over HTTP: live, ready, metrics, status, and its OpenAPI page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException

from careline_runtime import tracing

if TYPE_CHECKING:
    from careline_runtime.service import Service

PROBLEM = "application/problem+json"


def problem(status: int, title: str, detail: str = "", **more: Any) -> Response:
    """An RFC 9457 problem."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(body, status_code=status, media_type=PROBLEM)


def create_app(service: "Service", routers: Sequence[APIRouter]) -> FastAPI:
    """The HTTP side of `service`."""
    app = FastAPI(
        title=f"Careline {service.name}",
        version="1",
        description=f"Policy in force: {service.policy_version}" if service.policy_version else "",
    )

    if tracing.is_on():
        app.add_middleware(tracing.TracedRequests)

    @app.exception_handler(HTTPException)
    async def explain(request: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), instance=request.url.path)

    @app.get("/health/live", tags=["operations"], summary="The process runs and makes progress")
    async def live() -> Response:
        reason = service.stalled
        return problem(503, "stalled", reason) if reason else Response("live\n")

    @app.get("/health/ready", tags=["operations"], summary="Events and requests are being taken")
    async def ready() -> Response:
        return Response("ready\n") if service.is_ready else problem(503, "not ready")

    @app.get("/metrics", tags=["operations"], summary="Prometheus metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @app.get("/status", tags=["operations"], summary="Clock, positions, outbox and due timers")
    async def status() -> dict[str, Any]:
        return await service.status()

    for router in routers:
        app.include_router(router)
    return app
