"""What engagement knows of a customer: facts, entries, cases, under the numbers they came with."""

from careline_engagement.model.cases import SILENT, Case, Move, MoveKind, Outcome, Step
from careline_engagement.model.facts import (
    ALWAYS,
    TAG_SEPARATOR,
    Absence,
    Alias,
    Consent,
    Contact,
    Entry,
    Fact,
    Parting,
    Record,
    Ruling,
)
from careline_engagement.model.family import Family

__all__ = [
    "ALWAYS",
    "SILENT",
    "TAG_SEPARATOR",
    "Absence",
    "Alias",
    "Case",
    "Consent",
    "Contact",
    "Entry",
    "Fact",
    "Family",
    "Move",
    "MoveKind",
    "Outcome",
    "Parting",
    "Record",
    "Ruling",
    "Step",
]
