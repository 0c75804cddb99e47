"""What breaks a contract, as metrics name it: by source, type and version, all of them bounded."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from careline_ingest.senders import TYPES, Sender

UNKNOWN: Final = "unknown"
"""A type that no contract has, or what could not be read."""

OTHER: Final = "other"
"""All sources beyond those that are named."""

_LONGEST_SOURCE = 255
_VERSIONED = re.compile(r"(.+)\.(v[0-9]+)")


class Violation(NamedTuple):
    """One breach of a contract: the values of the metric's labels."""

    source: str
    type: str
    version: str
    code: str


class Violations:
    """Names breaches. Senders choose their sources, so that only the first `most_sources` count
    for themselves; a channel system with a key is known by its own name.
    """

    def __init__(self, *, most_sources: int) -> None:
        self._most_sources = most_sources
        self._sources: set[str] = set()

    def of(self, attributes: Mapping[str, object], sender: Sender, code: str) -> Violation:
        """The breach by an event with these attributes."""
        type, version = _type_and_version(attributes.get("type"))
        source = sender.name if sender.is_bound else self._source(attributes.get("source"))
        return Violation(source, type, version, code)

    def _source(self, source: object) -> str:
        if not isinstance(source, str) or not source.isprintable() or not source:
            return UNKNOWN
        if source in self._sources:
            return source
        if len(self._sources) == self._most_sources or len(source) > _LONGEST_SOURCE:
            return OTHER
        self._sources.add(source)
        return source


def _type_and_version(type: object) -> tuple[str, str]:
    versioned = _VERSIONED.fullmatch(type) if isinstance(type, str) and type in TYPES else None
    return (versioned[1], versioned[2]) if versioned else (UNKNOWN, UNKNOWN)
