"""A policy that would not mean what it seems to mean is refused, with the line to change."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from careline_runtime.errors import Misconfigured
from careline_runtime.policy import Loaded, parse_policy
from careline_scoring.policy import ScoringPolicy
from careline_scoring.policy.schema import FILE, schema

DOCUMENTED = (Path(__file__).parents[2] / "docs" / "scoring.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight: 40", "weight: 41", "the measures reach 40 points, the weight is 41"),
        ("weight: 40\n    measures:", "weight: 40\n    measurse:", "measurse"),
        ("{ at_least: 1_000_000, points: 12 }", "{ at_least: 500_000, points: 12 }", "ascend"),
        ("- { at: 90, points: 4 }", "- { at: 80, points: 4 }", "values of its curve must ascend"),
        ("line: # percent", "steps: []\n        other: # percent", "other"),
        ("word_of_mouth: { at_most: 4 }", "word_of_mouth: { at_most: 8 }", "its cap never counts"),
        ("group: word_of_mouth", "group: words", "each group must be declared under groups"),
        ("points: 2.5 }", "points: 2.555 }", "decimal places"),
        ("[purchase.returned]", "[purchase.retruned]", "nobody says careline.purchase.retrun"),
        ("fault.reported/question]", "fault.reported/wish]", "has no variant 'wish'"),
        ("of: payment\n", "of: paiment\n", "there is no evidence 'paiment'"),
        ("within_days: 2", "within_days: 180", "within_days must be less than window_days"),
        ("measure: orders", "measure: spend", "two measures have the same name"),
        ("time_zone: Asia/Shanghai", "time_zone: Asia/Peking", "not a time zone"),
        ("USD: 7.2", "USD: 7.20001", "decimal places"),
        ("high_at_least: 80", "high_at_least: 60", "must be above potential_at_least"),
        ("high_percent: 50", "high_percent: 20", "high_percent must be above medium_percent"),
        ("high_at_least: 2 #", "high_at_least: 1 #", "high_at_least must be above medium"),
        ("mid_at_least_minor: 2_000_000", "mid_at_least_minor: 20_000_000", "must be above mid"),
        ("mid: { high: potential, low: basic }", "mid: { high: potential, low: core }", "tier"),
        ("mid: { high: potential, low: basic }", "mid: { high: edge, low: edge }", "lower tier"),
        ("minimum_previous_minor: 10_000", "minimum_previous_minor: 0", "greater than 0"),
        ("hold_days: 30", "hold_days: 30\n  hold_days: 45", "hold_days: is said twice"),
        ("sight: [person_at_once]", "sight: [person_at_one]", "'slow_script' or 'priority_lane'"),
    ],
)
def test_a_policy_that_does_not_hold_is_refused(
    shipped: Loaded[ScoringPolicy], old: str, new: str, message: str
) -> None:
    assert old in shipped.text
    with pytest.raises(Misconfigured) as refused:
        parse_policy(ScoringPolicy, shipped.text.replace(old, new, 1), path="policy.yaml")
    assert message in str(refused.value)
    assert "policy.yaml:" in str(refused.value)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("of: complaint\n", "of: complane\n"),
        ("part: renewal", "part: renewl"),
        ("measure: orders", "measure: spend"),
        ("at_least: 5_000_000", "at_leest: 5_000_000"),
        ("{ at_least: 3, points: 6 }", "{ at_least: three, points: 6 }"),
        ("product: { of: [purchase, interest]", "product: { of: [purchase, intrest]"),
        ("weight: 40", "weight: forty"),
    ],
)
def test_the_line_that_is_named_is_the_one_to_change(
    shipped: Loaded[ScoringPolicy], old: str, new: str
) -> None:
    changed = shipped.text.replace(old, new, 1)
    both = zip(shipped.text.splitlines(), changed.splitlines(), strict=True)
    [line] = [n for n, (was, now) in enumerate(both, 1) if was != now]
    with pytest.raises(Misconfigured) as refused:
        parse_policy(ScoringPolicy, changed, path="policy.yaml")
    assert {line} == set(map(int, re.findall(r"policy.yaml:(\d+):", str(refused.value))))


def test_weights_that_do_not_sum_to_100_are_refused(shipped: Loaded[ScoringPolicy]) -> None:
    document = yaml.safe_load(shipped.text)
    document["score"].pop("referral")
    with pytest.raises(Misconfigured, match="the weights sum to 90, not 100"):
        parse_policy(ScoringPolicy, yaml.safe_dump(document), path="policy.yaml")


def test_a_measure_has_steps_or_a_line(shipped: Loaded[ScoringPolicy]) -> None:
    document = yaml.safe_load(shipped.text)
    tenure = document["score"]["stability"]["measures"][0]
    for line in ([], [{"at": 90, "points": 7}]):
        tenure |= {"line": line, "steps": []}
        with pytest.raises(Misconfigured, match="either steps, or a line"):
            parse_policy(ScoringPolicy, yaml.safe_dump(document), path="policy.yaml")


def test_editors_are_given_the_schema_of_today() -> None:
    assert FILE.read_text("utf-8") == schema(), "python -m careline_scoring.policy.schema"


def test_the_schema_takes_the_shipped_policy_and_no_misspelt_name(
    shipped: Loaded[ScoringPolicy],
) -> None:
    document = yaml.safe_load(shipped.text)
    validator = Draft202012Validator(json.loads(schema()))
    assert list(validator.iter_errors(document)) == []
    document["tier"]["hold_dayz"] = document["tier"].pop("hold_days")
    assert list(validator.iter_errors(document)) != []


def test_the_shipped_policy_keeps_the_handbooks_numbers(shipped: Loaded[ScoringPolicy]) -> None:
    policy = shipped.policy
    assert [d.weight for d in policy.score.values()] == [40, 30, 20, 10]
    assert list(policy.score) == ["spending", "interaction", "stability", "referral"]
    assert policy.tags.value.high_at_least == 80
    assert policy.tags.value.potential_at_least == 60
    assert policy.tags.need.dormant.silent_days == 90
    assert policy.tags.risk.spend_fall.high_percent == 50
    assert policy.tags.risk.complaints.high_at_least == 2
    assert policy.tier.value.high_at_least_minor == 100_000 * 100
    assert policy.tier.stickiness.high_at_least == 5


def test_the_documentation_has_every_measure_of_the_shipped_policy(
    shipped: Loaded[ScoringPolicy],
) -> None:
    """docs/scoring.md is what somebody reimplements from: with window and points of `missing`."""
    rows = re.findall(r"\| `(\w+)` \| `(\w+)`[^|]*\| ?(\d*) \|[^|]*\| ([\d.]+)", DOCUMENTED)
    assert [(name, how, window, Decimal(points)) for name, how, window, points in rows] == [
        (m.measure, m.how, str(getattr(m, "window_days", "")), m.missing.points)
        for dimension in shipped.policy.score.values()
        for m in dimension.measures
    ]
    names = shipped.policy.evidence.by_name()
    assert [name for name in names if f"`{name}`" not in DOCUMENTED] == []


def test_numbers_in_the_documentation_are_those_of_the_shipped_policy(
    shipped: Loaded[ScoringPolicy],
) -> None:
    document = yaml.safe_load(shipped.text)
    known = set(numbers(document["tags"])) | set(numbers(document["tier"]))
    told = re.findall(r"`(\w+)` \((\d[\d,]*)(\.00 CNY)?\)", DOCUMENTED)
    said = {
        (name, int(number.replace(",", "")) * (100 if money else 1)) for name, number, money in told
    }
    assert len(said) > 10 and said - known == set()


def numbers(part: Any, *names: str) -> Iterator[tuple[str, int]]:
    """Each number of a part of a policy, with each name that leads to it."""
    if isinstance(part, dict):
        for name, inner in part.items():
            yield from numbers(inner, *names, name)
    elif isinstance(part, int):
        yield from ((name, part) for name in names)
