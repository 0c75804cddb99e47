"""A back-test as one page: opens in any browser without a network, and prints on paper.

Every label stands in English and Chinese, since those who decide about a policy read either.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from careline_scoring.model import TIERS

NAMES = {
    "core": "core 核心",
    "potential": "potential 潜力",
    "basic": "basic 基础",
    "edge": "edge 边缘",
    "high": "high 高",
    "medium": "medium 中",
    "mid": "mid 中",
    "low": "low 低",
    "normal": "normal 普通",
    "active": "active 活跃",
    "latent": "latent 潜在",
    "dormant": "dormant 沉睡",
    "none": "none 无",
    "value": "value class 价值档",
    "stickiness": "stickiness 粘性",
    "matrix": "tier matrix 等级矩阵",
    "holding": "holding 保留期",
    "risk/high": "churn warnings 流失预警",
    "more": "more points 加分",
    "fewer": "fewer points 减分",
}
TAGS = {"value": "Value 价值", "need": "Need 需求", "risk": "Risk 风险"}
STYLE = """
body { font: 15px/1.5 system-ui, "PingFang SC", "Noto Sans CJK SC", sans-serif; color: #1c2430;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2rem; break-after: avoid; }
.figures { display: flex; gap: 2rem; flex-wrap: wrap; }
.figures b { display: block; font-size: 1.8rem; }
table { border-collapse: collapse; margin: .5rem 0; } tr { break-inside: avoid; }
tr:first-child { break-after: avoid; }
th, td { padding: .3rem .8rem; text-align: left; border-bottom: 1px solid #dde3ea;
  vertical-align: top; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; }
td.same { color: #8893a1; } td.up { background: #dff3e4; } td.down { background: #fbe3df; }
small { color: #5d6876; }
@media print { body { margin: 0; font-size: 12px; } td { print-color-adjust: exact; } }
"""


class Change(int):
    """So many more, or fewer: written with its sign."""


def page(found: dict[str, Any]) -> str:
    """The report of `backtest.compare` as HTML."""
    title = f"{found['candidate']} · back-test 策略回测"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>against 对比 <b>{escape(found['live'])}</b>, {found['from']} – {found['as_of']} "
        f"({found['days']} days 天)</p>",
        _figures(found),
        "<h2>Tiers: from the live policy (rows) to the candidate (columns) 等级流向</h2>",
        _flow(found["flow"], list(reversed(TIERS))),
        "<h2>Why tiers differ 变动原因</h2>",
        _table(
            ["reason 原因", "live 现行", "candidate 候选", "customers 客户数"],
            [[c["kind"], c["live"], c["candidate"], c["customers"]] for c in found["causes"]],
        ),
        "<h2>Measures that give other points 得分变动的指标</h2>",
        _table(
            ["measure 指标", "points 得分", "customers 客户数"],
            [[m["measure"], m["points"], m["customers"]] for m in found["measures"]],
        ),
        "<h2>Tags given and no longer given 标签增减</h2>",
        _table(
            ["tag 标签", "value 值", "customers 客户数"],
            [[t["tag"], t["value"], Change(t["customers"])] for t in found["retagged"]],
        ),
        "<h2>What it would have set off, at most 最多触发</h2>",
        _table(
            ["", "live 现行", "candidate 候选"],
            [[name, n["live"], n["candidate"]] for name, n in found["triggered"].items()],
        ),
        "<h2>Tiers then and now 等级分布</h2>",
        _distribution(found["distribution"]),
        *_tags(found["tags"]),
        "<h2>Some of those who move 变动客户示例</h2>",
        _samples(found["samples"]),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _figures(found: dict[str, Any]) -> str:
    mean = found["score"]["mean"]
    figures = {
        "customers 客户": f"{found['customers']:,}",
        "in another tier 等级变动": f"{found['moved']:,}",
        "with other points 得分变动": f"{found['score']['changed']:,}",
        "mean score 平均分": f"{mean['live']} → {mean['candidate']}",
    }
    cells = (f"<div><b>{number}</b>{escape(words)}</div>" for words, number in figures.items())
    return f'<div class="figures">{"".join(cells)}</div>'


def _flow(flow: dict[str, dict[str, int]], names: Sequence[str]) -> str:
    """A matrix, best first: what lies right of the diagonal went down."""
    head = "".join(f'<th class="n">{_named(name)}</th>' for name in names)
    rows = ""
    for row, live in enumerate(names):
        cells = ""
        for column, candidate in enumerate(names):
            customers = flow.get(live, {}).get(candidate, 0)
            way = "same" if row == column or not customers else "up" if column < row else "down"
            cells += f'<td class="n {way}">{customers:,}</td>'
        rows += f"<tr><th>{_named(live)}</th>{cells}</tr>"
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _tags(tags: dict[str, dict[str, dict[str, int]]]) -> Iterable[str]:
    for verdict, flow in tags.items():
        rows = [
            [live, candidate, customers]
            for live, row in flow.items()
            for candidate, customers in row.items()
            if live != candidate
        ]
        yield f"<h2>{TAGS[verdict]}</h2>"
        yield _table(["live 现行", "candidate 候选", "customers 客户数"], rows)


def _distribution(distribution: dict[str, Any]) -> str:
    columns = [(when, side) for when in ("then", "now") for side in ("live", "candidate")]
    words = {
        "then": "then 期初",
        "now": "now 期末",
        "live": "live 现行",
        "candidate": "candidate 候选",
    }
    head = ["", *(f"{words[when]}, {words[side]}" for when, side in columns)]
    rows = [
        [tier, *(distribution[when][side]["tier"].get(tier, 0) for when, side in columns)]
        for tier in reversed(TIERS)
    ]
    return _table(head, rows)


def _samples(samples: Sequence[dict[str, Any]]) -> str:
    rows = ""
    for each in samples:
        cells = f"<td>{escape(each['customer'])}</td>"
        for side in ("live", "candidate"):
            why = "<br>".join(
                escape(reason) for reasons in each["reasons"][side].values() for reason in reasons
            )
            cells += (
                f"<td>{_named(each[side])} · {each[f'{side}_points']}<br><small>{why}</small></td>"
            )
        rows += f"<tr>{cells}</tr>"
    head = "<th>customer 客户</th><th>live 现行</th><th>candidate 候选</th>"
    return f"<table><tr>{head}</tr>{rows}</table>" if rows else "<p>nobody 无</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    if not rows:
        return "<p>nothing 无</p>"
    top = "".join(f"<th>{escape(words)}</th>" for words in head)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{body}</table>"


def _cell(content: Any) -> str:
    if isinstance(content, Change):
        return f'<td class="n">{content:+,}</td>'
    if isinstance(content, int):
        return f'<td class="n">{content:,}</td>'
    return f"<td>{_named(content)}</td>"


def _named(name: str) -> str:
    return escape(NAMES.get(name, name))
