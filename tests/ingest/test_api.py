"""What a sender is answered over HTTP: event by event, in words that machines and people read."""

import gzip
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from aiokafka.errors import KafkaConnectionError
from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

import careline_ingest
from careline_contracts.envelope import from_headers
from careline_ingest.api import BATCH, STRUCTURED
from careline_ingest.rules import Code
from tests.ingest.conftest import IS_BATCH, IS_STRUCTURED, URL

Purchase = Callable[..., dict[str, Any]]
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def binary(event: dict[str, Any]) -> dict[str, str]:
    """The headers of `event` in binary mode."""
    return {
        "content-type": "application/json",
        **{f"ce-{name}": value for name, value in event.items() if name != "data"},
    }


class TestASingleEvent:
    async def test_in_binary_mode(
        self, http: httpx.AsyncClient, fake_publisher: Any, a_purchase: Purchase
    ) -> None:
        event = a_purchase()
        answer = await http.post(URL, json=event["data"], headers=binary(event))

        assert (answer.status_code, answer.json()) == (
            202,
            {"id": event["id"], "status": "accepted"},
        )
        [record] = fake_publisher.records
        assert from_headers(record.headers).id == event["id"]

    async def test_in_structured_mode_makes_the_same_record(
        self, http: httpx.AsyncClient, fake_publisher: Any, fake_window: Any, a_purchase: Purchase
    ) -> None:
        event = a_purchase()
        await http.post(URL, json=event["data"], headers=binary(event))
        fake_window.taken.clear()
        answer = await http.post(URL, content=json.dumps(event), headers=IS_STRUCTURED)

        assert answer.status_code == 202
        assert fake_publisher.records[0] == fake_publisher.records[1]

    @pytest.mark.parametrize(
        ("own", "kept"),
        [
            pytest.param(..., f"00-{'a' * 32}-{'b' * 16}-01", id="the request's"),
            pytest.param(
                f"00-{'c' * 32}-{'d' * 16}-01", f"00-{'c' * 32}-{'d' * 16}-01", id="its own"
            ),
        ],
    )
    async def test_goes_on_in_the_trace_of_its_sender(
        self,
        http: httpx.AsyncClient,
        fake_publisher: Any,
        a_purchase: Purchase,
        own: Any,
        kept: str,
    ) -> None:
        headers = {**IS_STRUCTURED, "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
        await http.post(URL, content=json.dumps(a_purchase(traceparent=own)), headers=headers)

        assert from_headers(fake_publisher.records[0].headers).traceparent == kept

    @pytest.mark.parametrize(
        "convert", [to_binary_event, to_structured_event], ids=["binary", "structured"]
    )
    async def test_as_the_cloudevents_sdk_sends_it(
        self, http: httpx.AsyncClient, fake_publisher: Any, a_purchase: Purchase, convert: Any
    ) -> None:
        event = a_purchase(id="till/3 四%", time=NOON, datacontenttype="application/json")
        sent = convert(CloudEvent(attributes=event, data=event.pop("data")))
        answer = await http.post(URL, content=sent.body, headers=sent.headers)

        assert answer.json() == {"id": event["id"], "status": "accepted"}
        assert from_headers(fake_publisher.records[0].headers).id == event["id"]

    async def test_again_is_a_duplicate_and_is_not_published_again(
        self, http: httpx.AsyncClient, fake_publisher: Any, a_purchase: Purchase
    ) -> None:
        event = a_purchase()
        for status in ("accepted", "duplicate", "duplicate"):
            answer = await http.post(URL, content=json.dumps(event), headers=IS_STRUCTURED)
            assert (answer.status_code, answer.json()["status"]) == (202, status)
        assert len(fake_publisher.records) == 1

    @pytest.mark.parametrize(
        ("changes", "status", "code", "pointer"),
        [
            pytest.param({"id": ...}, 400, "missing_attribute", "/id", id="no id"),
            pytest.param({"type": "x"}, 422, "unknown_type", "/type", id="unknown type"),
            pytest.param(
                {"data": {"identities": []}},
                422,
                "missing_identity",
                "/data/identities",
                id="no identity",
            ),
            pytest.param(
                {"time": "2027-01-01T00:00:00Z"}, 422, "time_in_future", "/time", id="future"
            ),
            pytest.param(
                {"time": "1066-10-14T00:00:00Z"}, 422, "time_too_old", "/time", id="ancient"
            ),
        ],
    )
    async def test_refused_is_a_problem_with_code_and_pointer(
        self,
        http: httpx.AsyncClient,
        fake_publisher: Any,
        a_purchase: Purchase,
        changes: dict[str, Any],
        status: int,
        code: str,
        pointer: str,
    ) -> None:
        event = {k: v for k, v in {**a_purchase(), **changes}.items() if v is not ...}
        for answer in (
            await http.post(URL, content=json.dumps(event), headers=IS_STRUCTURED),
            await http.post(URL, json=event.get("data"), headers=binary(event)),
        ):
            problem = answer.json()
            assert answer.headers["content-type"] == "application/problem+json"
            assert (answer.status_code, problem["status"]) == (status, status)
            assert (problem["code"], problem["pointer"]) == (code, pointer)
        assert fake_publisher.records == []

    @pytest.mark.parametrize(
        ("body", "headers", "status", "code"),
        [
            pytest.param(b"{", IS_STRUCTURED, 400, "malformed_json", id="broken JSON"),
            pytest.param(b"[]", IS_STRUCTURED, 400, "malformed_json", id="an array"),
            pytest.param(b"\xff\xfe", IS_STRUCTURED, 400, "bad_encoding", id="UTF-16"),
            pytest.param(b"", {}, 400, "missing_attribute", id="nothing at all"),
            pytest.param(b"x" * 1_000_000, IS_STRUCTURED, 413, "too_large", id="1 MB"),
            pytest.param(
                b"<a/>", {"content-type": "text/xml"}, 415, "unsupported_content_type", id="XML"
            ),
            pytest.param(
                b"{}",
                {"content-type": f"{STRUCTURED}; charset=gb2312"},
                415,
                "bad_encoding",
                id="another charset",
            ),
            pytest.param(
                b"{}",
                {**IS_STRUCTURED, "content-encoding": "br"},
                415,
                "unsupported_content_encoding",
                id="brotli",
            ),
            pytest.param(
                b"{}",
                {**IS_STRUCTURED, "content-encoding": "gzip"},
                400,
                "bad_encoding",
                id="not gzip",
            ),
            pytest.param(
                gzip.compress(b"{}" * 100)[:-9],
                {**IS_STRUCTURED, "content-encoding": "gzip"},
                400,
                "bad_encoding",
                id="half a gzip",
            ),
            pytest.param(
                gzip.compress(bytes(50_000_000)),
                {**IS_STRUCTURED, "content-encoding": "gzip"},
                413,
                "too_large",
                id="a gzip bomb",
            ),
            pytest.param(
                b"{}",
                {"ce-id": "%ff", "ce-specversion": "1.0"},
                400,
                "bad_encoding",
                id="a header that is not UTF-8",
            ),
            pytest.param(
                b'{"specversion": "1.0"}',
                {"content-type": "application/json"},
                400,
                "missing_attribute",
                id="structured, and called application/json",
            ),
            pytest.param(
                b'{"specversion": "1.0"}',
                {"content-type": "application/x-www-form-urlencoded"},
                415,
                "unsupported_content_type",
                id="as curl sends it unless told otherwise",
            ),
        ],
    )
    async def test_that_cannot_be_read_is_a_problem(
        self, http: httpx.AsyncClient, body: bytes, headers: dict[str, str], status: int, code: str
    ) -> None:
        answer = await http.post(URL, content=body, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"

    async def test_without_a_mode_is_told_which_content_type_to_send(
        self, http: httpx.AsyncClient, a_purchase: Purchase
    ) -> None:
        answer = await http.post(URL, content=json.dumps(a_purchase(id="1")))
        assert "application/cloudevents+json" in answer.json()["detail"]


def test_every_code_is_explained_on_the_page() -> None:
    service = Path(careline_ingest.__file__).parent
    sources = "".join(path.read_text() for path in service.glob("*.py"))
    said = set(re.findall(r"""(?:UnreadableBody\(\d+, |NotLetIn\(\s*|code=)"(\w+)\"""", sources))
    assert {"timeout", "missing_key", "rate_limited"} <= said, "the pattern finds them"
    page = (service.parent / "README.md").read_text()
    assert not [code for code in said | set(Code) if f"`{code}`" not in page]


class TestABatch:
    async def test_is_answered_event_by_event_in_order(
        self, http: httpx.AsyncClient, fake_publisher: Any, a_purchase: Purchase
    ) -> None:
        events = [
            a_purchase(id="1"),
            a_purchase(id="2", data={"amount_minor": "much"}),
            a_purchase(id="1"),
            "nonsense",
            a_purchase(id="3"),
        ]
        answer = await http.post(URL, content=json.dumps(events), headers=IS_BATCH)

        assert answer.status_code == 207
        items = answer.json()
        assert [(item["id"], item["status"], item["code"], item["pointer"]) for item in items] == [
            ("1", "accepted", None, None),
            ("2", "rejected", "invalid_field", "/data/amount_minor"),
            ("1", "duplicate", None, None),
            (None, "rejected", "malformed_json", ""),
            ("3", "accepted", None, None),
        ]
        assert [from_headers(r.headers).id for r in fake_publisher.records] == ["1", "3"]

    async def test_of_accepted_and_duplicate_events_is_202(
        self, http: httpx.AsyncClient, a_purchase: Purchase
    ) -> None:
        body = gzip.compress(json.dumps([a_purchase(id=str(n)) for n in range(1_000)]).encode())
        headers = {**IS_BATCH, "content-encoding": "gzip"}
        for status in ("accepted", "duplicate"):
            answer = await http.post(URL, content=body, headers=headers)
            assert answer.status_code == 202
            assert {item["status"] for item in answer.json()} == {status}

    async def test_may_be_empty(self, http: httpx.AsyncClient) -> None:
        answer = await http.post(URL, content=b"[]", headers=IS_BATCH)
        assert (answer.status_code, answer.json()) == (202, [])

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            pytest.param(b"[" + b"{}," * 1_000 + b"{}]", 413, "too_large", id="1,001 events"),
            pytest.param(b" " * 5_242_881, 413, "too_large", id="5 MiB and a byte"),
            pytest.param(b"{}", 400, "malformed_json", id="no array"),
            pytest.param(b"[{]", 400, "malformed_json", id="broken JSON"),
            pytest.param(b"[\xff]", 400, "bad_encoding", id="not UTF-8"),
        ],
    )
    async def test_that_is_none_is_refused_whole(
        self, http: httpx.AsyncClient, body: bytes, status: int, code: str
    ) -> None:
        answer = await http.post(URL, content=body, headers=IS_BATCH)
        assert (answer.status_code, answer.json()["code"]) == (status, code)

    async def test_of_one_event_over_the_limit_refuses_that_one(
        self, http: httpx.AsyncClient, a_purchase: Purchase
    ) -> None:
        events = [a_purchase(id="1", data={"note": "x" * 300_000}), a_purchase(id="2")]
        answer = await http.post(URL, content=json.dumps(events), headers=IS_BATCH)
        assert [(i["status"], i["code"]) for i in answer.json()] == [
            ("rejected", "too_large"),
            ("accepted", None),
        ]


async def test_the_summary_counts_what_came_in(
    http: httpx.AsyncClient, a_purchase: Purchase
) -> None:
    before = (await http.get("/v1/summary")).json()["touchpoints"]
    events = [a_purchase(id="1"), a_purchase(id="1"), a_purchase(id=...), a_purchase(type="?")]
    await http.post(URL, content=json.dumps(events), headers=IS_BATCH)
    after = (await http.get("/v1/summary")).json()["touchpoints"]
    assert {name: after[name] - before[name] for name in after} == {
        "accepted": 1,
        "rejected": 2,
        "duplicate": 1,
    }


async def test_no_log_line_has_a_personal_value(
    http: httpx.AsyncClient, fake_publisher: Any, a_purchase: Purchase
) -> None:
    values = ["13912345678", "li.na@example.com", "call me, says Wang"]
    identities = [{"kind": "phone", "value": values[0]}, {"kind": "email", "value": values[1]}]
    good = a_purchase(data={"identities": identities})
    bad = a_purchase(data={"identities": identities, "currency": values[2]})
    with structlog.testing.capture_logs() as logs:
        await http.post(URL, content=json.dumps([good, bad]), headers=IS_BATCH)
        fake_publisher.failure = KafkaConnectionError(values[0])
        await http.post(URL, content=json.dumps([a_purchase(id="2")]), headers=IS_BATCH)
    assert logs
    assert not any(value in repr(logs) for value in values)


async def test_the_openapi_page_tells_a_sender_what_to_send(http: httpx.AsyncClient) -> None:
    document = (await http.get("/openapi.json")).json()
    publish = document["paths"][URL]["post"]
    assert set(publish["requestBody"]["content"]) == {STRUCTURED, BATCH, "application/json"}
    assert {"202", "207", "400", "408", "413", "415", "422", "503"} <= set(publish["responses"])
    example = publish["requestBody"]["content"][BATCH]["example"]
    # the examples are of the day on which the tests' clock stands still, or before
    answer = await http.post(URL, content=json.dumps(example), headers=IS_BATCH)
    assert {item["status"] for item in answer.json()} == {"accepted"}
