"""The demo while it runs: how far time has come, what each service does, who the customers are."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from careline_cli.demo.story import Story
from careline_cli.demo.summary import customers_line, work_line
from careline_cli.replay import Pipeline, Status
from careline_contracts.topics import SERVICES

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LINES = 10.0


class View:
    """Redraws itself on a terminal; elsewhere it writes a line now and then."""

    def __init__(self, pipeline: Pipeline, console: Console) -> None:
        self._pipeline = pipeline
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._looked_at = time.monotonic()
        self._handled = dict.fromkeys(SERVICES, 0)

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    async def show(self, story: Story) -> None:
        """Looks at the services, but not at every call: looking costs them something."""
        passed = time.monotonic() - self._looked_at
        if passed < (SECONDS_BETWEEN_LOOKS if self._console.is_terminal else SECONDS_BETWEEN_LINES):
            return
        self._looked_at += passed
        summaries = await summaries_of(self._pipeline)
        statuses = await self._pipeline.statuses()
        lags = await self._pipeline.lags(statuses)
        rates = self._rates(statuses, passed)
        if self._console.is_terminal:
            self._live.update(_page(story, summaries, statuses, rates, lags), refresh=True)
        else:
            self._console.print(
                f"{story.now:%Y-%m-%d} {story.sent:,} touchpoints · {customers_line(summaries)} · "
                f"{work_line(summaries)} · {_services_line(rates, lags)}",
                highlight=False,
                soft_wrap=True,
            )

    def _rates(self, statuses: Mapping[str, Status], passed: float) -> dict[str, float]:
        """Events a second of each service since the last look."""
        handled = {service: statuses[service]["events"]["in"] for service in SERVICES}
        before, self._handled = self._handled, handled
        return {service: (handled[service] - before[service]) / passed for service in SERVICES}


def _page(
    story: Story,
    summaries: Mapping[str, Any],
    statuses: Mapping[str, Status],
    rates: Mapping[str, float],
    lags: Mapping[str, int],
) -> Group:
    table = Table("service", "events/s", "lag", "out", "dead letters", box=None)
    for service in SERVICES:
        events = statuses[service]["events"]
        table.add_row(
            service,
            f"{rates[service]:,.0f}",
            f"{lags[service]:,}",
            f"{events['out']:,}",
            f"{events['dead_letters']:,}",
        )
    return Group(
        f"[bold]{story.now:%Y-%m-%d}[/]  {story.sent:,} of {story.total:,} touchpoints",
        ProgressBar(total=max(1, story.total), completed=story.sent, width=60),
        table,
        customers_line(summaries),
        work_line(summaries),
    )


def _services_line(rates: Mapping[str, float], lags: Mapping[str, int]) -> str:
    parts = (f"{service} {rates[service]:,.0f} ({lags[service]:,})" for service in SERVICES)
    return f"events/s (lag): {', '.join(parts)}"


async def summaries_of(pipeline: Pipeline) -> Mapping[str, Any]:
    """`/v1/summary` of every service."""
    return {service: await pipeline.get(service, "/v1/summary") for service in SERVICES}
