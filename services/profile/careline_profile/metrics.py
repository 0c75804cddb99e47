"""Every metric that profile counts, with its meaning."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from careline_profile.model import (
    Change,
    Created,
    Linked,
    LookedAt,
    Merged,
    RecordChanged,
    Refused,
    Reminded,
)
from careline_profile.quality.model import Check, Share

customers_created = Counter(
    "careline_customers_created_total", "Customers seen for the first time."
)
identities_linked = Counter(
    "careline_identities_linked_total", "New identities of customers that were known."
)
customers_merged = Counter("careline_customers_merged_total", "Customers absorbed by another.")
customers_erased = Counter("careline_customers_erased_total", "Customers who were forgotten.")
merges_refused = Counter(
    "careline_merges_refused_total",
    "Links held for a person. `component_too_large` means that a shared value is not yet blocked.",
    ["reason"],
)
records_changed = Counter(
    "careline_records_changed_total", "Changes of what is written on a customer's record."
)
reminders_raised = Counter(
    "careline_record_reminders_total", "Reminders to look at a record again (REC-6).", ["cause"]
)
reminders_cleared = Counter(
    "careline_record_reminders_cleared_total", "Reminders that somebody has followed."
)
record_quality = Gauge(
    "careline_record_quality_ratio",
    "The last check of all records (REC-4): what share of them is good, by measure.",
    ["measure"],
)


def show_quality(check: Check) -> None:
    """Shows what a check found; what it had nothing to measure by is not shown."""
    for measure in ("completeness", "validity", "uniqueness", "freshness", "accuracy"):
        share: Share = getattr(check, measure)
        if share.of:
            record_quality.labels(measure).set(share.good / share.of)


def count(changes: Iterable[Change]) -> None:
    """Counts what was committed."""
    for change in changes:
        match change:
            case Created():
                customers_created.inc()
            case Linked():
                identities_linked.inc()
            case Merged():
                customers_merged.inc()
            case Refused(reason=reason):
                merges_refused.labels(reason).inc()
            case RecordChanged():
                records_changed.inc()
            case Reminded(reminder=reminder):
                reminders_raised.labels(reminder.cause).inc()
            case LookedAt():
                reminders_cleared.inc()
