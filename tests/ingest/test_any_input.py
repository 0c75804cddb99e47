"""Whatever comes in, the edge has a verdict: it is taken or refused, and nothing is raised."""

import json
from datetime import datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from careline_contracts.envelope import from_headers
from careline_contracts.events.ingest import Touchpoint
from careline_ingest import cloudevents
from careline_ingest.edge import Edge
from careline_ingest.rules import Code, Rejected
from careline_ingest.senders import TYPES

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)
identities = st.lists(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(["phone", "email", "device"]) | json_values},
        optional={"value": st.text(max_size=30) | json_values},
    ),
    max_size=3,
)
events = st.fixed_dictionaries(
    {},
    optional={
        "specversion": st.just("1.0") | json_values,
        "id": st.text(max_size=300) | json_values,
        "source": st.text(max_size=10) | json_values,
        "type": st.sampled_from(sorted(TYPES)) | json_values,
        "time": st.datetimes(timezones=st.timezones()).map(datetime.isoformat) | json_values,
        "traceparent": st.text() | json_values,
        "datacontenttype": st.just("application/json") | json_values,
        "data_base64": st.text() | json_values,
        "data": json_values
        | st.fixed_dictionaries(
            {"identities": identities},
            optional={"amount_minor": json_values, "text": st.text(), "via": json_values},
        ),
    },
)

FIXTURE_IS_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
"""By all examples: an edge keeps nothing."""


@settings(max_examples=300, suppress_health_check=FIXTURE_IS_SHARED)
@given(event=events | json_values)
def test_an_event_of_any_json_is_judged(edge: Edge, event: object) -> None:
    verdict = edge.judge(cloudevents.from_object(event))
    if isinstance(verdict, Rejected):
        assert verdict.code in Code
        assert verdict.pointer == "" or verdict.pointer.startswith("/")
    else:
        Touchpoint.parse(verdict.record.value or b"")
        assert from_headers(verdict.record.headers) == verdict.envelope


@settings(max_examples=300, suppress_health_check=FIXTURE_IS_SHARED)
@given(
    headers=st.lists(
        st.tuples(
            st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time"])
            | st.sampled_from(["content-type", "traceparent"])
            | st.text(max_size=8),
            st.just(b"1.0") | st.sampled_from(sorted(TYPES)).map(str.encode) | st.binary(),
        )
    ),
    value=st.none() | st.binary() | events.map(json.dumps).map(str.encode),
)
def test_a_record_of_any_bytes_is_judged(
    edge: Edge, headers: list[tuple[str, bytes]], value: bytes | None
) -> None:
    assert edge.judge(cloudevents.from_record(headers, value))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"[" * 100_000, id="deep array"),
        pytest.param(
            b'{"specversion":"1.0","data":' + b'{"a":' * 900 + b"1" + b"}" * 901, id="deep data"
        ),
        pytest.param(b"\xff\xfe{}", id="UTF-16"),
        pytest.param(b'"\\ud800"', id="half a surrogate"),
        pytest.param(b"\xef\xbb\xbf{}", id="byte order mark"),
        pytest.param(b"", id="nothing"),
        pytest.param(None, id="a tombstone"),
    ],
)
def test_a_pathological_record_is_refused(edge: Edge, value: bytes | None) -> None:
    verdict = edge.judge(cloudevents.from_record([], value))
    assert isinstance(verdict, Rejected)
