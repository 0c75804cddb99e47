"""Scoring's changes are followed in order of version, whichever topic brings them first."""

from itertools import permutations

import pytest

from careline_engagement.sequence import Change, Standing, Verdict, follow
from careline_engagement.testing import after


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
def test_any_order_gives_the_same_warnings(order: tuple[Change, ...]) -> None:
    standing = Standing("A")
    warnings = []
    for change in order:
        standing, found = follow(standing, [change])
        warnings += found
    assert standing == Standing("A", 5, "edge")
    assert [(w.version, w.trigger, w.tier) for w in warnings] == [
        (2, "risk_high", "core"),
        (4, "need_dormant", "edge"),
    ]


def test_what_was_followed_is_not_followed_again() -> None:
    standing, _ = follow(Standing("A"), CHANGES)
    assert follow(standing, CHANGES) == (standing, [])


def test_a_change_that_never_comes_is_done_without() -> None:
    standing, warnings = follow(Standing("A"), [CHANGES[0], CHANGES[3]])
    assert (standing.version, warnings) == (1, [])
    standing, warnings = follow(standing.skip_missing())
    assert standing == Standing("A", 4, "core")
    assert [w.trigger for w in warnings] == ["need_dormant"]
