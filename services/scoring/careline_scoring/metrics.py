"""Every metric that scoring counts, with its meaning."""

from collections.abc import Mapping
from typing import get_args

from prometheus_client import Counter, Gauge

from careline_contracts.events.scoring import TagName

rescored = Counter(
    "careline_scoring_rescored_total", "Decisions taken, by what asked for them.", ["why"]
)
verdicts_changed = Counter(
    "careline_scoring_verdicts_changed_total",
    "Changes of a verdict or a tag that were said.",
    ["verdict"],
)
amounts_left_out = Counter(
    "careline_scoring_amounts_left_out_total",
    "Amounts in a currency that the policy has no rate for: counted as orders, not as money.",
)
due_unchanged = Counter(
    "careline_scoring_due_unchanged_total",
    "Decisions at the instant of a change at which nothing differed; must stay 0.",
)
score_mismatches = Counter(
    "careline_scoring_score_mismatches_total",
    "Scores that could not be taken apart to what was published; must stay 0.",
)

due = Counter(
    "careline_scoring_due_total",
    "Instants of a change that came. As many are rescored because of the timer, no more, no fewer.",
)
customers = Gauge("careline_scoring_customers_active", "Customers in each tier.", ["tier"])
tier_coverage = Gauge(
    "careline_scoring_tier_coverage_ratio",
    "Share of the customers of whom anything is known who have a tier; must stay 1.",
)
kpis = Gauge(
    "careline_scoring_kpi_ratio",
    "KPI-1, the month so far: shares; `nps` from -1 to 1, `csat` the mean answer from 0 to 1.",
    ["kpi"],
)
rescoring_left = Gauge(
    "careline_scoring_rescoring_left_records",
    "Customers that a policy which took effect has yet to be applied to; 0 when all is done.",
)

WHY = ("event", "timer", "merge", "split", "policy", "record", "ticket", "answer")
VERDICTS = ("tier", "value", "need", "risk", *get_args(TagName))


def count(counts: Mapping[str, int]) -> None:
    """Counts what was committed."""
    for why in WHY:
        rescored.labels(why).inc(counts.get(why, 0))
    for verdict in VERDICTS:
        verdicts_changed.labels(verdict).inc(counts.get(verdict, 0))
    due.inc(counts.get("due", 0))
    due_unchanged.inc(counts.get("unchanged", 0))
    score_mismatches.inc(counts.get("mismatches", 0))
    amounts_left_out.inc(counts.get("left_out", 0))
