"""The monthly report on the records as one page: no script, no other file, good to print."""

from collections.abc import Iterable, Sequence
from html import escape

from careline_profile.quality.model import Check, Report, Share, Trend

MEASURES = (
    ("completeness", "完整性", "expected and there"),
    ("validity", "有效性", "of a form that can be"),
    ("uniqueness", "唯一性", "in no proposed pair of duplicates"),
    ("freshness", "时效性", "said again in time"),
    ("accuracy", "准确性", "the same as what was verified"),
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
            _fields(check),
            _heading("按来源", "By source"),
            _table(
                ("来源 · source", "有效性 · validity", "准确性 · accuracy"),
                ((escape(s.source), _of(s.validity), _of(s.accuracy)) for s in check.sources),
            ),
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
        if name == "accuracy" and share.ratio is not None:
            good = share.ratio >= report.accuracy_target
            shown = f'<span class="{"good" if good else "low"}">{shown}</span>'
            words = f"{words}; 目标 · target ≥ {report.accuracy_target:.0%}"
        rows.append((f"{chinese} · {name}", shown, f"{share.good:,} / {share.of:,}", words))
    return _table(("指标 · measure", "", "", ""), rows)


def _fields(check: Check) -> str:
    measured = [measure for measure in MEASURES if measure[0] != "uniqueness"]
    return _table(
        ("字段 · field", *(f"{chinese} · {name}" for name, chinese, _ in measured)),
        (
            (escape(one.field), *(_of(getattr(one, name)) for name, *_ in measured))
            for one in check.fields
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


def _of(share: Share) -> str:
    return _percent(share.ratio)


def _percent(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.1%}"
