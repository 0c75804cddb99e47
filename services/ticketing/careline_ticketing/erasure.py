"""Where ticketing has something about a customer, so that all of it can be erased (REC-7)."""

from careline_contracts.topics import TICKETS
from careline_runtime.erasure import Traces

TRACES = Traces(
    rows={
        "facts": ("identity",),
        "members": ("identity", "customer"),
        "tickets": ("customer",),
        "customers": ("number",),
        "notices": ("customer",),
        "informed": ("customer",),
    },
    nobody=frozenset({"crises", "turns", "agents"}),
    states={TICKETS: "SELECT id FROM tickets WHERE customer = ANY(CAST(:names AS text[]))"},
)
