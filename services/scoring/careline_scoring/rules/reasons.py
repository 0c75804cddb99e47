"""Why a decision is what it is, in a few English words with the numbers that led to it."""

from collections.abc import Callable

from careline_scoring.model import AMOUNT_SCALE, Decision, History
from careline_scoring.rules.decision import Rulebook, as_points
from careline_scoring.rules.tags import LEVELS

Reasons = tuple[str, ...]


def _value(rulebook: Rulebook, history: History, decision: Decision) -> Reasons:
    """Why TAG-1 is what it is."""
    rule = rulebook.policy.tags.value
    line = {
        "high": f"high from {rule.high_at_least}",
        "potential": f"potential from {rule.potential_at_least}",
        "normal": f"normal below {rule.potential_at_least}",
    }[decision.value]
    return (f"score {as_points(decision.total)}, {line}",)


def _need(rulebook: Rulebook, history: History, decision: Decision) -> Reasons:
    """Why TAG-2 is what it is."""
    rule, day = rulebook.policy.tags.need, decision.day
    if decision.need == "dormant":
        return (f"no contact for {rule.dormant.silent_days} days",)
    if decision.need == "active":
        count = _count(history, "enquiry", day, rule.active.window_days)
        return (f"{count} enquiries in {rule.active.window_days} days",)
    if decision.need == "latent":
        return (f"interest and no purchase in {rule.latent.window_days} days",)
    return ("in contact, neither enquiring often nor interested without buying",)


def _risk(rulebook: Rulebook, history: History, decision: Decision) -> Reasons:
    """Why TAG-3 is what it is: every sign that reaches the level."""
    level = LEVELS.index(decision.risk)
    if level == 0:
        return ("no sign of leaving",)
    rules, policy = rulebook.tags, rulebook.policy.tags.risk
    reasons = []
    before, now = rules.spends(history, decision.day)
    if rules.fall_level(before, now) == level:
        reasons.append(
            f"spend fell {100 * (before - now) // before} %: {_money(rulebook, now)} in "
            f"{policy.spend_fall.window_days} days after {_money(rulebook, before)}"
        )
    complaints = rules.complaints(history, decision.day)
    if rules.complaint_level(complaints) == level:
        noun = "complaint" if complaints == 1 else "complaints"
        reasons.append(f"{complaints} {noun} in {policy.complaints.window_days} days")
    return tuple(reasons)


def _tier(rulebook: Rulebook, history: History, decision: Decision) -> Reasons:
    """Why TIER-1 is what it is: both axes, and whether an earlier verdict is still held."""
    rules, rule = rulebook.tiers, rulebook.policy.tier
    spend, repurchases = rules.standing(history, decision.day)
    value, stickiness = rules.value_class(spend), rules.stickiness(repurchases)
    reasons = [
        f"{value} value: spend {_money(rulebook, spend)} in {rule.value.window_days} days",
        f"{stickiness} stickiness: {repurchases} repurchases in {rule.stickiness.window_days} days",
    ]
    raw = rules.raw_tier(spend, repurchases)
    if raw != decision.tier:
        reasons.append(f"held: {raw} has not lasted {rule.hold_days} days yet")
    return tuple(reasons)


REASONS: dict[str, Callable[[Rulebook, History, Decision], Reasons]] = {
    "tier": _tier,
    "value": _value,
    "need": _need,
    "risk": _risk,
}
"""For each verdict, why it is what it is."""


def _count(history: History, evidence: str, day: int, window_days: int) -> int:
    series = history.series.get(evidence)
    return series.count(day - window_days, day) if series else 0


def _money(rulebook: Rulebook, amount: int) -> str:
    money = rulebook.policy.money
    minor = amount // AMOUNT_SCALE
    if money.minor_digits == 0:
        return f"{minor} {money.currency}"
    whole, rest = divmod(abs(minor), 10**money.minor_digits)
    sign = "-" if minor < 0 else ""
    return f"{sign}{whole}.{rest:0{money.minor_digits}d} {money.currency}"
