"""Why a decision is what it is, in a few words with the numbers that led to it."""

from collections.abc import Callable
from functools import partial

from careline_contracts.events.scoring import TagName
from careline_scoring.model import AMOUNT_SCALE, Decision, History, Tags
from careline_scoring.rules.decision import Rulebook, as_points
from careline_scoring.rules.tags import LEVELS as RISK_LEVELS
from careline_scoring.rules.wording import LEVELS, WORDS, Language

Reasons = tuple[str, ...]


def _value(rulebook: Rulebook, history: History, decision: Decision, language: Language) -> Reasons:
    """Why TAG-1 is what it is."""
    rule = rulebook.policy.tags.value
    line = rule.high_at_least if decision.value == "high" else rule.potential_at_least
    words, today = WORDS[language], rulebook.tags.value(decision.total)
    if today != decision.value:
        name = LEVELS[language].get(today, today)
        return (words["value.held"].format(value=name, days=rule.hold_days),)
    return (words[f"value.{today}"].format(score=as_points(decision.total), line=line),)


def _need(rulebook: Rulebook, history: History, decision: Decision, language: Language) -> Reasons:
    """Why TAG-2 is what it is."""
    rule, words = rulebook.policy.tags.need, WORDS[language][f"need.{decision.need}"]
    match decision.need:
        case "dormant":
            return (words.format(days=rule.dormant.silent_days),)
        case "active":
            days = rule.active.window_days
            return (words.format(count=_count(history, "enquiry", decision.day, days), days=days),)
        case _:
            return (words.format(days=rule.latent.window_days),)


def _risk(rulebook: Rulebook, history: History, decision: Decision, language: Language) -> Reasons:
    """Why TAG-3 is what it is: every sign that reaches the level."""
    words, level = WORDS[language], RISK_LEVELS.index(decision.risk)
    if level == 0:
        return (words["risk.low"],)
    rules, policy = rulebook.tags, rulebook.policy.tags.risk
    today = rules.risk_of_today(history, decision.day).name
    if today != decision.risk:
        name = LEVELS[language].get(today, today)
        return (words["risk.held"].format(risk=name, days=policy.hold_days),)
    reasons = []
    before, now = rules.spends(history, decision.day)
    if rules.fall_level(before, now) == level:
        reasons.append(
            words["risk.spend"].format(
                percent=100 * (before - now) // before,
                now=_money(rulebook, now),
                before=_money(rulebook, before),
                days=policy.spend_fall.window_days,
            )
        )
    complaints = rules.complaints(history, decision.day)
    if rules.complaint_level(complaints) == level:
        counted = words["risk.complaint" if complaints == 1 else "risk.complaints"]
        reasons.append(counted.format(count=complaints, days=policy.complaints.window_days))
    return tuple(reasons)


def _tier(rulebook: Rulebook, history: History, decision: Decision, language: Language) -> Reasons:
    """Why TIER-1 is what it is: both axes, and whether an earlier verdict is still held."""
    rules, rule = rulebook.tiers, rulebook.policy.tier
    words, levels = WORDS[language], LEVELS[language]
    spend, repurchases = rules.standing(history, decision.day)
    value, stickiness = rules.value_class(spend), rules.stickiness(repurchases)
    reasons = [
        words["tier.value"].format(
            level=levels.get(value, value),
            spend=_money(rulebook, spend),
            days=rule.value.window_days,
        ),
        words["tier.stickiness"].format(
            level=levels.get(stickiness, stickiness),
            count=repurchases,
            days=rule.stickiness.window_days,
        ),
    ]
    raw = rules.raw_tier(spend, repurchases)
    if raw != decision.tier:
        reasons.append(words["tier.held"].format(tier=levels.get(raw, raw), days=rule.hold_days))
    return tuple(reasons)


_REASONS: dict[str, Callable[[Rulebook, History, Decision, Language], Reasons]] = {
    "tier": _tier,
    "value": _value,
    "need": _need,
    "risk": _risk,
}


def tag_reasons(
    tag: TagName,
    rulebook: Rulebook,
    history: History,
    decision: Decision,
    record: Tags,
    language: Language = "en",
) -> Reasons:
    """Why a tag of TAG-4 has the values that it has, by facts and what the record says."""
    if tag == "handling":
        return _handling(rulebook, record, language)
    words, values = WORDS[language], dict(decision.tags).get(tag, ())
    if tag == "life_cycle":
        days = rulebook.policy.tags.life_cycle.dormant.silent_days
        return tuple(words[f"life_cycle.{stage}"].format(days=days) for stage in values)
    rule = dict(rulebook.habits.preferences).get(tag)
    if rule is None:
        return (words["record"],)
    count = partial(rulebook.habits.occurrences, history, tag, day=decision.day)
    return tuple(
        words["preference"].format(value=value, count=count(value), days=rule.window_days)
        for value in values
    ) or (words["preference.none"].format(days=rule.window_days),)


def _handling(rulebook: Rulebook, record: Tags, language: Language) -> Reasons:
    """Each way of handling with the special care that calls for it."""
    words, names = WORDS[language], LEVELS[language]
    between = {"en": ", ", "zh": "、"}[language]
    return tuple(
        words["handling"].format(
            way=names.get(way, way),
            care=between.join(
                names.get(care, care) for care in rulebook.care.calls_for(record, way)
            ),
        )
        for way in dict(rulebook.care.with_handling(record)).get("handling", ())
    ) or (words["handling.none"],)


VERDICTS = tuple(_REASONS)


def reasons(
    verdict: str,
    rulebook: Rulebook,
    history: History,
    decision: Decision,
    language: Language = "en",
) -> Reasons:
    """Why the verdict of this name is what it is."""
    return _REASONS[verdict](rulebook, history, decision, language)


def in_both(worded: Callable[[Language], Reasons]) -> Reasons:
    """Each reason in Chinese and in English: nobody knows who will read an event, or when."""
    return tuple(f"{zh} / {en}" for zh, en in zip(worded("zh"), worded("en"), strict=True))


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
