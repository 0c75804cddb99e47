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
from careline_cli.replay import Pipeline
from careline_contracts.topics import SERVICES

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LINES = 10.0


class View:
    """Redraws itself on a terminal; elsewhere it writes a line now and then."""

    def __init__(self, pipeline: Pipeline, console: Console) -> None:
        self._pipeline = pipeline
        self._console = console
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._looked_at = 0.0
        self._lined_at = time.monotonic()
        self._handled: dict[str, int] = {}

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    async def show(self, story: Story) -> None:
        """Looks at the services, at most once a second."""
        now = time.monotonic()
        if now - self._looked_at < SECONDS_BETWEEN_LOOKS:
            return
        passed, self._looked_at = now - self._looked_at, now
        summaries = await summaries_of(self._pipeline)
        if not self._console.is_terminal:
            if now - self._lined_at >= SECONDS_BETWEEN_LINES:
                self._lined_at = now
                self._console.print(
                    f"{story.now:%Y-%m-%d} {story.sent:,} touchpoints · "
                    f"{customers_line(summaries)} · {work_line(summaries)}",
                    highlight=False,
                    soft_wrap=True,
                )
            return
        statuses = await self._pipeline.statuses()
        lags = await self._pipeline.lags(statuses)
        table = Table("service", "events/s", "lag", "out", "dead letters", box=None)
        for service in SERVICES:
            events = statuses[service]["events"]
            rate = (events["in"] - self._handled.get(service, 0)) / max(passed, 0.1)
            self._handled[service] = events["in"]
            table.add_row(
                service,
                f"{rate:,.0f}",
                f"{lags[service]:,}",
                f"{events['out']:,}",
                f"{events['dead_letters']:,}",
            )
        bar = ProgressBar(total=max(1, story.total), completed=story.sent, width=60)
        self._live.update(
            Group(
                f"[bold]{story.now:%Y-%m-%d}[/]  {story.sent:,} of {story.total:,} touchpoints",
                bar,
                table,
                customers_line(summaries),
                work_line(summaries),
            ),
            refresh=True,
        )


async def summaries_of(pipeline: Pipeline) -> Mapping[str, Any]:
    """`/v1/summary` of every service."""
    return {service: await pipeline.get(service, "/v1/summary") for service in SERVICES}
