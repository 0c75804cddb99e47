"""Tickets as people read them, in English or Chinese."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from careline_cli.console import copied, local_minute

WORDS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "title": "{ticket} · {kind} {level} · {status} · customer {customer}",
        "columns": "ticket,kind,level,status,opened,team,promises",
        "none": "no tickets",
        "clock": "{target}: {verdict}, due {due_at}",
        "late": ", {late} late",
        "doubtful": "doubtful pause: begun {left} before {target} was due, ended {until}",
        "steps": "what happened",
        "counts": "counts",
        "idle": "does not count",
    },
    "zh": {
        "title": "{ticket} · {kind} {level} · {status} · 客户 {customer}",
        "columns": "工单,类型,级别,状态,创建时间,团队,承诺",
        "none": "没有工单",
        "clock": "{target}：{verdict}，截止 {due_at}",
        "late": "，超时 {late}",
        "doubtful": "可疑暂停：距 {target} 截止 {left} 时开始，{until} 结束",
        "steps": "处理经过",
        "counts": "计时",
        "idle": "不计时",
    },
}
_COLOURS = {"met": "green", "missed": "red", "running": "default", "paused": "yellow"}
_MARKS = {"met": "✓", "missed": "✗", "running": "…", "paused": "‖"}
"""The same where there are no colours, or none that somebody tells apart."""


def listed(tickets: Iterable[Mapping[str, Any]], language: str) -> RenderableType:
    """A line a ticket, with the verdict of each promise."""
    number, *others = WORDS[language]["columns"].split(",")
    table = Table(copied(number), *others, box=None)
    for one in tickets:
        table.add_row(
            one["ticket"],
            one["kind"],
            one["level"],
            one["status"],
            local_minute(one["opened_at"]),
            escape(one["team"] or one["agent"] or "–"),
            " ".join(_marked(clock["target"], clock["verdict"]) for clock in one["clocks"]),
        )
    return table if table.rows else WORDS[language]["none"]


def shown(ticket: Mapping[str, Any], language: str) -> RenderableType:
    """Everything about a ticket: what happened, and each promise line by line."""
    words = WORDS[language]
    parts: list[RenderableType] = [f"[bold]{escape(words['title'].format_map(ticket))}[/]"]
    for clock in ticket["clocks"]:
        parts += [f"\n{_promise(clock, words)}", _lines(clock["lines"], words)]
    parts += [f"[yellow]{_doubtful(pause, words)}[/]" for pause in ticket["doubtful_pauses"]]
    parts += [f"\n{words['steps']}", _steps(ticket["steps"])]
    return Group(*parts)


def _promise(clock: Mapping[str, Any], words: Mapping[str, str]) -> str:
    text = words["clock"].format(
        target=clock["target"], verdict=clock["verdict"], due_at=local_minute(clock["due_at"])
    )
    if clock["late_seconds"]:
        text += words["late"].format(late=timedelta(seconds=round(clock["late_seconds"])))
    return f"[{_COLOURS[clock['verdict']]}]{text}[/]"


def _doubtful(pause: Mapping[str, Any], words: Mapping[str, str]) -> str:
    left = timedelta(seconds=round(pause["left_seconds"]))
    return words["doubtful"].format(
        target=pause["target"], left=left, until=local_minute(pause["to"])
    )


class _Stretch(NamedTuple):
    """Time of one kind that one party had; what lies between its parts is nobody's."""

    begin: str
    end: str
    kind: str
    who: str
    counts: bool
    time: timedelta

    def is_like(self, other: "_Stretch") -> bool:
        return (self.kind, self.who, self.counts) == (other.kind, other.who, other.counts)


def _lines(lines: Iterable[Mapping[str, Any]], words: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for one in _day_after_day(lines):
        minutes = round(one.time.total_seconds()) // 60
        time = f"{minutes // 60}:{minutes % 60:02} h"
        counts = f"{words['counts']} {time}" if one.counts else f"[dim]{words['idle']}[/]"
        times = (local_minute(one.begin), local_minute(one.end))
        table.add_row(*times, one.kind, escape(one.who), counts)
    return table


def _day_after_day(lines: Iterable[Mapping[str, Any]]) -> list[_Stretch]:
    """Days that are alike are one line with the sum of their time, without the nights between."""
    found: list[_Stretch] = []
    for line in lines:
        begin, end = line["from"], line["to"]
        time = datetime.fromisoformat(end) - datetime.fromisoformat(begin)
        one = _Stretch(begin, end, line["kind"], line["who"], line["counts"], time)
        if len(found) > 1 and found[-1].kind == "outside_hours" and found[-2].is_like(one):
            found.pop()
            first = found.pop()
            one = first._replace(end=end, time=first.time + time)
        found.append(one)
    return found


def _steps(steps: Iterable[Mapping[str, Any]]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for step in steps:
        who = " ".join(step[name] for name in ("team", "agent", "detail") if step[name])
        table.add_row(local_minute(step["at"]), step["act"], escape(who))
    return table


def _marked(words: str, verdict: str) -> str:
    return f"[{_COLOURS[verdict]}]{_MARKS[verdict]} {words}[/]"
