"""The demo's final distribution, recomputed from the CSV and the policy file alone.

`recompute` is the rules of docs/scoring.md written a second time, for purchases only, in the
plainest way and without a line of the services. It is what the demo's summary is held against.
"""

import gzip
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiokafka import ConsumerRecord

from careline_runtime.policy import read_policy
from careline_scoring import queries
from careline_scoring.model import Fact
from careline_scoring.policy import ScoringPolicy
from careline_scoring.rules import Rulebook
from tests.runtime.by_hand import fresh_database
from tests.scoring.by_hand import NEW_YEAR, SHANGHAI, Scoring, on, timeline_of

Purchases = list[tuple[int, int]]  # day ordinal, US cents; ascending by day
DEMO_DATA = Path(str(files("careline_cli"))) / "demo_data"
CSV = DEMO_DATA / "cdnow_master.txt.gz"
POLICY = DEMO_DATA / "policies" / "scoring.yaml"
AFTER_THE_LAST_TICK = date(2022, 7, 1)


def purchases_by_customer(csv_path: Path) -> dict[str, Purchases]:
    """Every line is one purchase: customer, YYYYMMDD, CDs, dollars."""
    found: dict[str, Purchases] = defaultdict(list)
    with gzip.open(csv_path, "rt") as lines:
        for line in lines:
            customer, day, _, dollars = line.split()
            ordinal = datetime.strptime(day, "%Y%m%d").toordinal()  # noqa: DTZ007
            found[customer].append((ordinal, int(Decimal(dollars) * 100)))
    return {customer: sorted(bought) for customer, bought in found.items()}


def recompute(csv_path: Path, policy_path: Path, as_of_day: date) -> dict[str, dict[str, int]]:
    """How many customers are in each tier and carry each tag at the end of the demo."""
    return distribution(purchases_by_customer(csv_path).values(), policy_path, as_of_day)


def distribution(
    customers: Iterable[Purchases], policy_path: Path, as_of_day: date
) -> dict[str, dict[str, int]]:
    policy = yaml.safe_load(policy_path.read_text("utf-8"))
    today = as_of_day.toordinal()
    counts: dict[str, Counter[str]] = {k: Counter() for k in ("tiers", "value", "need", "risk")}
    for bought in customers:
        counts["tiers"][held_tier(bought, policy["tier"], today)] += 1
        counts["value"][value(bought, policy, today)] += 1
        counts["need"][need(bought, policy["tags"]["need"], today)] += 1
        counts["risk"][risk(bought, policy["tags"]["risk"], today)] += 1
    return {name: dict(counter) for name, counter in counts.items()}


def within(bought: Purchases, window_days: int, today: int) -> Purchases:
    return [(day, cents) for day, cents in bought if today - window_days < day <= today]


def repurchases(bought: Purchases, window_days: int, today: int) -> int:
    return len(within(bought[1:], window_days, today))


def held_tier(bought: Purchases, rule: dict[str, Any], today: int) -> str:
    """The best raw verdict of the days that are held."""
    order = ["edge", "basic", "potential", "core"]
    days = range(today - rule["hold_days"] + 1, today + 1)
    return max((raw_tier(bought, rule, day) for day in days), key=order.index)


def raw_tier(bought: Purchases, rule: dict[str, Any], day: int) -> str:
    values, sticky = rule["value"], rule["stickiness"]
    spend = sum(cents for _, cents in within(bought, values["window_days"], day))
    row = "mid" if spend >= values["mid_at_least_minor"] else "low"
    row = "high" if spend >= values["high_at_least_minor"] else row
    often = repurchases(bought, sticky["window_days"], day) >= sticky["high_at_least"]
    return str(rule["matrix"][row]["high" if often else "low"])


def value(bought: Purchases, policy: dict[str, Any], today: int) -> str:
    total = sum(
        points(bought, measure, today)
        for dimension in policy["score"].values()
        for measure in dimension["measures"]
    )
    lines = policy["tags"]["value"]
    if total >= lines["high_at_least"]:
        return "high"
    return "potential" if total >= lines["potential_at_least"] else "normal"


def points(bought: Purchases, measure: dict[str, Any], today: int) -> Decimal:
    """Of one measure; what purchases can't tell is missing."""
    recent = within(bought, measure.get("window_days", 0), today)
    spend = sum(cents for _, cents in recent)
    reached: int | None = None
    match measure["how"], measure.get("of"):
        case "net_spend", _ if recent:
            reached = spend
        case "average_order", _ if recent:
            reached = spend // len(recent)
        case "count", "purchase" if recent:
            reached = len(recent)
        case "repurchases", _ if recent:
            reached = repurchases(bought, measure["window_days"], today)
        case "tenure", _:
            reached = today - bought[0][0]
    if reached is None:
        return Decimal(str(measure["missing"]["points"]))
    steps = [step["points"] for step in measure["steps"] if reached >= step["at_least"]]
    return Decimal(str(steps[-1])) if steps else Decimal(0)


def need(bought: Purchases, rule: dict[str, Any], today: int) -> str:
    return "dormant" if today - bought[-1][0] >= rule["dormant"]["silent_days"] else "none"


def risk(bought: Purchases, rule: dict[str, Any], today: int) -> str:
    fall = rule["spend_fall"]
    window = fall["window_days"]
    now = sum(cents for _, cents in within(bought, window, today))
    before = sum(cents for _, cents in within(bought, window, today - window))
    if before < fall["minimum_previous_minor"]:
        return "low"
    percent = Decimal(100 * (before - now)) / before
    if percent >= fall["high_percent"]:
        return "high"
    return "medium" if percent >= fall["medium_percent"] else "low"


Distribution = dict[str, dict[str, int]]


@pytest.fixture(scope="module")
def expected() -> Distribution:
    return recompute(CSV, POLICY, AFTER_THE_LAST_TICK)


def test_the_rules_agree_with_the_recomputation_on_every_customer(expected: Distribution) -> None:
    loaded = read_policy(ScoringPolicy, POLICY)
    rulebook = Rulebook(loaded.policy, version=loaded.version)
    today = AFTER_THE_LAST_TICK.toordinal()
    counts: dict[str, Counter[str]] = {k: Counter() for k in ("tiers", "value", "need", "risk")}
    for bought in purchases_by_customer(CSV).values():
        facts = (Fact(day, "purchase.completed", "USD", 1, cents) for day, cents in bought)
        decision = rulebook.decide(rulebook.evidence.history(facts), today)
        counts["tiers"][decision.tier] += 1
        counts["value"][decision.value] += 1
        counts["need"][decision.need] += 1
        counts["risk"][decision.risk] += 1
    assert counts == expected
    assert counts["tiers"].total() == 23_544


def test_every_tier_and_tag_of_the_data_is_well_populated(expected: Distribution) -> None:
    assert {name: set(counter) for name, counter in expected.items()} == {
        "tiers": {"core", "potential", "basic", "edge"},
        "value": {"high", "potential", "normal"},
        "need": {"dormant", "none"},  # purchases alone know no enquiries
        "risk": {"high", "medium", "low"},
    }
    assert min(number for counter in expected.values() for number in counter.values()) >= 100


@pytest.mark.stack
async def test_the_service_agrees_after_18_months_of_drain_tick_drain(admin_url: str) -> None:
    """Every 40th customer through handlers, timers and PostgreSQL, a month at a time."""
    sample = dict(list(purchases_by_customer(CSV).items())[::40])
    months = [datetime(2021 + m // 12, m % 12 + 1, 1, tzinfo=SHANGHAI) for m in range(19)]
    assert months[-1].date() == AFTER_THE_LAST_TICK
    async with fresh_database(admin_url, "scoring") as engine:
        scoring = on(engine, timeline_of(read_policy(ScoringPolicy, POLICY)))
        for begins, ends in pairwise(months):
            await scoring.hear(
                [
                    purchase_of(scoring, customer, day, cents)
                    for customer, bought in sample.items()
                    for day, cents in bought
                    if begins.toordinal() <= day < ends.toordinal()
                ]
            )
            await scoring.tick(ends)
        async with engine.connect() as connection:
            found = await queries.count(connection)
    assert found == distribution(sample.values(), POLICY, AFTER_THE_LAST_TICK)


def purchase_of(scoring: Scoring, customer: str, day: int, cents: int) -> ConsumerRecord:
    days_after = (date.fromordinal(day) - NEW_YEAR.date()) // timedelta(days=1)
    type = "careline.purchase.completed.v1"
    return scoring.activity(customer, type, day=days_after, amount_minor=cents, currency="USD")
