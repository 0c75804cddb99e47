"""What scoring said of a customer is the same in the end, in whatever order it is heard."""

from datetime import timedelta
from itertools import permutations

import pytest

from careline_contracts.events.scoring import VerdictName
from careline_engagement.model import Ruling
from careline_engagement.standing import Change, Standing
from tests.engagement.by_hand import after

KEPT = timedelta(days=44)


def a_change(version: int, verdict: VerdictName, to: str) -> Change:
    reasons = (f"reason {version}",)
    return Change(version, after(version), verdict, to, (to,), reasons, f"e{version}")


CHANGES = [
    a_change(1, "tier", "core"),
    a_change(2, "risk", "high"),
    a_change(3, "tier", "edge"),
    a_change(4, "need", "dormant"),
    a_change(5, "value", "high"),
]


@pytest.mark.parametrize("order", list(permutations(CHANGES)))
def test_any_order_comes_to_the_same(order: tuple[Change, ...]) -> None:
    standing = Standing()
    for change in order:
        standing = standing.after([change], kept=KEPT)
    assert standing == Standing(5, tuple(Ruling(c.version, c.at, c.verdict, c.to) for c in CHANGES))


def test_what_was_heard_before_changes_nothing() -> None:
    standing = Standing().after(CHANGES, kept=KEPT)
    assert standing.after(CHANGES[1:3], kept=KEPT) == standing


def test_a_decision_is_several_changes_of_one_version() -> None:
    whole = [a_change(1, "tier", "core"), a_change(1, "risk", "high"), a_change(2, "risk", "low")]
    assert Standing().after(whole, kept=KEPT).version == 2


def test_what_comes_after_a_missing_decision_is_known_as_such() -> None:
    standing = Standing().after([CHANGES[0], *CHANGES[2:]], kept=KEPT)
    assert standing.version == 1
    assert standing.after([CHANGES[1]], kept=KEPT).version == 5


def test_of_old_rulings_the_last_of_each_verdict_stays() -> None:
    standing = Standing().after(CHANGES, kept=timedelta(hours=1))
    assert [(r.verdict, r.to) for r in standing.rulings] == [
        ("risk", "high"),
        ("tier", "edge"),
        ("need", "dormant"),
        ("value", "high"),
    ]
