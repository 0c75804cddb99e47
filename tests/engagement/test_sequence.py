"""Scoring's changes are followed in order of version, whichever topic brings them first."""

from datetime import timedelta
from itertools import permutations

import pytest

from careline_engagement.model import Ruling
from careline_engagement.sequence import Change, Standing, Verdict, follow
from careline_engagement.testing import after

KEPT = timedelta(days=44)


def a_change(version: int, verdict: Verdict, to: str) -> Change:
    return Change(version, after(version), verdict, to, (f"reason {version}",), f"e{version}")


CHANGES = [
    a_change(1, "tier", "core"),
    a_change(2, "risk", "high"),
    a_change(3, "tier", "edge"),
    a_change(4, "need", "dormant"),
    a_change(5, "value", "high"),
]


@pytest.mark.parametrize("order", list(permutations(CHANGES)))
def test_any_order_is_followed_in_the_same(order: tuple[Change, ...]) -> None:
    standing = Standing("A")
    followed = []
    for change in order:
        standing, found = follow(standing, [change], kept=KEPT)
        followed += found
    assert followed == CHANGES
    assert (standing.version, standing.early) == (5, ())
    assert standing.rulings == tuple(Ruling(c.version, c.at, c.verdict, c.to) for c in CHANGES)


def test_what_was_followed_is_not_followed_again() -> None:
    standing, _ = follow(Standing("A"), CHANGES, kept=KEPT)
    assert follow(standing, CHANGES, kept=KEPT) == (standing, [])


def test_a_change_that_never_comes_is_done_without() -> None:
    standing, followed = follow(Standing("A"), [CHANGES[0], CHANGES[3]], kept=KEPT)
    assert (standing.version, followed) == (1, [CHANGES[0]])
    standing, followed = follow(standing.skip_missing(), kept=KEPT)
    assert (standing.version, followed) == (4, [CHANGES[3]])


def test_of_old_rulings_the_last_of_each_verdict_stays() -> None:
    standing, _ = follow(Standing("A"), CHANGES, kept=timedelta(hours=1))
    assert [(r.verdict, r.to) for r in standing.rulings] == [
        ("risk", "high"),
        ("tier", "edge"),
        ("need", "dormant"),
        ("value", "high"),
    ]
