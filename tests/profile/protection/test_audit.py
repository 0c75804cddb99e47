"""The audit is a chain: whatever is done to it afterwards shows."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from careline_profile.protection.audit import Deed, Entry, digest, flaws, next_entry

NOON = datetime(2026, 3, 2, 4, tzinfo=UTC)


def a_chain(length: int) -> list[Entry]:
    entries: list[Entry] = []
    for n in range(length):
        deed = Deed("ann", ("agent",), "fields.read", f"C{n}", ("phone:clear",))
        after = (entries[-1].sequence, entries[-1].hash) if entries else None
        at = NOON + timedelta(minutes=n)
        entries.append(next_entry(deed, reason_digest=f"r{n}", after=after, at=at))
    return entries


def heads(entries: list[Entry]) -> dict[int, str]:
    return {entry.sequence: entry.hash for entry in entries}


@given(st.integers(0, 12))
def test_a_chain_that_nobody_touched_holds(length: int) -> None:
    chain = a_chain(length)

    assert [*flaws(chain, heads(chain))] == []


def changed(entry: Entry, what: str) -> Entry:
    deed = entry.deed
    return {
        "who": entry._replace(deed=deed._replace(subject="bob")),
        "as what": entry._replace(deed=deed._replace(roles=("admin",))),
        "did what": entry._replace(deed=deed._replace(action="codes.reset")),
        "whose": entry._replace(deed=deed._replace(customer="C99")),
        "which fields": entry._replace(deed=deed._replace(fields=())),
        "outcome": entry._replace(deed=deed._replace(outcome="a wrong code")),
        "when": entry._replace(at=entry.at - timedelta(microseconds=1)),
        "why": entry._replace(reason_digest="r99"),
    }[what]


@given(
    st.integers(0, 7),
    st.sampled_from(
        ["who", "as what", "did what", "whose", "which fields", "outcome", "when", "why"]
    ),
    st.booleans(),
)
def test_a_changed_entry_is_found(place: int, what: str, hashes_too: bool) -> None:
    chain = a_chain(8)
    published = heads(chain)
    chain[place] = changed(chain[place], what)
    if hashes_too:
        chain[place] = chain[place]._replace(hash=digest(chain[place]))

    assert [*flaws(chain, published)]


@given(st.integers(0, 7))
def test_an_entry_that_was_taken_out_is_found(place: int) -> None:
    chain = a_chain(8)
    published = heads(chain)
    del chain[place]

    assert place + 1 in {flaw.sequence for flaw in flaws(chain, published)}


@given(st.integers(0, 7))
def test_a_chain_written_anew_from_somewhere_is_found(place: int) -> None:
    chain = a_chain(8)
    published = heads(chain)
    for n in range(place, 8):
        before = chain[n - 1] if n else None
        after = (before.sequence, before.hash) if before else None
        deed = chain[n].deed._replace(subject="nobody")
        chain[n] = next_entry(deed, reason_digest="r", after=after, at=chain[n].at)

    assert [*flaws(chain, {})] == [], "by itself it holds"
    assert {flaw.sequence for flaw in flaws(chain, published)} == set(range(place + 1, 9))


@pytest.mark.parametrize("kept", [0, 5])
def test_an_end_that_was_cut_off_is_found(kept: int) -> None:
    chain = a_chain(8)

    found = [*flaws(chain[:kept], heads(chain))]

    assert [flaw.sequence for flaw in found] == [*range(kept + 1, 9)]
    assert {flaw.what for flaw in found} == {"was published and is gone"}


def test_entries_that_are_not_published_yet_are_no_flaw() -> None:
    chain = a_chain(8)

    assert [*flaws(chain, heads(chain[:6]))] == []
