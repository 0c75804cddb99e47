"""Every statement by which engagement decides: one for a batch, never one for an event.

What is added (aliases, facts, entries, consents) commutes. What is changed is locked first: the
customers' rows, in order of number, for every number that the customer has had.
"""

from careline_engagement.store.absences import add_absences, looked_after_by, next_turns
from careline_engagement.store.cases import save_cases, save_contacts
from careline_engagement.store.families import hold, load_families, open_playbooks
from careline_engagement.store.heard import (
    add_aliases,
    add_consents,
    add_entries,
    add_facts,
    add_follow_ups,
    add_records,
    decide_entries,
)
from careline_engagement.store.moves import homes, part, settle
from careline_engagement.store.moves import note as note_moves
from careline_engagement.store.standings import lock_standings, save_standings

__all__ = [
    "add_absences",
    "add_aliases",
    "add_consents",
    "add_entries",
    "add_facts",
    "add_follow_ups",
    "add_records",
    "decide_entries",
    "hold",
    "homes",
    "load_families",
    "lock_standings",
    "looked_after_by",
    "next_turns",
    "note_moves",
    "open_playbooks",
    "part",
    "save_cases",
    "save_contacts",
    "save_standings",
    "settle",
]
