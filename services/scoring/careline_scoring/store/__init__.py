"""Every statement by which scoring decides: one for a batch, never one for an event."""

from careline_scoring.store.loading import FACT_COLUMNS, FACTS, load
from careline_scoring.store.saving import move, save

__all__ = ["FACTS", "FACT_COLUMNS", "load", "move", "save"]
