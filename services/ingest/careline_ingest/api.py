"""Takes events over HTTP: answers 202 once Kafka has them, and never 500 because of a body."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
import structlog
from aiokafka.errors import KafkaError
from fastapi import APIRouter, Request, Response

from careline_ingest import cloudevents, metrics, openapi
from careline_ingest.admission import Admission, Busy
from careline_ingest.bodies import UnreadableBody, read_body
from careline_ingest.edge import Edge
from careline_ingest.gate import Gate, NotLetIn
from careline_ingest.observer import Observer
from careline_ingest.policy import IngestPolicy
from careline_ingest.publishing import Publishes
from careline_ingest.rate_limit import RateLimit, TooFast
from careline_ingest.rules import Accepted, Code, Rejected, Verdict
from careline_ingest.senders import Sender
from careline_ingest.window import Window
from careline_runtime import tracing
from careline_runtime.http import problem

log = structlog.get_logger(__name__)

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
EVENTS_A_TURN = 100
"""After so many events of a batch (3 ms) other requests have their turn."""

STATUSES = {
    Code.MALFORMED_JSON: 400,
    Code.BAD_ENCODING: 400,
    Code.MISSING_ATTRIBUTE: 400,
    Code.TOO_LARGE: 413,
    Code.UNSUPPORTED_CONTENT_TYPE: 415,
    Code.SOURCE_NOT_ALLOWED: 403,
    Code.TYPE_NOT_ALLOWED: 403,
    Code.CHANNEL_NOT_ALLOWED: 403,
}
"""HTTP's word for a single event that is refused; 422 for all other reasons."""


class Intake:
    """What one request passes: gate, admission, body, limits, rules, duplicate window, Kafka."""

    def __init__(
        self,
        edge: Edge,
        *,
        policy: IngestPolicy,
        gate: Gate,
        rate_limit: RateLimit,
        window: Window,
        observer: Observer,
        publisher: Publishes,
        is_ready: Callable[[], bool],
    ) -> None:
        self._edge = edge
        self._policy = policy
        self._gate = gate
        self._rate_limit = rate_limit
        self._window = window
        self._observer = observer
        self._publisher = publisher
        self._is_ready = is_ready
        self._admission = Admission(policy)
        # a parsed batch is up to twenty times its bytes: one at a time
        self._parsing = asyncio.Lock()

    async def answer(self, request: Request) -> Response:
        """The answer to one `POST /v1/touchpoints`."""
        if not self._is_ready():
            return self._come_again("the service is starting or stopping")
        media_type, charset = cloudevents.split_content_type(
            request.headers.get("content-type", "")
        )
        if charset not in {"", "utf-8", "utf8"}:
            return problem(415, "send UTF-8", code=Code.BAD_ENCODING)
        is_batch = media_type == BATCH
        try:
            claim = self._gate.claim(
                request.headers, is_signable=is_batch or media_type == STRUCTURED
            )
            with self._admission.place() as place:
                limit = self._policy.max_batch_bytes if is_batch else self._policy.max_event_bytes
                body = await read_body(
                    request, place, max_bytes=limit, seconds=self._policy.body_timeout_seconds
                )
                sender = claim(body)
                if is_batch:
                    return await self._batch(body, sender)
                return await self._single(request, media_type, body, sender)
        except NotLetIn as error:
            return _not_let_in(error)
        except TooFast as error:
            return self._too_fast(error)
        except Busy:
            return self._come_again("too much is in flight")
        except UnreadableBody as error:
            return problem(error.status, error.detail, code=error.code)
        except (KafkaError, TimeoutError, OSError) as error:
            log.warning("touchpoints.not_acknowledged", error=type(error).__name__)
            return self._come_again("Kafka has not acknowledged; send it again, under the same id")

    async def _single(
        self, request: Request, media_type: str, body: bytes, sender: Sender
    ) -> Response:
        await self._rate_limit.take(sender, 1)
        if media_type == STRUCTURED:
            event = cloudevents.from_json(body, traceparent=request.headers.get("traceparent"))
        else:
            event = cloudevents.from_http(
                request.headers.raw, request.headers.get("content-type", ""), body
            )
        verdict = self._edge.judge(event, sender)
        if isinstance(verdict, Rejected):
            metrics.count("http", [verdict])
            return problem(
                STATUSES.get(verdict.code, 422),
                verdict.detail,
                code=verdict.code,
                pointer=verdict.pointer,
            )
        [is_duplicate] = await self._settle([verdict])
        status = "duplicate" if is_duplicate else "accepted"
        return _json(202, {"id": verdict.envelope.id, "status": status})

    async def _batch(self, body: bytes, sender: Sender) -> Response:
        async with self._parsing:
            events = cloudevents.parse(body)
            if isinstance(events, Rejected):
                metrics.count("http", [self._edge.judge(events, sender)])
                return problem(400, events.detail, code=events.code)
            if not isinstance(events, list):
                return problem(400, "a batch is a JSON array", code=Code.MALFORMED_JSON)
            if len(events) > self._policy.max_batch_events:
                words = f"a batch may have {self._policy.max_batch_events} events"
                return problem(413, words, code=Code.TOO_LARGE)
            await self._rate_limit.take(sender, len(events))
            ids = [_id(event) for event in events]
            verdicts = await self._judge(events, sender)
            del events
        duplicates = iter(await self._settle([v for v in verdicts if isinstance(v, Accepted)]))
        rejected = [v for v in verdicts if isinstance(v, Rejected)]
        metrics.count("http", rejected)
        answers = [
            _refusal(id, verdict)
            if isinstance(verdict, Rejected)
            else _receipt(id, is_duplicate=next(duplicates))
            for id, verdict in zip(ids, verdicts, strict=True)
        ]
        return _json(207 if rejected else 202, answers)

    async def _judge(self, events: Sequence[object], sender: Sender) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for start in range(0, len(events), EVENTS_A_TURN):
            present = self._edge.present()
            verdicts += [
                self._edge.judge(cloudevents.from_object(event), sender, at=present)
                for event in events[start : start + EVENTS_A_TURN]
            ]
            await asyncio.sleep(0)
        return verdicts

    async def _settle(self, verdicts: Sequence[Accepted]) -> list[bool]:
        """Publishes what is new; returns for each event whether it is a duplicate."""
        tracing.link(verdict.envelope.traceparent for verdict in verdicts)
        keys = [verdict.envelope.event_key for verdict in verdicts]
        known = await self._window.known(keys)
        fresh: dict[str, Accepted] = {}
        duplicates: list[bool] = []
        for key, verdict, is_known in zip(keys, verdicts, known, strict=True):
            duplicates.append(is_known or key in fresh)
            if not duplicates[-1]:
                fresh[key] = verdict
        if fresh:
            async with asyncio.timeout(self._policy.publish_timeout_seconds):
                await self._publisher.publish([verdict.record for verdict in fresh.values()])
            await self._window.remember([k for k in keys if k in fresh])
        metrics.count("http", fresh.values())
        self._observer.saw(fresh.values())
        again = [v for v, is_duplicate in zip(verdicts, duplicates, strict=True) if is_duplicate]
        for verdict in again:
            metrics.duplicate.labels("http", verdict.channel).inc()
        self._observer.saw_again(again)
        return duplicates

    def _too_fast(self, error: TooFast) -> Response:
        limit = self._policy.rate_limit
        words = f"at most {limit.events} events in {limit.seconds} s"
        response = problem(429, words, code="rate_limited")
        response.headers["retry-after"] = str(error.retry_after_seconds)
        return response

    def _come_again(self, detail: str) -> Response:
        response = problem(503, detail, code="unavailable")
        response.headers["retry-after"] = str(self._policy.retry_after_seconds)
        return response


def router(intake: Intake) -> APIRouter:
    """The routes of the edge."""
    routes = APIRouter(tags=["touchpoints"])

    @routes.post("/v1/touchpoints", **openapi.PUBLISH)
    async def publish_touchpoints(request: Request) -> Response:
        started = time.perf_counter()
        response = await intake.answer(request)
        kind = "batch" if request.headers.get("content-type", "").startswith(BATCH) else "single"
        metrics.request_seconds.labels(kind).observe(time.perf_counter() - started)
        metrics.requests.labels(response.status_code).inc()
        return response

    @routes.get("/v1/summary", **openapi.SUMMARY)
    async def summarise() -> Response:
        return _json(200, {"touchpoints": metrics.summary()})

    return routes


def _not_let_in(error: NotLetIn) -> Response:
    metrics.refused.labels(error.code).inc()
    response = problem(401, error.detail, code=error.code)
    response.headers["www-authenticate"] = "Bearer"
    return response


def _id(event: object) -> str | None:
    id = event.get("id") if isinstance(event, dict) else None
    return id[:255] if isinstance(id, str) else None


def _receipt(id: str | None, *, is_duplicate: bool) -> dict[str, str | None]:
    status = "duplicate" if is_duplicate else "accepted"
    return {"id": id, "status": status, "code": None, "pointer": None, "detail": None}


def _refusal(id: str | None, verdict: Rejected) -> dict[str, str | None]:
    return {
        "id": id,
        "status": "rejected",
        "code": verdict.code,
        "pointer": verdict.pointer,
        "detail": verdict.detail,
    }


def _json(status: int, content: Any) -> Response:
    return Response(orjson.dumps(content), status_code=status, media_type="application/json")
