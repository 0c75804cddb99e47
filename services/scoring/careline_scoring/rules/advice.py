"""The nearest way up: the smallest purchases that lift the tier or clear the risk, exactly.

What is advised is enough: the day's decision with it is better. And it is the least: with one order
less, or one minor unit less, it is not. A complaint cannot be bought back, so where complaints
alone keep the risk up, or the policy holds it, the advice is the day on which time brings it down.
"""

from typing import Literal, NamedTuple

from careline_scoring.model import AMOUNT_SCALE, NEVER, TIERS, History
from careline_scoring.rules.decision import Rulebook
from careline_scoring.rules.tags import LEVELS


class WayUp(NamedTuple):
    """With so many orders today, worth so much in all, the verdict is `to`."""

    verdict: Literal["tier", "risk"]
    to: str
    orders: int
    amount_minor: int
    """In minor units of the policy's currency."""
    day: int
    """From which day on: today, or when old complaints no longer count."""


def ways_up(rulebook: Rulebook, history: History, day: int) -> list[WayUp]:
    """Every least way up from here; none beats another in both orders and money."""
    return [*_to_a_better_tier(rulebook, history, day), *_to_less_risk(rulebook, history, day)]


def _to_a_better_tier(rulebook: Rulebook, history: History, day: int) -> list[WayUp]:
    rules = rulebook.tiers
    now = rules.tier(history, day).name
    spend, _ = rules.standing(history, day)
    found: list[WayUp] = []
    # less money first, so whatever needs as many orders as one before is no better way
    for missing in (0, *(line - spend for line in rules.lines[1:] if line > spend)):
        amount = -(-missing // AMOUNT_SCALE)
        for orders in sorted({1 if amount else 0, rules.orders_to_stick(history, day)} - {0}):
            to = rules.raw_tier(
                spend + amount * AMOUNT_SCALE, rules.repurchases(history, day, more=orders)
            )
            better = TIERS.index(to) > TIERS.index(now)
            if better and all(way.orders > orders for way in found):
                found.append(WayUp("tier", to, orders, amount, day))
    return found


def _to_less_risk(rulebook: Rulebook, history: History, day: int) -> list[WayUp]:
    rules, policy = rulebook.tags, rulebook.policy.tags.risk
    risk = LEVELS.index(rules.risk(history, day).name)
    if risk == 0:
        return []
    is_held = rules.risk_hold > 1
    if is_held or rules.complaint_level(rules.complaints(history, day)) == risk:
        return _by_time_alone(rulebook, history, day, risk)
    before, now = rules.spends(history, day)
    percent = (policy.spend_fall.medium_percent, policy.spend_fall.high_percent)[risk - 1]
    # the fall is below the line once 100 × (before − now) < percent × before
    missing = (100 * (before - now) - percent * before) // 100 + 1
    amount = -(-missing // AMOUNT_SCALE)
    left = max(
        rules.fall_level(before, now + amount * AMOUNT_SCALE),
        rules.complaint_level(rules.complaints(history, day)),
    )
    return [WayUp("risk", LEVELS[left], 1, amount, day)]


def _by_time_alone(rulebook: Rulebook, history: History, day: int, risk: int) -> list[WayUp]:
    """The first day on which time alone brings the risk down, if it does so before it rises."""
    then = rulebook.tags.risk(history, day)
    if then.change_day == NEVER:
        return []
    level = LEVELS.index(rulebook.tags.risk(history, then.change_day).name)
    return [WayUp("risk", LEVELS[level], 0, 0, then.change_day)] if level < risk else []
