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
        "into": " · goes on as {}",
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
        "into": " · 并入 {}",
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
NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {},
    "zh": {
        "complaint": "投诉",
        "fault": "故障",
        "enquiry": "咨询",
        "after_sales": "售后",
        "open": "处理中",
        "waiting": "等待中",
        "resolved": "已解决",
        "closed": "已关闭",
        "merged": "已合并",
        "first_response": "首次响应",
        "next_response": "再次响应",
        "temporary_fix": "临时修复",
        "resolution": "解决",
        "met": "已兑现",
        "missed": "未兑现",
        "running": "进行中",
        "paused": "已暂停",
        "working": "处理",
        "outside_hours": "非工作时间",
        "customer": "客户",
        "third_party": "第三方",
        "unassigned": "未分派",
        "nobody": "无人",
        "opened": "创建",
        "joined": "再次报告",
        "replied": "客户回复",
        "responded": "答复",
        "fixed": "修复",
        "waits_for_customer": "等待客户",
        "waits_for_third_party": "等待第三方",
        "resumed": "继续处理",
        "assigned": "分派",
        "unassignable": "无人可接",
        "prioritised": "调整级别",
        "noted": "备注",
        "linked": "关联",
        "reopened": "重新打开",
        "rated": "评价",
    },
}
"""Of what the service says of tickets. Teams, causes and articles stay as people named them."""
_COLOURS = {"met": "green", "missed": "red", "running": "default", "paused": "yellow"}
_MARKS = {"met": "✓", "missed": "✗", "running": "…", "paused": "‖"}
"""The same where there are no colours, or none that somebody tells apart."""


def listed(tickets: Iterable[Mapping[str, Any]], language: str) -> RenderableType:
    """A line a ticket, with the verdict of each promise."""
    names = NAMES[language]
    number, *others = WORDS[language]["columns"].split(",")
    table = Table(copied(number), *others, box=None)
    for one in tickets:
        table.add_row(
            one["ticket"],
            _named(one["kind"], names),
            one["level"],
            _named(one["status"], names),
            local_minute(one["opened_at"]),
            escape(one["team"] or one["agent"] or "–"),
            " ".join(
                _marked(_named(clock["target"], names), clock["verdict"]) for clock in one["clocks"]
            ),
        )
    return table if table.rows else WORDS[language]["none"]


def shown(ticket: Mapping[str, Any], language: str) -> RenderableType:
    """Everything about a ticket: what happened, and each promise line by line."""
    words, names = WORDS[language], NAMES[language]
    kind_and_status = {name: _named(ticket[name], names) for name in ("kind", "status")}
    title = words["title"].format_map({**ticket, **kind_and_status})
    if ticket["merged_into"]:
        title += words["into"].format(ticket["merged_into"])
    parts: list[RenderableType] = [f"[bold]{escape(title)}[/]"]
    for clock in ticket["clocks"]:
        parts += [f"\n{_promise(clock, words, names)}", _lines(clock["lines"], words, names)]
    parts += [f"[yellow]{_doubtful(pause, words, names)}[/]" for pause in ticket["doubtful_pauses"]]
    parts += [f"\n{words['steps']}", _steps(ticket["steps"], names)]
    return Group(*parts)


def _named(word: str, names: Mapping[str, str]) -> str:
    """A word of the service in the reader's language; what people named themselves stays."""
    return names.get(word, word)


def _promise(clock: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]) -> str:
    text = words["clock"].format(
        target=_named(clock["target"], names),
        verdict=_named(clock["verdict"], names),
        due_at=local_minute(clock["due_at"]),
    )
    if clock["late_seconds"]:
        text += words["late"].format(late=_hours(clock["late_seconds"]))
    return f"[{_COLOURS[clock['verdict']]}]{text}[/]"


def _doubtful(pause: Mapping[str, Any], words: Mapping[str, str], names: Mapping[str, str]) -> str:
    target, left = _named(pause["target"], names), _hours(pause["left_seconds"])
    return words["doubtful"].format(target=target, left=left, until=local_minute(pause["to"]))


def _hours(seconds: float) -> str:
    """In hours however long: days would need words."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"


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


def _lines(
    lines: Iterable[Mapping[str, Any]], words: Mapping[str, str], names: Mapping[str, str]
) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for one in _day_after_day(lines):
        minutes = round(one.time.total_seconds()) // 60
        time = f"{minutes // 60}:{minutes % 60:02} h"
        counts = f"{words['counts']} {time}" if one.counts else f"[dim]{words['idle']}[/]"
        times = (local_minute(one.begin), local_minute(one.end))
        is_named_by_people = one.kind == "working" and one.who != "unassigned"
        who = one.who if is_named_by_people else _named(one.who, names)
        table.add_row(*times, _named(one.kind, names), escape(who), counts)
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


def _steps(steps: Iterable[Mapping[str, Any]], names: Mapping[str, str]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 2))
    for step in steps:
        # for whom it waits the act says
        said = ("team", "agent", *(() if step["act"].startswith("waits_for_") else ("detail",)))
        who = " ".join(step[name] for name in said if step[name])
        table.add_row(local_minute(step["at"]), _named(step["act"], names), escape(who))
    return table


def _marked(words: str, verdict: str) -> str:
    return f"[{_COLOURS[verdict]}]{_MARKS[verdict]} {words}[/]"
