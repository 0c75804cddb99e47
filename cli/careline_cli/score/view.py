"""A score as people read it, in English or Chinese."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from careline_contracts.payload import short_type

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "customer {customer} · {total} of 100 points · {tier}",
        "as_of": "as of {as_of} · policy {policy_version}",
        "measure": "measure",
        "evidence": "evidence",
        "curve": "on the curve",
        "points": "points",
        "until": "changes on",
        "none": "none",
        "why": "why",
        "next": "next change {next_change_at}",
        "never": "nothing changes unless something happens",
        "up": "the nearest way up",
        "buy": "{verdict} {to}: {orders} × order, {amount} in all",
        "buy_any": "{verdict} {to}: {orders} × order of any amount",
        "wait": "{verdict} {to}: on {from_day}, by time alone",
        "once": "once",
        "times": "{value} times",
        "days": "{value} days",
        "left_out": "not counted: {amounts} in {currency}, for which the policy has no rate",
        "percent": "{value} %",
    },
    "zh": {
        "title": "客户 {customer} · {total} 分（满分 100）· {tier}",
        "as_of": "截至 {as_of} · 策略 {policy_version}",
        "measure": "指标",
        "evidence": "依据",
        "curve": "曲线区间",
        "points": "得分",
        "until": "变化日",
        "none": "无",
        "why": "原因",
        "next": "下次变化 {next_change_at}",
        "never": "若无新事件则不再变化",
        "up": "最近的提升途径",
        "buy": "{verdict} {to}：下单 {orders} 次，合计 {amount}",
        "buy_any": "{verdict} {to}：下单 {orders} 次，金额不限",
        "wait": "{verdict} {to}：{from_day} 起自然恢复",
        "once": "1 次",
        "times": "{value} 次",
        "days": "{value} 天",
        "left_out": "未计入：{currency} 金额 {amounts} 笔，策略中没有汇率",
        "percent": "{value} %",
    },
}

NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {},
    "zh": {
        "spending": "消费",
        "interaction": "互动",
        "stability": "稳定性",
        "referral": "推荐",
        "tier": "等级",
        "value": "价值",
        "need": "需求",
        "risk": "风险",
        "total": "总分",
        "life_cycle": "生命周期",
        "channel": "渠道偏好",
        "product": "产品偏好",
        "part_of_day": "时段偏好",
        "care": "特殊关怀",
        "handling": "服务方式",
        "core": "核心",
        "potential": "潜力",
        "basic": "基础",
        "edge": "边缘",
        "high": "高",
        "medium": "中",
        "low": "低",
        "normal": "普通",
        "active": "活跃",
        "latent": "潜在",
        "dormant": "休眠",
        "none": "无",
        "prospect": "潜客",
    },
}
"""Of dimensions, verdicts and their values. A policy names its measures: they stay as it says."""


def explained(found: Mapping[str, Any], language: str) -> RenderableType:
    """The whole answer: the ledger, the reasons, what comes next, what would help."""
    words, names = WORDS[language], NAMES[language]
    tier = names.get(found["tier"], found["tier"])
    lines = [
        f"[bold]{escape(words['title'].format_map({**found, 'tier': tier}))}[/]",
        f"[dim]{escape(words['as_of'].format_map(found))}[/]",
    ]
    return Group(
        *lines,
        _ledger(found, words, names),
        *_events(found),
        *_left_out(found, words),
        f"\n{words['why']}",
        _reasons(found, names),
        *map(escape, _prose(found, words, names)),
    )


def money(minor: int, found: Mapping[str, Any]) -> str:
    """An amount in whole units of the currency that an answer is about."""
    return f"{Decimal(minor).scaleb(-found['minor_digits']):,} {found['currency']}"


def _ledger(found: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]) -> Table:
    """Measure by measure below the sum of their dimension."""
    table = Table(box=None)
    for name in ("measure", "evidence", "curve", "points", "until"):
        # what stands on a narrow screen in two lines rather than being cut off
        table.add_column(words[name], no_wrap=name not in ("evidence", "curve"))
    dimension = ""
    for one in found["contributions"]:
        if one["dimension"] != dimension:
            dimension = one["dimension"]
            points = found["dimensions"][dimension]
            name = names.get(dimension, dimension)
            table.add_row(f"[bold]{name}[/]", "", "", f"[bold]{points}[/]", "")
        table.add_row(
            f"  {one['measure']}",
            _evidence(one["evidence"], found, words),
            _segment(one, found),
            one["points"],
            (one["expires_at"] or "–")[:10],
        )
    return table


def _events(found: Mapping[str, Any]) -> Iterator[Text]:
    """Each event on which a measure rests, where they were asked for: a line, however long."""
    for one in found["contributions"]:
        for event in one.get("events", ()):
            what = short_type(event["type"])
            when = event.get("occurred_at") or event["day"]
            line = f"  {one['measure']}: {when} {what} {event['event']}"
            yield Text(line, no_wrap=True, overflow="ignore")


def _left_out(found: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    for currency, amounts in found["left_out"].items():
        yield "\n" + escape(words["left_out"].format(amounts=amounts, currency=currency))


def _evidence(
    evidence: Mapping[str, Any] | None, found: Mapping[str, Any], words: Mapping[str, str]
) -> str:
    if evidence is None:
        return words["none"]
    match evidence["unit"], evidence["value"]:
        case "minor_units", value:
            shown = money(value, found)
        case "times", 1:
            shown = words["once"]
        case unit, value:
            shown = words[unit].format(value=f"{value:,}")
    days = dict.fromkeys((evidence["from_day"], evidence["to_day"]))
    return f"{shown} ({' … '.join(days)})"


def _segment(one: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """From where to where on the curve; amounts in whole units, as far as they are whole."""
    if one["curve"] is None:
        return "–"
    is_money = one["evidence"]["unit"] == "minor_units"
    unit = 10 ** found["minor_digits"] if is_money else 1
    ends = (("≥", one["curve"]["from_value"]), ("<", one["curve"]["below"]))
    return " ".join(f"{sign} {value / unit:,.15g}" for sign, value in ends if value is not None)


def _reasons(found: Mapping[str, Any], names: Mapping[str, str]) -> Table:
    """Each verdict and tag beside its reasons, one below the other."""
    verdicts = {
        verdict: names.get(name, name) if isinstance(name, str) else _listed(name, names)
        for verdict, name in {**found["tags"], "tier": found["tier"]}.items()
    }
    table = Table.grid(padding=(0, 2))
    for verdict, reasons in found["reasons"].items():
        shown = (verdicts[verdict], "\n".join(reasons))
        table.add_row(f"  {names.get(verdict, verdict)}", *map(escape, shown))
    return table


def _listed(values: Sequence[str], names: Mapping[str, str]) -> str:
    return ", ".join(names.get(value, value) for value in values)


def _prose(
    found: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[str]:
    """What comes next, and what would help."""
    yield "\n" + (words["next"].format_map(found) if found["next_change"] else words["never"])
    for one in found["next_change"]:
        was, will = (_listed(one[end].split(", "), names) or "–" for end in ("from", "to"))
        yield f"  {names.get(one['what'], one['what'])}: {was} → {will}"
    yield from _ways_up(found, words, names)


def _ways_up(
    found: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]
) -> Iterator[str]:
    for place, way in enumerate(found["ways_up"]):
        if place == 0:
            yield f"\n{words['up']}"
        kind = "wait" if not way["orders"] else "buy" if way["amount_minor"] else "buy_any"
        amount = money(way["amount_minor"], found)
        named = {key: names.get(way[key], way[key]) for key in ("verdict", "to")}
        yield "  " + words[kind].format_map({**way, **named, "amount": amount})
