"""How a channel system publishes to Careline: in order, in batches, again until it is taken.

`careline_client.sync` has the same client for code that does not await.
"""

from careline_client.client import CarelineClient
from careline_client.events import Event, event, event_id
from careline_client.verdicts import NotLetIn, NotSent, Problem, Refused, Unavailable, Verdict

__all__ = [
    "CarelineClient",
    "Event",
    "NotLetIn",
    "NotSent",
    "Problem",
    "Refused",
    "Unavailable",
    "Verdict",
    "event",
    "event_id",
]
