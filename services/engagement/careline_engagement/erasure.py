"""Where engagement has something about a customer, so that all of it can be erased (REC-7)."""

from careline_contracts.topics import CASES
from careline_runtime.erasure import Traces

TRACES = Traces(
    rows={
        "contacts": ("number",),
        "consents": ("number", "name"),
        "facts": ("number", "identity"),
        "entries": ("number", "identity"),
        "records": ("number",),
        "follow_ups": ("number",),
        "cases": ("number",),
        "customers": ("number",),
        "aliases": ("absorbed", "survivor"),
        "moved": ("name", "customer", "home"),
    },
    nobody=frozenset({"absences"}),
    states={CASES: "SELECT id FROM cases WHERE number = ANY(CAST(:names AS text[]))"},
)
