"""Every statement by which profile decides: read with what may change locked, then saved as sets.

Two instances at once: what can't change is read without a lock; whoever creates the same identity
second rolls back and finds it on the next try; customers that an event may change are locked until
the unit ends, so their versions have no gaps and what is said about them goes out in order.
"""

from careline_profile.store.loading import load, load_around
from careline_profile.store.saving import Cause, Effects, save, save_verdict
from careline_profile.store.witnesses import find_news, gather

__all__ = [
    "Cause",
    "Effects",
    "find_news",
    "gather",
    "load",
    "load_around",
    "save",
    "save_verdict",
]
