"""Ten thousand requests that no sender should send, and some hundred drawn from our own OpenAPI
document: none is answered with a 500, and every answer is one that the document promises.
"""

import asyncio
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple, cast

import httpx
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from schemathesis.core import NotSet
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from careline_contracts.examples import examples
from careline_ingest.api import BATCH, STRUCTURED, Intake, router
from careline_ingest.edge import Edge
from careline_ingest.policy import IngestPolicy, UnknownFieldsPolicy
from careline_ingest.sealing import KeyringSealer
from careline_ingest.senders import TYPES
from careline_runtime.keyring import Keyring
from tests.ingest.conftest import URL, over_http

REQUESTS = 10_000
EVENTS: list[dict[str, Any]] = [example for type in TYPES.values() for example in examples(type)]

Send = Callable[..., httpx.Response]
Header = tuple[bytes, bytes]


class Request(NamedTuple):
    """What goes over the wire."""

    body: bytes
    headers: list[Header]


def send_through(intake: Intake) -> Iterator[Send]:
    """POSTs to the edge, without a socket between."""
    http = over_http(intake)
    with asyncio.Runner() as runner:
        yield lambda **request: runner.run(http.post(URL, **request))
        runner.run(http.aclose())


@pytest.fixture
def send(
    an_intake: Callable[..., Intake], policy: IngestPolicy, keyring: Keyring, clock: Any
) -> Iterator[Send]:
    """An edge that looks for unknown fields, too."""
    strict = policy.model_copy(
        update={"unknown_fields": UnknownFieldsPolicy(default="count", types={})}
    )
    sealer = KeyringSealer(keyring, remembered_identities=100)
    intake = an_intake(policy=strict, edge=Edge(sealer=sealer, policy=strict, clock=clock))
    yield from send_through(intake)


wild = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@st.composite
def mutated_events(draw: st.DrawFn) -> dict[str, Any]:
    """A good event of any type, with up to three things in it replaced, added or left out."""
    event = json.loads(json.dumps(draw(st.sampled_from(EVENTS))))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(list(objects_in(event))))
        name = draw(st.sampled_from([*place, "odd"]))
        if draw(st.booleans()):
            place.pop(name, None)
        else:
            place[name] = draw(wild)
    return cast(dict[str, Any], event)


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from objects_in(inner)


@st.composite
def spliced_events(draw: st.DrawFn) -> bytes:
    """A good event with some of its bytes replaced."""
    encoded = json.dumps(draw(st.sampled_from(EVENTS))).encode()
    start = draw(st.integers(0, len(encoded)))
    end = start + draw(st.integers(0, 20))
    return encoded[:start] + draw(st.binary(max_size=20)) + encoded[end:]


@st.composite
def nested_events(draw: st.DrawFn) -> bytes:
    """Brackets in brackets, alone or in the data of an event, closed or not."""
    opening, closing = draw(st.sampled_from([(b"[", b"]"), (b'{"a":', b"}"), (b"[{", b"}]")]))
    depth = draw(st.sampled_from([10, 100, 127, 128, 200, 201, 255, 1_000, 1_024, 20_000]))
    nested = opening * depth + b"1" + closing * (depth - draw(st.integers(0, 1)))
    if draw(st.booleans()):
        return nested
    return json.dumps(draw(st.sampled_from(EVENTS))).encode().replace(b"}", b',"a":%b}' % nested, 1)


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


single_bodies = st.one_of(
    mutated_events().map(as_json),
    mutated_events().map(as_json),
    spliced_events(),
    wild.map(as_json),
    st.binary(max_size=300),
    nested_events(),
)
batch_bodies = st.one_of(
    st.lists(mutated_events() | wild, max_size=4).map(as_json),
    st.lists(single_bodies, max_size=3).map(lambda bodies: b"[" + b",".join(bodies) + b"]"),
)
GZIP = (b"content-encoding", b"gzip")
UNDERSTOOD = [STRUCTURED, BATCH, "application/json", ""]
WAYS = len(UNDERSTOOD) + 1
"""Of sending one body: as each that we understand, and as something odd."""
odd_content_types = st.sampled_from(
    ["text/plain", f"{BATCH}; charset=gbk", "application/json; charset="]
) | st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30)
header_values = st.binary(max_size=60).map(lambda b: b.replace(b"\r", b"").replace(b"\n", b""))


@cache
def bombs() -> list[bytes]:
    """Small ones that unpack to fifty megabytes; making them takes a second."""
    return [
        gzip.compress(bytes(50_000_000)),
        gzip.compress(b"[" + b"{}," * 2_000_000),
        gzip.compress(b"[" * 10_000_000),
        gzip.compress(gzip.compress(bytes(50_000_000))),
    ]


@st.composite
def requests(draw: st.DrawFn) -> list[Request]:
    """One body, sent as everything that it can be said to be."""
    body, extra = draw(bodies())
    attributes = draw(binary_mode_headers())
    return [
        Request(
            body,
            [
                (b"content-type", content_type.encode()),
                *(() if content_type in {STRUCTURED, BATCH} else attributes),
                *extra,
            ],
        )
        for content_type in [*UNDERSTOOD, draw(odd_content_types)]
    ]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, list[Header]]:
    """As they are, packed well or badly, or under headers that nobody needs."""
    body = draw(single_bodies | batch_bodies)
    match draw(st.integers(0, 19)):
        case 0:
            return draw(st.sampled_from(bombs())), [GZIP]
        case 1 | 2:
            zipped = draw(st.sampled_from([gzip.compress(body), zlib.compress(body), body]))
            return zipped[: draw(st.integers(0, len(zipped)))], [GZIP]
        case 3 | 4 | 5:
            return gzip.compress(body, compresslevel=1), [GZIP]
        case 6:
            return body, draw(huge_headers())
    return body, []


@st.composite
def binary_mode_headers(draw: st.DrawFn) -> list[Header]:
    """The attributes of a good event, one of them perhaps replaced."""
    event = draw(st.sampled_from(EVENTS))
    headers = {b"ce-" + k.encode(): str(v).encode() for k, v in event.items() if k != "data"}
    if draw(st.booleans()):
        headers[draw(st.sampled_from(sorted(headers)))] = draw(header_values)
    return list(headers.items())


@st.composite
def huge_headers(draw: st.DrawFn) -> list[Header]:
    name = draw(st.sampled_from([b"ce-id", b"ce-source", b"traceparent", b"authorization"]))
    value = draw(header_values) * draw(st.sampled_from([1, 100, 5_000]))
    return [(name, value)] * draw(st.sampled_from([1, 2, 300]))


def test_ten_thousand_requests_are_answered_without_a_500(send: Send) -> None:
    answers: Counter[int] = Counter()

    @settings(max_examples=REQUESTS // WAYS, database=None)
    @given(requests())
    def ask(wild_ones: list[Request]) -> None:
        for request in wild_ones:
            answer = send(content=request.body, headers=request.headers)
            answers[answer.status_code] += 1
            assert answer.status_code in {202, 207, 400, 401, 413, 415, 422}

    ask()

    assert answers.total() >= REQUESTS
    for status in (202, 207, 400, 413, 415, 422):
        assert answers[status] > 20, f"{answers}: too few requests get so far"


def our_document() -> dict[str, Any]:
    app = FastAPI()
    app.include_router(router(cast(Intake, None)))
    return app.openapi()


def encoded_body(case: schemathesis.Case[Any]) -> bytes:
    if isinstance(case.body, NotSet):
        return b""
    return case.body if isinstance(case.body, bytes) else as_json(case.body)


operation = schemathesis.openapi.from_dict(our_document())[URL]["POST"]


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_what_the_openapi_document_allows_is_answered_as_it_promises(
    send: Send, mode: GenerationMode
) -> None:
    @settings(max_examples=200, database=None)
    @given(operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case[Any]) -> None:
        headers = {**case.headers, "content-type": case.media_type or ""}
        encoded = {name: value.encode("latin-1", "replace") for name, value in headers.items()}
        answer = send(content=encoded_body(case), headers=encoded)
        case.validate_response(
            answer,
            checks=[
                not_a_server_error,
                status_code_conformance,
                content_type_conformance,
                response_headers_conformance,
                response_schema_conformance,
            ],
        )

    ask()
