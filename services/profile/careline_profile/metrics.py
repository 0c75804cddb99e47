"""Every metric that profile counts, with its meaning."""

from collections.abc import Iterable

from prometheus_client import Counter, Gauge

from careline_profile.model import (
    Change,
    Created,
    Judged,
    Linked,
    LookedAt,
    Merged,
    RecordChanged,
    Refused,
    Reminded,
    Split,
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
    "Links held for a person. `shared_value` means that a value has come with more others than one "
    "person has, `component_too_large` that a customer has more identities than the policy allows.",
    ["reason"],
)
customers_split = Counter("careline_customers_split_total", "Customers that turned out several.")
links_judged = Counter(
    "careline_links_judged_total", "Decisions of people about links.", ["verdict"]
)
tangles_too_large = Counter(
    "careline_tangles_too_large_total",
    "Units in which more identities hang together than `max_tangle`: what they make may depend on "
    "the order of arrival. Block or cut the value that ties them together.",
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
record_accuracy_target = Gauge(
    "careline_record_accuracy_target_ratio",
    "What the policy wants of the accuracy of records (REC-4).",
)


def show_quality(check: Check, *, accuracy_target: float) -> None:
    """Shows what a check found; what it had nothing to measure by is not shown."""
    record_accuracy_target.set(accuracy_target)
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
            case Split():
                customers_split.inc()
            case Refused(held=held):
                merges_refused.labels(held.reason).inc()
            case Judged(verdict=verdict):
                links_judged.labels("approved" if verdict.is_one else "apart").inc()
            case RecordChanged():
                records_changed.inc()
            case Reminded(reminder=reminder):
                reminders_raised.labels(reminder.cause).inc()
            case LookedAt():
                reminders_cleared.inc()
