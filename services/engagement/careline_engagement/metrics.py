"""Every metric that engagement counts, with its meaning."""

from prometheus_client import Counter

warnings_decided = Counter(
    "careline_churn_warnings_total",
    "Churn warnings by what they led to: a case (opened), or why not.",
    ["trigger", "outcome"],
)
case_steps = Counter(
    "careline_case_steps_total",
    "Steps of retention cases that were done, or not done by their deadline (breached).",
    ["step", "verdict"],
)
cases_closed = Counter(
    "careline_cases_closed_total", "Retention cases by how they ended.", ["status"]
)
changes_early = Counter(
    "careline_changes_early_total",
    "Changes of scoring that had to wait for one before them on another topic.",
)
changes_missing = Counter(
    "careline_changes_missing_total",
    "Times that a change of scoring never came and the ones after it were followed without it.",
)
