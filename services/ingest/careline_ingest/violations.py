"""What breaks a contract, as metrics name it: by source, type and version, all of them bounded."""

import re
from collections.abc import Mapping
from typing import NamedTuple

from careline_ingest.senders import TYPES, Sender
from careline_ingest.sources import UNKNOWN, Sources

_VERSIONED = re.compile(r"(.+)\.(v[0-9]+)")


class Violation(NamedTuple):
    """One breach of a contract: the values of the metric's labels."""

    source: str
    type: str
    version: str
    code: str


class Violations:
    """Names breaches; a channel system with a key is known by its own name."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def of(self, attributes: Mapping[str, object], sender: Sender, code: str) -> Violation:
        """The breach by an event with these attributes; a type that no contract has is unknown."""
        type, version = _type_and_version(attributes.get("type"))
        source = sender.name if sender.is_bound else self._sources.name(attributes.get("source"))
        return Violation(source, type, version, code)


def _type_and_version(type: object) -> tuple[str, str]:
    versioned = _VERSIONED.fullmatch(type) if isinstance(type, str) and type in TYPES else None
    return (versioned[1], versioned[2]) if versioned else (UNKNOWN, UNKNOWN)
