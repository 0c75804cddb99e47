"""Every metric that engagement counts, with its meaning."""

from prometheus_client import Counter, Histogram

entries_decided = Counter(
    "careline_playbook_entries_total",
    "What may begin a case, by what it led to: a case (opened, held_out), or why not.",
    ["playbook", "trigger", "outcome"],
)
customers_fired = Counter(
    "careline_customers_fired_total",
    "Customers whose instant had come, by whether anything changed then (changed, unchanged).",
    ["verdict"],
)
case_steps = Counter(
    "careline_case_steps_total",
    "Steps of cases that were done in time, not done by their deadline (breached), done late.",
    ["playbook", "step", "verdict"],
)
case_step_seconds = Histogram(
    "careline_case_step_seconds",
    "From the opening of a case until a step was done: of `contact`, the time to first contact.",
    ["playbook", "step"],
    buckets=(900, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800),
)
cases_closed = Counter(
    "careline_cases_closed_total", "Cases by how they ended.", ["playbook", "status"]
)
contacts = Counter(
    "careline_contacts_total",
    "Outreach that cases asked for: sent, held for a while or suppressed, and what stood against.",
    ["playbook", "verdict", "reason"],
)
contacts_missed = Counter(
    "careline_contacts_missed_total",
    "Times that nobody contacted a customer by when the interaction calendar wanted it.",
    ["tier"],
)
handovers = Counter(
    "careline_case_handovers_total",
    "Cases whose open work became somebody else's: away, back, or reassigned.",
    ["playbook", "reason"],
)
