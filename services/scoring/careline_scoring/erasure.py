"""Where scoring has something about a customer, so that all of it can be erased (REC-7)."""

from careline_contracts.topics import SCORES
from careline_runtime.erasure import Traces

TRACES = Traces(
    rows={
        "buckets": ("identity",),
        "members": ("identity",),
        "answers": ("identity",),
        "tickets": ("identity",),
        "news": ("identity", "customer"),
        "customers": ("number",),
        "tier_moves": ("number",),
    },
    states={SCORES: "SELECT number FROM customers WHERE number = ANY(CAST(:names AS text[]))"},
    nobody=frozenset({"rescorings"}),
)
