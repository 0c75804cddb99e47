"""Every metric that the runtime counts, with its meaning; the process is the service."""

from prometheus_client import Counter, Gauge, Histogram

events_received = Counter("careline_events_received_total", "Records read.", ["topic"])
events_handled = Counter(
    "careline_events_handled_total", "Events whose effects were committed.", ["topic"]
)
events_duplicate = Counter(
    "careline_events_duplicate_total",
    "Events that were handled before.",
    ["topic"],
)
events_published = Counter("careline_events_published_total", "Records acknowledged by Kafka.")
dead_letters = Counter(
    "careline_dead_letters_total", "Records put aside, by kind of failure.", ["topic", "reason"]
)
unit_seconds = Histogram(
    "careline_unit_seconds",
    "Duration of one unit of work, from first statement to commit.",
    ["cause"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
unit_events = Histogram(
    "careline_unit_events",
    "Events in one unit of work.",
    buckets=(1, 5, 10, 50, 100, 250, 500, 1000, 2000, 5000),
)
unit_retries = Counter("careline_unit_retries_total", "Units rolled back and tried again.", ["why"])
end_to_end_seconds = Histogram(
    "careline_event_end_to_end_seconds",
    "From acceptance at the edge to the commit of the effect (system clock only).",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300),
)
consumer_lag = Gauge(
    "careline_consumer_lag_records", "Records not yet handled.", ["topic", "partition"]
)
last_progress = Gauge(
    "careline_consumer_last_progress_timestamp_seconds", "When a unit was last committed."
)
rebalances = Counter("careline_consumer_rebalances_total", "Times that partitions were assigned.")
commit_failures = Counter(
    "careline_consumer_commit_failures_total",
    "Offset commits that Kafka refused; harmless, the database holds the truth.",
)
logs_shortened = Counter(
    "careline_consumer_logs_shortened_total",
    "Partitions found shorter than what was handled of them: Kafka lost records.",
    ["topic"],
)
events_expired = Counter(
    "careline_consumer_events_expired_total",
    "Offsets that Kafka deleted before they were read: retention shorter than the outage.",
    ["topic"],
)
producer_rebuilds = Counter("careline_producer_rebuilds_total", "Producers thrown away.")
outbox_pending = Gauge(
    "careline_outbox_pending_units", "Units said but not yet published; 0 where another leads."
)
outbox_oldest_seconds = Gauge(
    "careline_outbox_oldest_seconds", "How long the oldest of them has waited."
)
timers_fired = Counter("careline_timers_fired_total", "Timers fired.", ["kind"])
timers_put_off = Counter(
    "careline_timers_put_off_total", "Timers that failed alone and were put off.", ["kind"]
)
timer_lateness_seconds = Histogram(
    "careline_timer_lateness_seconds",
    "How long after its instant a timer was fired (system clock only).",
    buckets=(0.1, 0.5, 1, 2, 5, 10, 60, 600, 3600),
)
policies_unreadable = Gauge(
    "careline_policies_unreadable_records",
    "Published policies that this instance can't read: the ones before them stay in force.",
)
policies_late = Counter(
    "careline_policies_late_total",
    "Policies heard after the instant from which they are in force.",
)
infrastructure_waits = Counter(
    "careline_infrastructure_waits_total", "Times that a server was away and waited for."
)
requests_refused = Counter(
    "careline_requests_refused_total",
    "Requests to an API that came without a token, with a bad one, or without the permission.",
    ["reason"],
)
events_of_erased = Counter(
    "careline_events_of_erased_total",
    "Events left out because their customer was erased: late, replayed, or on their way.",
)


def total(counter: Counter) -> int:
    """What a counter has come to, over all its labels."""
    [family] = counter.collect()
    return int(sum(s.value for s in family.samples if s.name.endswith("_total")))
