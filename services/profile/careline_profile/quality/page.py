"""The monthly report on the records as one page: no script, no other file, good to print."""

from collections.abc import Iterable, Sequence
from html import escape

from careline_profile.quality.model import Check, Report, Share, Trend

MEASURES = (
    ("completeness", "完整性", "应有且已有的值 · expected and there"),
    ("validity", "有效性", "格式正确的值 · of a form that can be"),
    ("uniqueness", "唯一性", "无疑似重复的客户 · in no proposed pair of duplicates"),
    ("freshness", "时效性", "按期更新的值 · said again in time"),
    ("accuracy", "准确性", "与已核实的值一致 · the same as what was verified"),
)
"""What is measured: the name, in Chinese, and what it is the share of."""

STYLE = """
body { font: 15px/1.5 "Noto Sans SC", "PingFang SC", "Microsoft YaHei", sans-serif; color: #1d2733;
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0 } h2 { font-size: 1.1rem; margin-top: 2rem }
p.sub { color: #5b6b7b; margin-top: .2rem }
table { border-collapse: collapse; width: 100% }
th, td { padding: .35rem .6rem; border-bottom: 1px solid #dde3ea; text-align: right }
th:first-child, td:first-child { text-align: left } th { font-weight: 600; color: #41505f }
small { color: #5b6b7b; white-space: nowrap } .words td:last-child { text-align: left }
.low { color: #a61b1b; font-weight: 600 } .good { color: #12693c; font-weight: 600 }
@media print {
  body { margin: 0; max-width: none } h2 { break-after: avoid } tr { break-inside: avoid } }
"""


def page(report: Report) -> str:
    """The report in HTML."""
    title = f"数据质量月报 · Data quality · {escape(report.month)}"
    return f"""<!doctype html>
<html lang="zh-CN">
<head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>
<body>
<h1>{title}</h1>
{_content(report, report.check) if report.check else _nothing()}
</body>
</html>
"""


def _nothing() -> str:
    return "<p>本月没有检查。· There was no check in this month.</p>"


def _content(report: Report, check: Check) -> str:
    return "\n".join(
        (
            f'<p class="sub">{check.customers:,} 位客户 · customers · 检查于 · checked '
            f"{check.at:%Y-%m-%d %H:%M} UTC</p>",
            _heading("总览", "Overview"),
            _overview(report, check),
            f"<p>{report.open_duplicates:,} 对疑似重复客户待人工核对。· "
            "pairs of possible duplicates wait for a person.</p>",
            _heading("按字段", "By field"),
            _fields(check, report.accuracy_target),
            _heading("按来源", "By source"),
            _sources(check, report.accuracy_target),
            _heading("每周", "By week"),
            _weeks(report.weeks),
        )
    )


def _heading(chinese: str, english: str) -> str:
    return f"<h2>{chinese} · {english}</h2>"


def _overview(report: Report, check: Check) -> str:
    rows = []
    for name, chinese, words in MEASURES:
        share: Share = getattr(check, name)
        shown = _of(share)
        if name == "accuracy":
            shown = _against(report.accuracy_target, share)
            words = f"{words}; 目标 · target ≥ {report.accuracy_target:.0%}"
        rows.append((f"{chinese} · {name}", shown, words))
    table = _table(("指标 · measure", "比率 · share", ""), rows)
    return f'<div class="words">{table}</div>'


def _fields(check: Check, target: float) -> str:
    measured = [measure for measure in MEASURES if measure[0] != "uniqueness"]
    return _table(
        ("字段 · field", *(f"{chinese} · {name}" for name, chinese, _ in measured)),
        (
            (
                escape(one.field),
                _of(one.completeness),
                _of(one.validity),
                _of(one.freshness),
                _against(target, one.accuracy),
            )
            for one in check.fields
        ),
    )


def _sources(check: Check, target: float) -> str:
    return _table(
        ("来源 · source", "有效性 · validity", "准确性 · accuracy"),
        (
            (escape(one.source), _of(one.validity), _against(target, one.accuracy))
            for one in check.sources
        ),
    )


def _weeks(weeks: Sequence[Trend]) -> str:
    return _table(
        ("周 · week", *(f"{chinese} · {name}" for name, chinese, _ in MEASURES)),
        (
            (f"{week.at:%Y-%m-%d}", *(_percent(getattr(week, name)) for name, *_ in MEASURES))
            for week in weeks
        ),
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    heads = "".join(f"<th>{cell}</th>" for cell in head)
    lines = ("".join(f"<td>{cell}</td>" for cell in row) for row in rows)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table><thead><tr>{heads}</tr></thead>\n<tbody>{body}</tbody></table>"


def _against(target: float, share: Share) -> str:
    """The share in the colour of its verdict."""
    if share.ratio is None:
        return _of(share)
    return f'<span class="{"good" if share.ratio >= target else "low"}">{_of(share)}</span>'


def _of(share: Share) -> str:
    """The share, and of how many: half of two is another matter than half of two thousand."""
    if share.ratio is None:
        return "–"
    return f"{_percent(share.ratio)} <small>{share.good:,} / {share.of:,}</small>"


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"
