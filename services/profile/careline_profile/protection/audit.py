"""The audit as a chain: each entry carries the hash of the one before, and so of all before.

Whoever changes an entry, takes one out or puts one in breaks every hash after it; whoever cuts off
the end, or writes the whole chain anew, meets the heads on `careline.audit.v1`. What a person gave
as a reason is not in the chain but its keyed digest: the text can be sealed anew under another key,
or be forgotten with its customer, and the chain still holds.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, NamedTuple

Action = Literal[
    "fields.read",
    "customers.export",
    "customer.erase",
    "codes.enrol",
    "codes.reset",
    "access.withdraw",
]
GENESIS = "0" * 64
"""What the first entry follows."""


class Deed(NamedTuple):
    """What somebody did or tried to do; never a value."""

    subject: str
    roles: tuple[str, ...]
    action: Action
    customer: str
    """Whose data; of what is about nobody's, whom of the staff it is about."""
    fields: tuple[str, ...] = ()
    outcome: str = "done"
    """`done`, or why not."""


class Entry(NamedTuple):
    """A deed in its place in the chain."""

    sequence: int
    at: datetime
    deed: Deed
    reason_digest: str
    previous: str
    hash: str


class Flaw(NamedTuple):
    """Where the chain does not hold, and how that shows."""

    sequence: int
    what: str


def next_entry(
    deed: Deed, *, reason_digest: str, after: tuple[int, str] | None, at: datetime
) -> Entry:
    """The entry that follows `after`, given by sequence and hash; None begins the chain."""
    sequence, previous = (after[0] + 1, after[1]) if after else (1, GENESIS)
    entry = Entry(sequence, at, deed, reason_digest, previous, "")
    return entry._replace(hash=digest(entry))


def digest(entry: Entry) -> str:
    """The hash of everything in the entry but its hash."""
    content = [
        entry.sequence,
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        *entry.deed,
        entry.reason_digest,
        entry.previous,
    ]
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def flaws(entries: Iterable[Entry], heads: Mapping[int, str]) -> Iterator[Flaw]:
    """Where the chain doesn't hold; `heads` are the hashes that were published, by sequence."""
    expected, previous = 1, GENESIS
    for entry in entries:
        if entry.sequence != expected:
            yield Flaw(expected, f"missing: {entry.sequence} follows {expected - 1}")
        elif entry.previous != previous:
            yield Flaw(entry.sequence, "does not follow the entry before it")
        if entry.hash != digest(entry):
            yield Flaw(entry.sequence, "was changed after it was written")
        elif heads.get(entry.sequence, entry.hash) != entry.hash:
            yield Flaw(entry.sequence, "is not the entry that was published")
        expected, previous = entry.sequence + 1, entry.hash
    for sequence in sorted(head for head in heads if head >= expected):
        yield Flaw(sequence, "was published and is gone")
