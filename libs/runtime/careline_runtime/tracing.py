"""Spans around batches and requests, linked to the traces of their events; off unless asked for.

Events carry their trace whether it is on or off (docs/decisions/0007). While it is off nothing is
built and no context is read: a batch costs one comparison.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from careline_runtime.errors import Misconfigured

LINKS_A_SPAN: Final = 20_000
"""A span may be linked to every event of the largest batch; the library's own limit is 128."""

_OFF: Final = trace.NoOpTracer()
_propagator: Final = TraceContextTextMapPropagator()

tracer: trace.Tracer = _OFF


class Placed(Protocol):
    """Anything that has a place in Kafka: a record, or what was read from one."""

    @property
    def topic(self) -> str: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...


def configure(service: str) -> None:
    """Starts tracing if `OTEL_TRACES_EXPORTER` asks for it; raises `Misconfigured`."""
    global tracer
    exporter = _exporter(os.environ.get("OTEL_TRACES_EXPORTER") or "none")
    if exporter is None:
        return
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"careline-{service}"}),
        span_limits=SpanLimits(max_links=LINKS_A_SPAN),
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = provider.get_tracer("careline")


def is_on() -> bool:
    """Whether spans are recorded."""
    return tracer is not _OFF


def processing(
    batch: Sequence[Placed], *, service: str
) -> contextlib.AbstractContextManager[object]:
    """The span of one try of a batch: `process <topic>`, a root of its own; `link` its events."""
    if not is_on():
        return contextlib.nullcontext()
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.consumer.group.name": f"careline.{service}",
        "messaging.batch.message_count": len(batch),
    }
    # the conventions name a topic or a partition only where all messages share it
    topics = {item.topic for item in batch}
    partitions = {item.partition for item in batch}
    name = "process"
    if len(topics) == 1:
        [topic] = topics
        name = f"process {topic}"
        attributes["messaging.destination.name"] = topic
        if len(partitions) == 1:
            attributes["messaging.destination.partition.id"] = str(batch[0].partition)
    if len(batch) == 1:
        attributes["messaging.kafka.offset"] = batch[0].offset
    return _span(name, trace.SpanKind.CONSUMER, attributes, within=Context())


def link(traceparents: Iterable[str]) -> None:
    """Links the present span to the traces of these events, each once; malformed ones are none."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    for traceparent in dict.fromkeys(traceparents):
        context = trace.get_current_span(_within({"traceparent": traceparent})).get_span_context()
        if context.is_valid:
            span.add_link(context)


class TracedRequests:
    """ASGI middleware: a span for each request to the API, within its caller's trace.

    Neither path nor query is in it, only the route: a customer may be named in either.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # probes and scrapes would drown the rest
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._app(scope, receive, send)
            return
        method = scope["method"]
        attributes: dict[str, str | int] = {"http.request.method": method}
        within = _within(Headers(scope=scope))
        with _span(method, trace.SpanKind.SERVER, attributes, within=within) as span:

            async def note(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        _failed(span, str(status))
                await send(message)

            await self._app(scope, receive, note)
            if (route := scope.get("route")) is not None:
                span.update_name(f"{method} {route.path}")
                span.set_attribute("http.route", route.path)


@contextlib.contextmanager
def _span(
    name: str, kind: trace.SpanKind, attributes: dict[str, str | int], *, within: Context
) -> Iterator[trace.Span]:
    with tracer.start_as_current_span(
        name,
        context=within,
        kind=kind,
        attributes=attributes,
        # the text of an error may quote personal data; `error.type` is enough to find the log
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except Exception as error:
            _failed(span, type(error).__name__)
            raise


def _failed(span: trace.Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(trace.StatusCode.ERROR)


def _within(headers: Mapping[str, str]) -> Context:
    """The W3C context that these headers name; a malformed one is none."""
    return _propagator.extract(headers, context=Context())


def _exporter(name: str) -> SpanExporter | None:
    match name:
        case "none":
            return None
        case "console":
            return ConsoleSpanExporter()
        case "otlp":
            # its import takes a third of a second
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter()
        case unknown:
            raise Misconfigured(f"OTEL_TRACES_EXPORTER is {unknown!r}: say none, otlp or console")
