"""A score as people read it, in English or Chinese."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "customer {customer} · {total} of 100 points · {tier}",
        "as_of": "as of {as_of} · policy {policy_version}",
        "dimension": "dimension",
        "measure": "measure",
        "evidence": "evidence",
        "curve": "on the curve",
        "points": "points",
        "until": "until",
        "none": "none",
        "why": "why",
        "next": "next change {next_change_at}",
        "never": "nothing changes unless something happens",
        "up": "the nearest way up",
        "buy": "{verdict} {to}: {orders} × order, {amount} {currency} in all",
        "wait": "{verdict} {to}: on {from_day}, by time alone",
    },
    "zh": {
        "title": "客户 {customer} · {total} 分（满分 100）· {tier}",
        "as_of": "截至 {as_of} · 策略 {policy_version}",
        "dimension": "维度",
        "measure": "指标",
        "evidence": "依据",
        "curve": "曲线区间",
        "points": "得分",
        "until": "有效至",
        "none": "无",
        "why": "原因",
        "next": "下次变化 {next_change_at}",
        "never": "若无新事件则不再变化",
        "up": "最近的提升途径",
        "buy": "{verdict} {to}：下单 {orders} 次，合计 {amount} {currency}",
        "wait": "{verdict} {to}：{from_day} 起自然恢复",
    },
}


def explained(found: Mapping[str, Any], language: str) -> RenderableType:
    """The whole answer: the ledger, the reasons, what comes next, what would help."""
    words = WORDS[language]
    lines = [
        f"[bold]{escape(words['title'].format_map(found))}[/]",
        f"[dim]{escape(words['as_of'].format_map(found))}[/]",
    ]
    return Group(
        *lines, _ledger(found, words), *map(escape, [*_events(found), *_prose(found, words)])
    )


def _ledger(found: Mapping[str, Any], words: Mapping[str, str]) -> Table:
    columns = ("dimension", "measure", "evidence", "curve", "points", "until")
    table = Table(*(words[name] for name in columns), box=None)
    for one in found["contributions"]:
        table.add_row(
            one["dimension"],
            one["measure"],
            _evidence(one["evidence"], words),
            _segment(one["curve"]),
            one["points"],
            (one["expires_at"] or "–")[:10],
        )
    return table


def _events(found: Mapping[str, Any]) -> Iterator[str]:
    """Each event on which a measure rests, where they were asked for."""
    for one in found["contributions"]:
        for event in one.get("events", ()):
            what = event["type"].removeprefix("careline.").removesuffix(".v1")
            when = event.get("occurred_at") or event["day"]
            yield f"  {one['measure']}: {when} {what} {event['event']}"


def _evidence(evidence: Mapping[str, Any] | None, words: Mapping[str, str]) -> str:
    if evidence is None:
        return words["none"]
    return (
        f"{evidence['value']:,} {evidence['unit']} ({evidence['from_day']} … {evidence['to_day']})"
    )


def _segment(segment: Mapping[str, Any] | None) -> str:
    if segment is None:
        return "–"
    low, high = segment["from_value"], segment["below"]
    return f"{'' if low is None else f'≥ {low:,}'} {'' if high is None else f'< {high:,}'}".strip()


def _prose(found: Mapping[str, Any], words: Mapping[str, str]) -> Iterator[str]:
    verdicts = {**found["tags"], "tier": found["tier"]}
    yield f"\n{words['why']}"
    for verdict, reasons in found["reasons"].items():
        yield f"  {verdict} {verdicts[verdict]}: {'; '.join(reasons)}"
    yield "\n" + (words["next"].format_map(found) if found["next_change"] else words["never"])
    yield from (f"  {one['what']}: {one['from']} → {one['to']}" for one in found["next_change"])
    yield from _ways_up(found["ways_up"], words)


def _ways_up(ways: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> Iterator[str]:
    for place, way in enumerate(ways):
        if place == 0:
            yield f"\n{words['up']}"
        amount = f"{way['amount_minor']:,}"
        yield "  " + words["buy" if way["orders"] else "wait"].format(**way, amount=amount)
