"""What the edge counts, each with its meaning; no label carries an id or a personal value."""

from collections import Counter as Tally
from collections.abc import Iterable
from typing import Literal

from prometheus_client import Counter, Gauge, Histogram

from careline_ingest.rules import Accepted, Rejected
from careline_runtime import metrics as runtime_metrics

Way = Literal["http", "kafka"]

accepted = Counter(
    "careline_touchpoints_accepted_total",
    "Events published as touchpoints or outreach results.",
    ["way", "channel"],
)
rejected = Counter(
    "careline_touchpoints_rejected_total",
    "Events refused, by machine-readable reason.",
    ["way", "channel", "code"],
)
violations = Counter(
    "careline_contract_violations_total",
    "Events that break their contract: rejected ones, and unknown fields where these are counted.",
    ["source", "type", "version", "code"],
)
duplicate = Counter(
    "careline_touchpoints_duplicate_total",
    "Events answered as duplicates: the window knew them, or their batch held them before.",
    ["way", "channel"],
)
source_odd = Counter(
    "careline_source_events_odd_total",
    "Accepted events that are late, out_of_order or clock_skewed, and those that are duplicate.",
    ["source", "what"],
)
source_alarm = Gauge(
    "careline_source_alarm_active",
    "1 while a source is silent, or drifts in its rate, type_mix or null_share.",
    ["source", "kind"],
)
window_skipped = Counter(
    "careline_duplicate_window_skipped_total",
    "Events taken without asking the duplicate window, because it was away or slow.",
)
refused = Counter(
    "careline_edge_not_let_in_total", "Requests whose key or signature was not right.", ["reason"]
)
rate_limited = Counter(
    "careline_edge_rate_limited_total", "Requests over their sender's rate limit.", ["sender"]
)
rate_limit_skipped = Counter(
    "careline_edge_rate_limit_skipped_total",
    "Requests that nobody counted, because Valkey was away or slow.",
)
requests = Counter("careline_edge_requests_total", "Requests answered, by HTTP status.", ["status"])
request_seconds = Histogram(
    "careline_edge_request_seconds",
    "From a request's head to its answer.",
    ["kind"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
requests_in_flight = Gauge("careline_edge_requests_in_flight", "Requests being answered.")
bytes_in_flight = Gauge("careline_edge_bytes_in_flight", "Bytes of bodies being handled.")


def count(way: Way, verdicts: Iterable[Accepted | Rejected]) -> None:
    """Counts what became of events."""
    verdicts = list(verdicts)
    if way == "http":
        runtime_metrics.events_received.labels(way).inc(len(verdicts))
    tally = Tally((v.channel, v.code if isinstance(v, Rejected) else None) for v in verdicts)
    for (channel, code), events in tally.items():
        if code is None:
            accepted.labels(way, channel).inc(events)
        else:
            rejected.labels(way, channel, code).inc(events)
    for violation in filter(None, (v.violation for v in verdicts)):
        violations.labels(*violation).inc()


def summary() -> dict[str, int]:
    """Events accepted, rejected and duplicate since the process started, over all ways in."""
    counters = {"accepted": accepted, "rejected": rejected, "duplicate": duplicate}
    return {name: runtime_metrics.total(counter) for name, counter in counters.items()}
