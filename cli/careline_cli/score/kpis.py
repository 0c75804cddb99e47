"""`careline score kpis`: a month in figures, against its targets and the year before."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

import typer
from rich.table import Table

from careline_cli import service_api
from careline_cli.console import AsJson, stdout
from careline_cli.score.movements import Month
from careline_cli.score.view import money

ask = partial(service_api.ask, "scoring")
of_tickets = partial(service_api.ask, "ticketing")
"""Answers and complaints are ticketing's to tell."""

Language = Annotated[Literal["en", "zh"], typer.Option("--language", help="Of the definitions.")]

HEADS = {
    "en": ("", "value", "of", "year before", "change", "target", ""),
    "zh": ("", "数值", "基数", "去年同月", "变化", "目标", ""),
}
SURVEY = {
    "en": "{answers:,} answers, mean {mean}, deviation {deviation}, {promoters:,} promoters, "
    "{passives:,} passives, {detractors:,} detractors",
    "zh": "{answers:,} 份回答，平均 {mean}，标准差 {deviation}，推荐者 {promoters:,}，"
    "中立者 {passives:,}，贬损者 {detractors:,}",
}
SIGNS = {"at_least": "≥", "above": ">", "at_most": "≤"}


def kpis(month: Month, language: Language = "en", as_json: AsJson = False) -> None:
    """Show a month in figures, each with its target: core customers, churn, complaints, sales.

    [bold]Examples[/]

    careline score kpis --month 2026-06

    careline score kpis --month 2026-06 --language zh
    """
    asked = {"month": month, "language": language}
    found = ask("GET", "/v1/kpis", params=asked)
    found["kpis"] += of_tickets("GET", "/v1/kpis", params=asked)["kpis"]
    if as_json:
        stdout.print_json(data=found)
        return
    table = Table(box=None, padding=(0, 1, 0, 0))
    for head in HEADS[language]:
        # where it is narrow a name stands in two lines, and no figure is cut off
        table.add_column(head, no_wrap=bool(head))
    for one in found["kpis"]:
        table.add_row(
            one["name"],
            _shown(one["value"], one["unit"], found),
            f"{one['of']:,}",
            _shown(one["year_before"], one["unit"], found),
            _shown(one["change"], "share", found),
            _target(one, found),
            {True: "✓", False: "✗", None: ""}[one["met"]],
        )
    stdout.print(table)
    for one in found["kpis"]:
        stdout.print(f"{one['name']}: {one['definition']}", highlight=False)
    for name, survey in found["surveys"].items():
        counted = {key: "–" if value is None else value for key, value in survey.items()}
        stdout.print(f"{name}: {SURVEY[language].format(**counted)}", highlight=False)


def _target(one: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    target = one["target"]
    if target is None:
        return ""
    line = next(name for name in SIGNS if target.get(name) is not None)
    is_change = target.get("of") == "change"
    shown = _shown(target[line], "share" if is_change else one["unit"], found)
    return f"{'Δ ' if is_change else ''}{SIGNS[line]} {shown}"


def _shown(figure: str | None, unit: str, found: Mapping[str, Any]) -> str:
    """A share in percent, money in whole units."""
    if figure is None:
        return "–"
    if unit == "minor_units":
        return money(int(figure), found)
    number = Decimal(figure)
    if unit == "share":
        return f"{100 * number:.2f} %"
    return f"{number:,}{' h' if unit == 'hours' else ''}"
